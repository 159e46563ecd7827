//! JSON as it comes out of other programs: where a value ends, and reading it although a character in it is bad.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The replacement character in UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// What [`Outline::run`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// The end of the bytes, inside of the value.
    More,
    /// The end of the value, after this many bytes.
    Done(usize),
    /// This byte cannot stand there.
    Bad(usize),
}

/// A list that is a member of the object itself. Offsets count from the first byte of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberList {
    /// The name with its quotes.
    pub(super) key: (usize, usize),
    /// The bracket.
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Object,
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    /// After a value: a comma, or the end of what it is in.
    After,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Number,
    Word(&'static [u8]),
}

/// Finds the end of an object, byte by byte. It is strict about everything but numbers and what is in texts, which
/// [`read`] looks at: so a line that was cut off is noticed on the next one, and not at the end of the file.
#[derive(Debug)]
pub(super) struct Outline {
    open: Vec<Open>,
    state: State,
    at: usize,
    key: (usize, usize),
    lists: Vec<MemberList>,
}

impl Outline {
    /// Of an object whose first byte comes next.
    pub(super) const fn new() -> Self {
        Self { open: Vec::new(), state: State::Value, at: 0, key: (0, 0), lists: Vec::new() }
    }

    /// Of what is left of an object after one of its members.
    pub(super) fn after_member() -> Self {
        Self { open: vec![Open::Object], state: State::After, ..Self::new() }
    }

    /// The lists among the members so far.
    pub(super) fn lists(&self) -> &[MemberList] {
        &self.lists
    }

    /// Reads on. The count of [`Ran::Done`] and [`Ran::Bad`] is one of `bytes`.
    pub(super) fn run(&mut self, bytes: &[u8]) -> Ran {
        for (position, byte) in bytes.iter().enumerate() {
            if !self.step(*byte) {
                return Ran::Bad(position);
            }
            self.at += 1;
            if self.open.is_empty() {
                return Ran::Done(position + 1);
            }
        }
        Ran::More
    }

    /// Whether the byte may come next.
    fn step(&mut self, byte: u8) -> bool {
        match self.state {
            State::Text { key } => {
                self.state = match byte {
                    b'"' if key => {
                        if self.open.len() == 1 {
                            self.key.1 = self.at + 1;
                        }
                        State::Colon
                    }
                    b'"' => State::After,
                    b'\\' => State::Escape { key },
                    // A line break ends a line that was cut off; other control characters are replaced.
                    b'\n' => return false,
                    _ => return true,
                };
                true
            }
            State::Escape { .. } if byte == b'\n' => false,
            State::Escape { key } => {
                self.state = State::Text { key };
                true
            }
            State::Word(rest) => match rest.split_first() {
                Some((next, rest)) => {
                    self.state = State::Word(rest);
                    *next == byte
                }
                None => self.then(State::After, byte),
            },
            State::Number if matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') => true,
            State::Number => self.then(State::After, byte),
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => true,
            State::ValueOrEnd if byte == b']' => self.close(),
            State::Value | State::ValueOrEnd => self.value(byte),
            State::KeyOrEnd if byte == b'}' => self.close(),
            State::KeyOrEnd | State::Key if byte == b'"' => {
                if self.open.len() == 1 {
                    self.key = (self.at, self.at);
                }
                self.state = State::Text { key: true };
                true
            }
            State::Colon if byte == b':' => {
                self.state = State::Value;
                true
            }
            State::After => match (byte, self.open.last()) {
                (b',', Some(Open::Object)) => {
                    self.state = State::Key;
                    true
                }
                (b',', Some(Open::List)) => {
                    self.state = State::Value;
                    true
                }
                (b'}', Some(Open::Object)) | (b']', Some(Open::List)) => self.close(),
                _ => false,
            },
            State::KeyOrEnd | State::Key | State::Colon => false,
        }
    }

    fn then(&mut self, state: State, byte: u8) -> bool {
        self.state = state;
        self.step(byte)
    }

    fn close(&mut self) -> bool {
        self.open.pop();
        self.state = State::After;
        true
    }

    fn value(&mut self, byte: u8) -> bool {
        self.state = match byte {
            b'{' => {
                self.open.push(Open::Object);
                State::KeyOrEnd
            }
            b'[' => {
                if self.open.len() == 1 {
                    self.lists.push(MemberList { key: self.key, at: self.at });
                }
                self.open.push(Open::List);
                State::ValueOrEnd
            }
            b'"' => State::Text { key: false },
            b'-' | b'0'..=b'9' => State::Number,
            b't' => State::Word(b"rue"),
            b'f' => State::Word(b"alse"),
            b'n' => State::Word(b"ull"),
            _ => return false,
        };
        true
    }
}

