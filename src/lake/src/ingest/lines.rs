//! JSON lines: bounded reading, and what becomes of lines that are no events.

use std::{
    fs::File,
    io::{self, BufRead, BufWriter, Write as _},
    path::PathBuf,
};

use margay_domain::lake::{IngestReport, RejectedLine};
use serde_json::{Map, Value};

/// Longer lines are rejected.
pub(super) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;
/// So much of a rejected line stands in the report.
const MAX_REPORTED_BYTES: usize = 64 * 1024;
/// So many rejected lines stand in the report.
const MAX_REPORTED: usize = 100;

/// The byte order mark that some programs write before UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A line that is not empty.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// An event.
    Event(Map<String, Value>),
    /// Something else, and why. Its bytes are to be had from the reader until the next line is read.
    Rejected(String),
}

/// What failed.
#[derive(Debug)]
pub(super) enum LineError {
    /// Reading.
    Read(io::Error),
    /// Writing rejected lines.
    Rejects(io::Error),
}

/// Reads lines.
pub(super) struct Lines<R> {
    reader: R,
    /// The line, without its line feed; of one that is too long only the beginning.
    buffer: Vec<u8>,
    /// Whether the reader still has a part of the line.
    unread: bool,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), unread: false, number: 0 }
    }

    /// The next line that is not empty, with its number from 1 and its length in bytes.
    pub(super) fn next(&mut self) -> Result<Option<(u64, usize, Line)>, LineError> {
        loop {
            if self.unread {
                self.hand_on(|_| Ok(()))?;
            }
            if !self.fill().map_err(LineError::Read)? {
                return Ok(None);
            }
            self.number += 1;
            if self.unread {
                let reason = format!("longer than {} MB", MAX_LINE_BYTES / 1024 / 1024);
                return Ok(Some((self.number, self.buffer.len(), Line::Rejected(reason))));
            }
            let bytes = self.buffer.as_slice();
            let bytes = if self.number == 1 { bytes.strip_prefix(BOM).unwrap_or(bytes) } else { bytes };
            let bytes = bytes.trim_ascii();
            if !bytes.is_empty() {
                return Ok(Some((self.number, bytes.len(), read_line(bytes))));
            }
        }
    }

    /// Hands on every byte of the line that was read last, as it is in the file, without its line feed.
    pub(super) fn hand_on(&mut self, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), LineError> {
        to(&self.buffer).map_err(LineError::Rejects)?;
        while self.unread {
            let (part, end) = next_part(&mut self.reader).map_err(LineError::Read)?;
            to(part).map_err(LineError::Rejects)?;
            let used = part.len() + usize::from(end == End::LineFeed);
            self.unread = end == End::None;
            self.reader.consume(used);
        }
        Ok(())
    }

    /// The beginning of the line as text.
    fn beginning(&self) -> String {
        let shown = self.buffer.get(..MAX_REPORTED_BYTES).unwrap_or(&self.buffer);
        String::from_utf8_lossy(shown).trim().to_owned()
    }

    /// Reads the next line into the buffer, or as much of it as a line may have; `false` at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let mut any = false;
        loop {
            let (part, end) = next_part(&mut self.reader)?;
            any |= end != End::File;
            if part.len() > MAX_LINE_BYTES.saturating_sub(self.buffer.len()) {
                self.unread = true;
                return Ok(true);
            }
            self.buffer.extend_from_slice(part);
            let used = part.len() + usize::from(end == End::LineFeed);
            self.reader.consume(used);
            if end != End::None {
                return Ok(any);
            }
        }
    }
}

/// What comes after a part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More of it.
    None,
    /// Its line feed.
    LineFeed,
    /// Nothing any more; the part is empty.
    File,
}

/// The bytes of the current line that the reader has at hand; they are not consumed.
fn next_part<R: BufRead>(reader: &mut R) -> io::Result<(&[u8], End)> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let available = reader.fill_buf()?;
    Ok(match available.iter().position(|byte| *byte == b'\n') {
        Some(end) => (available.get(..end).unwrap_or_default(), End::LineFeed),
        None if available.is_empty() => (available, End::File),
        None => (available, End::None),
    })
}

