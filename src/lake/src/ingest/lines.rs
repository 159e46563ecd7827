//! JSON lines: bounded reading, and what becomes of lines that are no events.

use std::{
    fs::File,
    io::{self, BufRead, BufWriter, Write as _},
    path::PathBuf,
};

use margay_domain::lake::{IngestReport, RejectedLine};
use serde_json::{Map, Value, json};

/// Longer lines are rejected.
pub(super) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;
/// So much of the text of a rejected line is kept.
const MAX_REJECTED_TEXT: usize = 64 * 1024;
/// So many rejected lines stand in the report.
const MAX_REPORTED: usize = 100;

/// The byte order mark that some programs write before UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A line that is not empty.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// An event.
    Event(Map<String, Value>),
    /// Something else, with the reason and (the beginning of) its text.
    Rejected {
        /// Why.
        reason: String,
        /// The text.
        text: String,
    },
}

/// Reads lines.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// The next line that is not empty, with its number from 1 and its length in bytes.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, usize, Line)>> {
        loop {
            let Some(whole) = self.fill()? else { return Ok(None) };
            self.number += 1;
            let bytes = self.buffer.as_slice();
            let bytes = if self.number == 1 { bytes.strip_prefix(BOM).unwrap_or(bytes) } else { bytes };
            let bytes = bytes.trim_ascii();
            if whole && bytes.is_empty() {
                continue;
            }
            let line = if whole {
                read_line(bytes)
            } else {
                rejected(format!("longer than {} MB", MAX_LINE_BYTES / 1024 / 1024), bytes)
            };
            return Ok(Some((self.number, bytes.len(), line)));
        }
    }

    /// Reads the next line into the buffer; `false` if only its beginning fits, `None` at the end.
    fn fill(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let (mut any, mut whole) = (false, true);
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(any.then_some(whole));
            }
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (part, used) = match end {
                Some(end) => (available.get(..end).unwrap_or_default(), end + 1),
                None => (available, available.len()),
            };
            let space = MAX_LINE_BYTES.saturating_sub(self.buffer.len());
            whole &= part.len() <= space;
            self.buffer.extend_from_slice(part.get(..space).unwrap_or(part));
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(whole));
            }
        }
    }
}

fn read_line(bytes: &[u8]) -> Line {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return rejected("not valid UTF-8".to_owned(), bytes);
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(event)) => Line::Event(event),
        Ok(_) => rejected("not a JSON object".to_owned(), bytes),
        Err(error) => {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            rejected(format!("not valid JSON: {what} at byte {}", error.column()), bytes)
        }
    }
}

fn rejected(reason: String, bytes: &[u8]) -> Line {
    let shown = bytes.get(..MAX_REJECTED_TEXT).unwrap_or(bytes);
    Line::Rejected { reason, text: String::from_utf8_lossy(shown).into_owned() }
}

/// Keeps rejected lines: the first in the report, all in a file that is made when the first one comes.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Rejects {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Keeps one.
    pub(super) fn keep(
        &mut self,
        line: u64,
        reason: String,
        text: String,
        report: &mut IngestReport,
    ) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(File::create(&self.path)?));
        }
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        serde_json::to_writer(&mut *file, &json!({"line": line, "reason": reason, "text": text}))?;
        file.write_all(b"\n")?;
        report.rejected_total += 1;
        if report.rejected.len() < MAX_REPORTED {
            report.rejected.push(RejectedLine { line, reason, text });
        }
        Ok(())
    }

    /// Writes out what is still held back.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.file {
            Some(mut file) => file.flush(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<(u64, Line)> {
        // A tiny buffer, so that lines span several reads.
        let mut lines = Lines::new(io::BufReader::with_capacity(7, input));
        let mut found = Vec::new();
        while let Some((number, _, line)) = lines.next().unwrap() {
            found.push((number, line));
        }
        found
    }

    fn reason(line: &Line) -> &str {
        match line {
            Line::Rejected { reason, .. } => reason,
            Line::Event(_) => "event",
        }
    }

    #[test]
    fn lines_are_told_apart() {
        let input = b"\xEF\xBB\xBF{\"a\":1}\r\n\n  \n[1]\n{\"a\":\n\"x\"\n{\"b\":\"\xFF\"}\n{\"c\":3}";
        let found = all(input);
        let summary: Vec<_> = found.iter().map(|(number, line)| (*number, reason(line))).collect();
        assert_eq!(summary[0], (1, "event"));
        assert_eq!(summary[1], (4, "not a JSON object"));
        assert!(summary[2].0 == 5 && summary[2].1.starts_with("not valid JSON: EOF"), "{:?}", summary[2]);
        assert_eq!(summary[3], (6, "not a JSON object"));
        assert_eq!(summary[4], (7, "not valid UTF-8"));
        assert_eq!(summary[5], (8, "event"));
        assert_eq!(summary.len(), 6);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_rejected_and_the_next_is_read() {
        let mut input = vec![b'x'; MAX_LINE_BYTES + 1];
        input.extend_from_slice(b"\n{}\n");
        let mut lines = Lines::new(io::BufReader::new(input.as_slice()));
        let (number, _, line) = lines.next().unwrap().unwrap();
        assert_eq!((number, reason(&line)), (1, "longer than 4 MB"));
        assert!(matches!(&line, Line::Rejected { text, .. } if text.len() == MAX_REJECTED_TEXT));
        assert_eq!(lines.next().unwrap().unwrap().2, Line::Event(Map::new()));
        assert!(lines.next().unwrap().is_none());
    }
}