/// Finds the end of something that is no JSON by its brackets alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Brackets {
    depth: u64,
    text: bool,
    escaped: bool,
}

impl Brackets {
    /// Whether this byte closes the first bracket.
    pub(super) fn closed_by(&mut self, byte: u8) -> bool {
        if byte == b'\n' {
            // No text goes beyond its line.
            (self.text, self.escaped) = (false, false);
            return false;
        }
        if self.text {
            if self.escaped {
                self.escaped = false;
            } else {
                self.escaped = byte == b'\\';
                self.text = byte != b'"';
            }
            return false;
        }
        match byte {
            b'"' => self.text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// An object that was read.
#[derive(Debug, PartialEq)]
pub(super) struct Object {
    /// Its members; of a name that is there twice the last one.
    pub(super) members: Map<String, Value>,
    /// Whether bad characters were replaced.
    pub(super) repaired: bool,
    /// The members that were overwritten by a later one, with the path of their names.
    pub(super) overwritten: Vec<(String, Value)>,
}

/// Reads a JSON object, with U+FFFD for what is no character: bytes that are no UTF-8, control characters in texts,
/// halves of surrogate pairs, and escapes that JSON does not have. The error is a sentence.
pub(super) fn read(bytes: &[u8]) -> Result<Object, String> {
    let good = std::str::from_utf8(bytes).ok().and_then(|text| read_text(text).ok());
    let (read, repaired) = match good {
        Some(read) => (read, false),
        None => (read_text(&repair(bytes)).map_err(|error| explain(&error))?, true),
    };
    match read {
        (Value::Object(members), overwritten) => Ok(Object { members, repaired, overwritten }),
        _ => Err("not a JSON object".to_owned()),
    }
}

/// Why something is not valid JSON.
pub(super) fn problem(bytes: &[u8]) -> String {
    read_text(&repair(bytes)).map_or_else(|error| explain(&error), |_| "not valid JSON".to_owned())
}

fn explain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    match error.line() {
        0 | 1 => format!("not valid JSON: {what} at byte {}", error.column()),
        line => format!("not valid JSON: {what} at byte {} of its line {line}", error.column()),
    }
}

/// A value, and the members that were overwritten in it.
type Read = (Value, Vec<(String, Value)>);

fn read_text(text: &str) -> Result<Read, serde_json::Error> {
    let overwritten = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Node { up: None, name: "", overwritten: &overwritten }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, overwritten.into_inner()))
}

/// A value that is being read, and what it is a member of.
#[derive(Clone, Copy)]
struct Node<'a> {
    up: Option<&'a Self>,
    name: &'a str,
    overwritten: &'a RefCell<Vec<(String, Value)>>,
}

impl Node<'_> {
    fn path(&self) -> String {
        match self.up {
            Some(up) if up.up.is_some() => format!("{}.{}", up.path(), self.name),
            _ => self.name.to_owned(),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let node = Node { up: Some(&self), name: &name, overwritten: self.overwritten };
            let value = members.next_value_seed(node)?;
            let path = map.contains_key(&name).then(|| node.path());
            if let (Some(path), Some(before)) = (path, map.insert(name, value)) {
                let mut overwritten = self.overwritten.try_borrow_mut().map_err(A::Error::custom)?;
                overwritten.push((path, before));
            }
        }
        Ok(Value::Object(map))
    }
}

/// The same with U+FFFD for what is no character.
fn repair(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut bytes = text.as_bytes();
    let mut good = Vec::with_capacity(bytes.len());
    let mut inside = false;
    while let Some((byte, rest)) = bytes.split_first() {
        let mut used = 1;
        match byte {
            b'"' => inside = !inside,
            0..0x20 if inside => {
                good.extend_from_slice(REPLACEMENT);
                bytes = rest;
                continue;
            }
            b'\\' if inside => {
                let (kept, length) = escape(rest);
                if !kept {
                    good.extend_from_slice(REPLACEMENT);
                    bytes = rest.get(length..).unwrap_or_default();
                    continue;
                }
                used += length;
            }
            _ => {}
        }
        let (kept, rest) = bytes.split_at_checked(used).unwrap_or((bytes, &[]));
        good.extend_from_slice(kept);
        bytes = rest;
    }
    String::from_utf8_lossy(&good).into_owned()
}