fn read_line(bytes: &[u8]) -> Line {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Line::Rejected("not valid UTF-8".to_owned());
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(event)) => Line::Event(event),
        Ok(_) => Line::Rejected("not a JSON object".to_owned()),
        Err(error) => {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            Line::Rejected(format!("not valid JSON: {what} at byte {}", error.column()))
        }
    }
}

/// Keeps rejected lines: the first in the report, all in a file that is made when the first one comes. They stand there
/// as they were, so that the file can be mended and read again.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Rejects {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Keeps the line that was read last.
    pub(super) fn keep<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        reason: String,
        report: &mut IngestReport,
    ) -> Result<(), LineError> {
        report.rejected_total += 1;
        if report.rejected.len() < MAX_REPORTED {
            report.rejected.push(RejectedLine { line: lines.number, reason, text: lines.beginning() });
        }
        let file = self.file().map_err(LineError::Rejects)?;
        lines.hand_on(|bytes| file.write_all(bytes))?;
        file.write_all(b"\n").map_err(LineError::Rejects)
    }

    fn file(&mut self) -> io::Result<&mut BufWriter<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::new(File::create(&self.path)?),
        };
        Ok(self.file.insert(file))
    }

    /// Writes out what is still held back.
    pub(super) fn finish(self) -> Result<(), LineError> {
        match self.file {
            Some(mut file) => file.flush().map_err(LineError::Rejects),
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
            Line::Rejected(reason) => reason,
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

    /// What the reject file would get.
    fn bytes(lines: &mut Lines<impl BufRead>) -> Vec<u8> {
        let mut bytes = Vec::new();
        lines
            .hand_on(|part| {
                bytes.extend_from_slice(part);
                Ok(())
            })
            .unwrap();
        bytes
    }

    #[test]
    fn a_line_that_is_too_long_is_rejected_and_the_next_is_read() {
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        let input = [long.as_slice(), b"\n{}\n"].concat();
        let mut lines = Lines::new(io::BufReader::new(input.as_slice()));
        let (number, _, line) = lines.next().unwrap().unwrap();
        assert_eq!((number, reason(&line)), (1, "longer than 4 MB"));
        assert!(bytes(&mut lines) == long);
        assert_eq!(lines.next().unwrap().unwrap().2, Line::Event(Map::new()));
        assert!(lines.next().unwrap().is_none());

        // Nobody has to want it.
        let mut lines = Lines::new(io::BufReader::new(input.as_slice()));
        lines.next().unwrap().unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), (2, 2, Line::Event(Map::new())));

        // Exactly as long as a line may be, and at the end of the file.
        let mut input = vec![b' '; MAX_LINE_BYTES - 2];
        input.extend_from_slice(b"{}");
        let mut lines = Lines::new(io::BufReader::new(input.as_slice()));
        assert_eq!(lines.next().unwrap().unwrap().2, Line::Event(Map::new()));
        assert!(lines.next().unwrap().is_none());
    }

    #[test]
    fn rejected_lines_are_kept_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rejects");
        let long = [b"{\xFF".as_slice(), &vec![b'y'; 2 * MAX_LINE_BYTES]].concat();
        let medium = vec![b'z'; 3 * MAX_REPORTED_BYTES];
        let input = [b"\xEF\xBB\xBF \xC3( \r\n{\"a\":1}\n\t[1]\n".as_slice(), &long, b"\n", &medium].concat();
        let mut lines = Lines::new(io::BufReader::with_capacity(1000, input.as_slice()));
        let mut rejects = Rejects::new(path.clone());
        let mut report = IngestReport::default();
        while let Some((_, _, line)) = lines.next().unwrap() {
            if let Line::Rejected(reason) = line {
                rejects.keep(&mut lines, reason, &mut report).unwrap();
            }
        }
        rejects.finish().unwrap();
        let expected = [b"\xEF\xBB\xBF \xC3( \r\n\t[1]\n".as_slice(), &long, b"\n", &medium, b"\n"].concat();
        assert!(std::fs::read(&path).unwrap() == expected);
        assert_eq!(report.rejected_total, 4);
        assert_eq!(report.rejected.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 3, 4, 5]);
        assert_eq!(report.rejected[1].text, "[1]");
        assert!(report.rejected.iter().all(|line| line.text.len() <= 3 * MAX_REPORTED_BYTES));
    }
}
