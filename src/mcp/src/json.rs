//! Reads the text of a body. What means one thing only is mended; of everything else the id is looked for, so that the
//! client can tell which of its requests was refused (row B1).

use std::fmt;

use bytes::Bytes;
use rmcp::model::RequestId;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, error::Category};

use crate::refusal::Refusal;

/// RFC 8259 section 8.1: senders must not write one, and readers may ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The parser reads lists and objects in each other up to this depth.
const MAX_DEPTH: usize = 127;

/// The value of a body, and the text for the protocol library, which reads it once more.
pub(crate) fn read(bytes: &Bytes) -> Result<(Value, Bytes), Refusal> {
    let bytes = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => bytes.slice_ref(rest),
        None => bytes.clone(),
    };
    let error = match serde_json::from_slice(&bytes) {
        Ok(value) => return Ok((value, bytes)),
        Err(error) => error,
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(refuse(&String::from_utf8_lossy(&bytes), "The body is not UTF-8 text.".to_owned()));
    };
    if let Some(mended) = mend(text)
        && let Ok(value) = serde_json::from_str(&mended)
    {
        return Ok((value, Bytes::from(mended)));
    }
    Err(refuse(text, sentence(text, &error)))
}

fn refuse(text: &str, sentence: String) -> Refusal {
    Refusal::NotJson { id: find_id(text), sentence }
}

/// Own words only: the parser's would quote what was sent.
fn sentence(text: &str, error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if text.trim().is_empty() {
        "The body is empty: send one JSON-RPC message.".to_owned()
    } else if error.to_string().starts_with("recursion limit") {
        format!("The body is nested too deeply: lists and objects may stand in each other {MAX_DEPTH} times.")
    } else if error.classify() == Category::Eof {
        format!("The body is not valid JSON: it ends in the middle, at line {line}, column {column}.")
    } else {
        format!("The body is not valid JSON: see line {line}, column {column}.")
    }
}

/// Puts U+FFFD in the place of each escape that is half a surrogate pair, which is what JavaScript writes of a character
/// that was cut in two. `None` if there is none.
fn mend(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    // Outside of texts JSON has no backslash.
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (taken, is_half) = match unit(escape) {
            Some(0xD800..=0xDBFF) => match escape.get(6..).and_then(unit) {
                Some(0xDC00..=0xDFFF) => (12, false),
                _ => (6, true),
            },
            Some(0xDC00..=0xDFFF) => (6, true),
            Some(_) => (6, false),
            None => (1 + escape.chars().nth(1).map_or(0, char::len_utf8), false),
        };
        let (escape, after) = escape.split_at_checked(taken)?;
        mended.push_str(if is_half { "\\ufffd" } else { escape });
        found |= is_half;
        rest = after;
    }
    mended.push_str(rest);
    found.then_some(mended)
}

/// The UTF-16 unit of an escape at the beginning of `text`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// The id of a message that cannot be read, if it comes before the fault.
fn find_id(text: &str) -> Option<RequestId> {
    let mut found = None;
    // That there is a fault is known.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Seen(&mut found));
    found
}

/// Notes the id as soon as it is read, whatever comes after it.
struct Seen<'a>(&'a mut Option<RequestId>);

impl<'de> Visitor<'de> for Seen<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if name == "id" {
                *self.0 = serde_json::from_value(members.next_value::<Value>()?).ok();
            } else {
                // Needs no stack, however deep it is.
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: impl Into<Vec<u8>>) -> Value {
        read(&Bytes::from(text.into())).unwrap().0
    }

    fn refused(text: impl Into<Vec<u8>>) -> (Option<RequestId>, String) {
        match read(&Bytes::from(text.into())) {
            Err(Refusal::NotJson { id, sentence }) => (id, sentence),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_a_character_and_a_byte_order_mark_are_mended() {
        for (sent, meant) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""a\udE00b""#, "a\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\n\ud83d\ude00""#, "\u{fffd}\n\u{1f600}"),
            (r#""\\ud83d \ud83d""#, "\\ud83d \u{fffd}"),
        ] {
            assert_eq!(value(sent), Value::from(meant), "{sent}");
            let (read_again, bytes) = read(&Bytes::from(sent)).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), read_again);
        }
        assert_eq!(value("\u{feff}{}"), serde_json::json!({}));
        // What needs no mending is handed on as it is.
        let whole = Bytes::from_static(br#"{"a":"\ud83d\ude00"}"#);
        assert_eq!(read(&whole).unwrap().1, whole);
    }

    #[test]
    fn the_id_is_found_where_it_comes_before_the_fault() {
        let deep = |text: &str| text.replace('#', &format!("{}{}", "[".repeat(200), "]".repeat(200)));
        let id = |number| Some(RequestId::Number(number));
        for (text, found) in [
            (r#"{"jsonrpc":"2.0","id":7,"method":"#.to_owned(), id(7)),
            (deep(r#"{"id":7,"params":#}"#), id(7)),
            (deep(r#"{"params":{"x":#},"id":"a"}"#), Some(RequestId::String("a".into()))),
            (r#"{"params":{"x":NaN},"id":7}"#.to_owned(), None),
            (r#"{"id":1.5,"params":"#.to_owned(), None),
            ("[".repeat(100_000), None),
            (r#"{"id":7}}"#.to_owned(), id(7)),
            (String::new(), None),
        ] {
            assert_eq!(refused(text.clone()).0, found, "{text:.60}");
        }
        assert_eq!(refused(b"{\"id\":7,\"x\":\"\xff\"}".as_slice()).0, id(7));
    }

    #[test]
    fn the_sentence_says_what_is_wrong() {
        for (text, expected) in [
            (" ", "The body is empty: send one JSON-RPC message."),
            ("{\"id\":7,", "The body is not valid JSON: it ends in the middle, at line 1, column 8."),
            ("{\"id\":7,}", "The body is not valid JSON: see line 1, column 9."),
            (&"[".repeat(200), "The body is nested too deeply: lists and objects may stand in each other 127 times."),
        ] {
            assert_eq!(refused(text).1, expected);
        }
        assert!(serde_json::from_str::<Value>(&format!("{}{}", "[".repeat(127), "]".repeat(127))).is_ok());
        assert_eq!(refused(b"\"\xff\"".as_slice()).1, "The body is not UTF-8 text.");
    }

    proptest! {
        #[test]
        fn nothing_that_is_json_is_changed(text in "\\PC*") {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(mend(&json), None);
        }

        #[test]
        fn nothing_panics(text in "[\\\\u0-9a-fdDeé\"{}\\[\\]:, ]{0,60}") {
            let _ = read(&Bytes::from(text));
        }
    }
}