/// Whether what follows a backslash is an escape of JSON, and how many bytes of it are to be kept or left out.
fn escape(rest: &[u8]) -> (bool, usize) {
    match rest.first() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (true, 1),
        Some(b'u') => match unit(rest) {
            Some(0xD800..=0xDBFF) => {
                let low = rest.get(5..).and_then(|rest| rest.strip_prefix(b"\\")).and_then(unit);
                if matches!(low, Some(0xDC00..=0xDFFF)) { (true, 11) } else { (false, 5) }
            }
            Some(0xDC00..=0xDFFF) => (false, 5),
            Some(_) => (true, 5),
            None => (false, 0),
        },
        _ => (false, 0),
    }
}

/// The four digits of `uXXXX`.
fn unit(rest: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(rest.strip_prefix(b"u")?.get(..4)?).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_an_object_is_found() {
        for (text, expected) in [
            (r"{} {", Ran::Done(2)),
            (r#"{"a":[1,{"b":"}\"]"}],"c":-1.5e3,"d":null}x"#, Ran::Done(42)),
            (r#"{"a":"#, Ran::More),
            ("{\"a\":\"x\n", Ran::Bad(7)),
            (r#"{"a":1,}"#, Ran::Bad(7)),
            (r#"{"a":1 {"b"#, Ran::Bad(7)),
            (r#"{"a":oops}"#, Ran::Bad(5)),
            (r#"{"a":[1}"#, Ran::Bad(7)),
            (r#"{"a":truex}"#, Ran::Bad(9)),
        ] {
            assert_eq!(Outline::new().run(text.as_bytes()), expected, "{text}");
        }
        let mut outline = Outline::new();
        outline.run(br#"{"a":1,"Records":[{"b":[]}],"c":[]}"#);
        assert_eq!(
            outline.lists(),
            [MemberList { key: (7, 16), at: 17 }, MemberList { key: (28, 31), at: 32 }],
            "only those of the object itself"
        );
        assert_eq!(Outline::after_member().run(br#","c":[1]} "#), Ran::Done(9));
    }

    #[test]
    fn bad_characters_are_replaced() {
        for (bytes, expected) in [
            (b"{\"a\":\"caf\xE9\"}".as_slice(), "caf\u{fffd}"),
            (br#"{"a":"x\ud83dy"}"#, "x\u{fffd}y"),
            (br#"{"a":"\ude00"}"#, "\u{fffd}"),
            (br#"{"a":"\ud83d\ud83d\ude00"}"#, "\u{fffd}\u{1f600}"),
            (b"{\"a\":\"x\x01\ty\"}", "x\u{fffd}\u{fffd}y"),
            (br#"{"a":"\x22q"}"#, "\u{fffd}x22q"),
            (br#"{"a":"\u12"}"#, "\u{fffd}u12"),
        ] {
            let object = read(bytes).unwrap();
            assert!(object.repaired);
            assert_eq!(object.members.get("a"), Some(&json!(expected)), "{}", String::from_utf8_lossy(bytes));
        }
        let fine = read(r#"{"a":"\ud83d\ude00é\u0000"}"#.as_bytes()).unwrap();
        assert_eq!((fine.repaired, fine.members.get("a")), (false, Some(&json!("\u{1f600}é\0"))));
        assert!(read(b"[1]").is_err() && read(b"{\"a\":01}").is_err());
    }

    #[test]
    fn what_a_later_member_overwrites_is_told() {
        let object = read(br#"{"a":1,"b":{"c":{"d":1,"d":2}},"a":2,"l":[{"x":1,"x":2}],"a":3}"#).unwrap();
        assert_eq!(Value::Object(object.members), json!({"a":3,"b":{"c":{"d":2}},"l":[{"x":2}]}));
        let paths: Vec<_> = object.overwritten.iter().map(|(path, value)| (path.as_str(), value.clone())).collect();
        assert_eq!(paths, [("b.c.d", json!(1)), ("a", json!(1)), ("l.x", json!(1)), ("a", json!(2))]);
    }

    proptest! {
        /// Nothing panics, and what is repaired is JSON whenever its outline is.
        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
            let text = [b"{\"a\":\"".as_slice(), &bytes, b"\"}"].concat();
            if !bytes.iter().any(|byte| matches!(byte, b'"' | b'\\' | b'\n')) {
                prop_assert!(read(&text).is_ok());
                prop_assert_eq!(Outline::new().run(&text), Ran::Done(text.len()));
            }
        }
    }
}
