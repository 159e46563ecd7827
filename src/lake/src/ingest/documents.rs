//! Finding events in a stream of JSON, however they are put into it: one on each line, one after the other, over many
//! lines, in lists, in the wrappers of vendors, and all of it mixed with lines that are nothing of the kind.
//!
//! Memory is bounded by [`MAX_EVENT_BYTES`]: a list is handed out element by element, and so is the list in a wrapper
//! that is larger. After something that cannot be read, reading goes on behind it: behind its brackets if they close,
//! else on the next line that begins like a document.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use serde_json::{Map, Value};

use super::{
    guess,
    json::{self, Brackets, Outline, Ran},
    wrapper::{self, Opened},
};

/// Larger events are rejected.
pub(super) const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 128 * 1024;
/// Lists lie in each other at most this deep.
const MAX_LISTS: usize = 64;

/// The byte order mark that some programs write before UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An event, or what is none.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// How many bytes it has; 0 if something is missing.
    pub(super) bytes: usize,
    /// What it is.
    pub(super) what: What,
}

/// What was found.
#[derive(Debug, PartialEq)]
pub(super) enum What {
    /// An event.
    Event(Event),
    /// Something else, and why. Its bytes are to be had from the reader until the next one is asked for.
    Rejected(String),
}

/// An event.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Event {
    /// Its members.
    pub(crate) members: Map<String, Value>,
    /// Whether bad characters were replaced.
    pub(crate) repaired: bool,
    /// Members that were overwritten by a later one of the same name, with the path of their names.
    pub(crate) overwritten: Vec<(String, Value)>,
}

/// What failed.
#[derive(Debug)]
pub(super) enum ReadError {
    /// Reading.
    Input(io::Error),
    /// Writing rejected pieces.
    Rejects(io::Error),
}

/// A list that has begun.
struct List {
    line: u64,
    /// The name of the list in a wrapper.
    wrapper: Option<String>,
}

/// How the rest of the piece ends that was handed out last and is not in memory.
enum Rest {
    None,
    Line,
    Brackets(Brackets),
}

/// Reads events. `F` says whether a name means something to the log schema.
pub(super) struct Documents<R, F> {
    input: R,
    known: F,
    buffer: Vec<u8>,
    /// Where in the buffer that begins which was not handed out.
    start: usize,
    ended: bool,
    /// The line at `start`.
    line: u64,
    /// How far that line is indented.
    indent: usize,
    indenting: bool,
    /// How many bytes the piece has that was handed out last.
    piece: usize,
    /// That piece, if it is no piece of the input.
    copy: Option<Vec<u8>>,
    rest: Rest,
    lists: Vec<List>,
    queue: VecDeque<(Found, Option<Vec<u8>>)>,
    keep_text: bool,
    /// How many wrappers were opened.
    pub(super) opened: u64,
    /// How many bytes were read.
    pub(super) read: u64,
}

impl<R: Read, F: Fn(&str) -> bool> Documents<R, F> {
    /// `keep_text`: whether the text of events is wanted, too.
    pub(super) const fn new(input: R, known: F, keep_text: bool) -> Self {
        Self {
            input,
            known,
            buffer: Vec::new(),
            start: 0,
            ended: false,
            line: 1,
            indent: 0,
            indenting: true,
            piece: 0,
            copy: None,
            rest: Rest::None,
            lists: Vec::new(),
            queue: VecDeque::new(),
            keep_text,
            opened: 0,
            read: 0,
        }
    }

    /// The next event, or what is none.
    pub(super) fn next(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            self.leave_piece()?;
            if let Some((found, text)) = self.queue.pop_front() {
                self.copy = text;
                return Ok(Some(found));
            }
            if let Some(found) = self.step().map_err(ReadError::Input)? {
                return Ok(Some(found));
            }
            if self.ended && self.at_hand().is_empty() && self.piece == 0 && self.queue.is_empty() {
                return Ok(self.end());
            }
        }
    }

    /// The piece that was handed out last, as far as it is in memory.
    pub(super) fn piece(&self) -> &[u8] {
        match &self.copy {
            Some(text) => text,
            None => self.at_hand().get(..self.piece).unwrap_or_default(),
        }
    }

    /// Hands on every byte of the piece that was handed out last.
    pub(super) fn hand_on(&mut self, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), ReadError> {
        if let Some(text) = self.copy.take() {
            return to(&text).map_err(ReadError::Rejects);
        }
        to(self.piece()).map_err(ReadError::Rejects)?;
        self.drop_piece();
        loop {
            let (count, ends) = match &mut self.rest {
                Rest::None => return Ok(()),
                Rest::Line => {
                    let end = self.at_hand().iter().position(|byte| *byte == b'\n');
                    (end.unwrap_or(self.at_hand().len()), end.is_some())
                }
                Rest::Brackets(brackets) => {
                    let bytes = self.buffer.get(self.start..).unwrap_or_default();
                    let end = bytes.iter().position(|byte| brackets.closed_by(*byte));
                    (end.map_or(bytes.len(), |end| end + 1), end.is_some())
                }
            };
            to(self.at_hand().get(..count).unwrap_or_default()).map_err(ReadError::Rejects)?;
            self.consume(count);
            if ends || !self.fill().map_err(ReadError::Input)? {
                self.rest = Rest::None;
            }
        }
    }

    fn leave_piece(&mut self) -> Result<(), ReadError> {
        self.copy = None;
        if matches!(self.rest, Rest::None) {
            self.drop_piece();
            return Ok(());
        }
        self.hand_on(|_| Ok(()))
    }

    fn drop_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.consume(piece);
    }

    fn at_hand(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start >= READ_BYTES || self.start == self.buffer.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let length = self.buffer.len();
        self.buffer.resize(length + READ_BYTES, 0);
        let count = loop {
            match self.input.read(self.buffer.get_mut(length..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(length + count.as_ref().map_or(0, |count| *count));
        let count = count?;
        self.read += count as u64;
        self.ended = count == 0;
        Ok(count > 0)
    }

    /// The byte at a distance from the start.
    fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        loop {
            if let Some(byte) = self.at_hand().get(at) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn consume(&mut self, count: usize) {
        let bytes = self.buffer.get(self.start..self.start + count).unwrap_or_default();
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.indent = 0;
                    self.indenting = true;
                }
                b' ' | b'\t' if self.indenting => self.indent += 1,
                _ => self.indenting = false,
            }
        }
        self.start += count;
    }

    /// Looks at what comes next. `None` if that was nothing to hand out.
    fn step(&mut self) -> io::Result<Option<Found>> {
        let Some(byte) = self.byte(0)? else { return Ok(None) };
        match byte {
            // The record separator belongs to JSON text sequences (RFC 7464).
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x1E => {
                let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x1E);
                let count = self.at_hand().iter().position(|byte| !blank(byte));
                self.consume(count.unwrap_or(self.at_hand().len()));
                Ok(None)
            }
            b'{' => self.object(),
            b'[' if self.lists.len() < MAX_LISTS && self.begins_list()? => {
                self.lists.push(List { line: self.line, wrapper: None });
                self.consume(1);
                Ok(None)
            }
            b']' if !self.lists.is_empty() => {
                self.consume(1);
                match self.lists.pop().and_then(|list| list.wrapper) {
                    Some(name) => self.after_wrapper(&name),
                    None => Ok(None),
                }
            }
            0xEF if self.byte(2)?.is_some() && self.at_hand().starts_with(BOM) => {
                self.consume(BOM.len());
                Ok(None)
            }
            _ => self.garbage().map(Some),
        }
    }

    /// Something at the end that is missing.
    fn end(&mut self) -> Option<Found> {
        let list = self.lists.drain(..).next()?;
        let what = match list.wrapper {
            Some(name) => format!("the list {name:?}"),
            None => "the list".to_owned(),
        };
        let reason = format!("{what} that begins in line {} has no end: was the input cut off?", list.line);
        Some(Found { line: self.line, bytes: 0, what: What::Rejected(reason) })
    }

    /// Whether a bracket begins a list of objects, and not a line of text.
    fn begins_list(&mut self) -> io::Result<bool> {
        let mut at = 1;
        while at < MAX_EVENT_BYTES {
            match self.byte(at)? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
                Some(b'{' | b'[' | b']') => return Ok(true),
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    fn object(&mut self) -> io::Result<Option<Found>> {
        let mut outline = Outline::new();
        let mut at = 0;
        loop {
            // Never further than one byte too far, so that it does not matter in which pieces the input comes.
            let end = self.at_hand().len().min(MAX_EVENT_BYTES + 1);
            let ran = outline.run(self.at_hand().get(at..end).unwrap_or_default());
            match ran {
                Ran::More => at = end,
                Ran::Done(count) | Ran::Bad(count) => at += count,
            }
            if at > MAX_EVENT_BYTES {
                return Ok(self.too_large(&outline, ran, at));
            }
            match ran {
                Ran::Done(_) => return Ok(self.whole(at)),
                Ran::Bad(_) => return self.damaged(&outline, at),
                Ran::More if !self.fill()? => return self.damaged(&outline, at),
                Ran::More => {}
            }
        }
    }

    /// An object that has an end.
    fn whole(&mut self, length: usize) -> Option<Found> {
        let read = json::read(self.at_hand().get(..length).unwrap_or_default());
        let object = match read {
            Ok(object) => object,
            Err(reason) => return Some(self.hand_out(length, What::Rejected(reason))),
        };
        let json::Object { members, repaired, overwritten } = object;
        let (opened, count) = wrapper::open(members, &self.known);
        self.opened += count;
        let items = match opened {
            Opened::Event(members) => {
                return Some(self.hand_out(length, What::Event(Event { members, repaired, overwritten })));
            }
            Opened::List(items) => items,
        };
        // Which of its events was repaired is not known any more, so each is read again by itself if need be.
        let line = self.line;
        for item in items {
            let text = item.to_string();
            let bytes = text.len();
            let Value::Object(members) = item else {
                let what = What::Rejected("not a JSON object".to_owned());
                self.queue.push_back((Found { line, bytes, what }, Some(text.into_bytes())));
                continue;
            };
            let (opened, count) = wrapper::open(members, &self.known);
            self.opened += count;
            match opened {
                Opened::Event(members) => {
                    let repaired = repaired && text.contains('\u{fffd}');
                    let event = Event { members, repaired, overwritten: Vec::new() };
                    let text = self.keep_text.then(|| text.into_bytes());
                    self.queue.push_back((Found { line, bytes, what: What::Event(event) }, text));
                }
                Opened::List(items) => {
                    for item in items {
                        let text = item.to_string();
                        let bytes = text.len();
                        let what = match item {
                            Value::Object(members) => What::Event(Event { members, ..Event::default() }),
                            _ => What::Rejected("not a JSON object".to_owned()),
                        };
                        self.queue.push_back((Found { line, bytes, what }, Some(text.into_bytes())));
                    }
                }
            }
        }
        // Which of them had it is not known any more.
        if let Some((Found { what: What::Event(event), .. }, _)) = self.queue.front_mut() {
            event.overwritten = overwritten;
        }
        self.piece = length;
        None
    }

    fn hand_out(&mut self, length: usize, what: What) -> Found {
        self.piece = length;
        Found { line: self.line, bytes: length, what }
    }

    /// An object that cannot be read from the byte at `problem` on, or that has no end.
    fn damaged(&mut self, outline: &Outline, problem: usize) -> io::Result<Option<Found>> {
        if self.enter_wrapper(outline) {
            return Ok(None);
        }
        let length = self.extent(problem)?;
        let piece = self.at_hand().get(..length).unwrap_or_default();
        let reason = json::problem(piece);
        Ok(Some(self.hand_out(length, What::Rejected(reason))))
    }

    /// An object with more bytes than an event may have.
    fn too_large(&mut self, outline: &Outline, ran: Ran, at: usize) -> Option<Found> {
        if self.enter_wrapper(outline) {
            return None;
        }
        if ran == Ran::More {
            let mut brackets = Brackets::default();
            for byte in self.at_hand().get(..at).unwrap_or_default() {
                brackets.closed_by(*byte);
            }
            self.rest = Rest::Brackets(brackets);
        }
        Some(self.hand_out(at, too_long()))
    }

    /// Goes into the list of events of a wrapper that cannot be read as a whole, if it is one as far as can be seen.
    fn enter_wrapper(&mut self, outline: &Outline) -> bool {
        let Some((name, skip)) = outline.lists().iter().find_map(|list| self.events_at(list)) else { return false };
        self.lists.push(List { line: self.line, wrapper: Some(name) });
        self.opened += 1;
        self.consume(skip);
        true
    }

    /// The name of a list of events, and where its first element may begin.
    fn events_at(&self, list: &json::MemberList) -> Option<(String, usize)> {
        if list.at > MAX_EVENT_BYTES {
            return None;
        }
        let bytes = self.at_hand();
        let first = bytes.get(list.at + 1..)?.iter().find(|byte| !byte.is_ascii_whitespace())?;
        let name: String = serde_json::from_slice(bytes.get(list.key.0..list.key.1)?).ok()?;
        if *first != b'{' || !wrapper::is_list(&name, &self.known) {
            return None;
        }
        let before = bytes.get(..list.key.0)?.trim_ascii_end();
        let before = [before.strip_suffix(b",").unwrap_or(before), b"}"].concat();
        let before = json::read(&before).ok()?.members;
        wrapper::is_wrapper(before.iter(), &self.known).then_some((name, list.at + 1))
    }

    /// What follows the list of a wrapper.
    fn after_wrapper(&mut self, name: &str) -> io::Result<Option<Found>> {
        let mut outline = Outline::after_member();
        let mut at = 0;
        let ran = loop {
            let ran = outline.run(self.at_hand().get(at..).unwrap_or_default());
            match ran {
                Ran::More => at = self.at_hand().len(),
                Ran::Done(count) | Ran::Bad(count) => at += count,
            }
            if ran != Ran::More || at > MAX_EVENT_BYTES || !self.fill()? {
                break ran;
            }
        };
        if matches!(ran, Ran::Done(_)) && at <= MAX_EVENT_BYTES {
            let tail = self.at_hand().get(..at).unwrap_or_default().trim_ascii_start();
            let tail = [b"{", tail.strip_prefix(b",").unwrap_or(tail)].concat();
            let is_wrapper =
                json::read(&tail).is_ok_and(|object| wrapper::is_wrapper(object.members.iter(), &self.known));
            if is_wrapper {
                self.consume(at);
                return Ok(None);
            }
            let reason = format!("the object around the list {name:?} holds more than that list, which was left out");
            return Ok(Some(self.hand_out(at, What::Rejected(reason))));
        }
        let reason = format!("the object around the list {name:?} is damaged behind it");
        let length = self.line_end(false)?;
        Ok(Some(self.hand_out(length, What::Rejected(reason))))
    }

    /// Where something ends that is damaged at the byte `problem`.
    fn extent(&mut self, problem: usize) -> io::Result<usize> {
        let mut brackets = Brackets::default();
        let mut first_line = true;
        let mut at = 0;
        while let Some(byte) = self.byte(at)? {
            if at >= MAX_EVENT_BYTES && at >= problem {
                self.rest = Rest::Line;
                return Ok(at);
            }
            if brackets.closed_by(byte) && at >= problem {
                return Ok(at + 1);
            }
            if byte == b'\n' {
                if (first_line && at >= problem) || self.begins_document(at + 1)? {
                    return Ok(at);
                }
                first_line = false;
            }
            at += 1;
        }
        Ok(at)
    }

    /// Whether a line looks like the beginning of the next document or element.
    fn begins_document(&mut self, line: usize) -> io::Result<bool> {
        let mut at = line;
        while at - line <= self.indent {
            match self.byte(at)? {
                Some(b' ' | b'\t') => at += 1,
                Some(b'{' | b'[') => return Ok(true),
                Some(b']') => return Ok(!self.lists.is_empty()),
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Where the line ends, or in a list the element.
    fn line_end(&mut self, in_list: bool) -> io::Result<usize> {
        let mut text = false;
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(byte) = self.byte(at)? {
            if at >= MAX_EVENT_BYTES {
                self.rest = Rest::Line;
                break;
            }
            match byte {
                b'\n' => break,
                b'"' => text = !text,
                b',' | b']' if in_list && !text && depth == 0 => break,
                b'[' | b'{' if !text => depth += 1,
                b']' | b'}' if !text => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        Ok(at)
    }

    /// Something that does not begin like an object.
    fn garbage(&mut self) -> io::Result<Found> {
        let length = self.line_end(!self.lists.is_empty())?.max(1);
        let piece = self.at_hand().get(..length).unwrap_or_default();
        if matches!(self.rest, Rest::Line) {
            return Ok(self.hand_out(length, too_long()));
        }
        let reason = if serde_json::from_slice::<serde::de::IgnoredAny>(piece).is_ok() {
            "not a JSON object".to_owned()
        } else {
            let text = String::from_utf8_lossy(piece.get(..piece.len().min(4096)).unwrap_or_default());
            match guess::format_of(&text) {
                Some(format) => format!("looks like {format}; Margay reads JSON"),
                None => json::problem(piece),
            }
        };
        Ok(self.hand_out(length, What::Rejected(reason)))
    }
}

fn too_long() -> What {
    What::Rejected(format!("longer than {} MB", MAX_EVENT_BYTES / 1024 / 1024))
}

#[cfg(test)]
mod tests;
