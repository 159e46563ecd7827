//! Reading typed keys; every message names the key and what is expected.

use std::collections::BTreeMap;

use margay_domain::alert::Severity;
use serde_json::{Map, Value};

/// A mapping with its place, so that messages can name nested keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys<'a> {
    map: &'a Map<String, Value>,
    /// In front of key names in messages, for example `LogTypeMap.`.
    prefix: &'a str,
}

/// The result of reading a key; the error is a sentence for the person who wrote the file.
pub(super) type KeyResult<T> = Result<T, String>;

impl<'a> Keys<'a> {
    /// The keys of a whole document.
    pub(super) const fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, prefix: "" }
    }

    /// The keys of a mapping inside it.
    pub(super) const fn nested(map: &'a Map<String, Value>, prefix: &'a str) -> Self {
        Self { map, prefix }
    }

    /// The value, if the key is there and not empty.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there and not empty.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Text; a number is taken as written. Space around it is dropped.
    pub(super) fn text(&self, key: &str) -> KeyResult<Option<String>> {
        self.get(key).map(|value| scalar(value).ok_or_else(|| self.wrong(key, "text", value))).transpose()
    }

    /// Text that must be there.
    pub(super) fn required_text(&self, key: &str, what: &str) -> KeyResult<String> {
        match self.text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.missing(key, what)),
        }
    }

    /// An id or a name that must be there and must not hold any of `< > & " %`.
    pub(super) fn id(&self, key: &str) -> KeyResult<String> {
        let text = self.required_text(key, "text without any of < > & \" %")?;
        if is_plain(&text) { Ok(text) } else { Err(self.wrong_text(key, "text without any of < > & \" %", &text)) }
    }

    /// The name to show; the same characters are forbidden.
    pub(super) fn display_name(&self) -> KeyResult<Option<String>> {
        let Some(text) = self.text("DisplayName")? else { return Ok(None) };
        if is_plain(&text) {
            Ok(Some(text))
        } else {
            Err(self.wrong_text("DisplayName", "text without any of < > & \" %", &text))
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &str) -> KeyResult<Option<bool>> {
        self.get(key).map(|value| value.as_bool().ok_or_else(|| self.wrong(key, "true or false", value))).transpose()
    }

    /// `true` or `false` that must be there.
    pub(super) fn required_boolean(&self, key: &str) -> KeyResult<bool> {
        self.boolean(key)?.ok_or_else(|| self.missing(key, "true or false"))
    }

    /// A whole number from 1.
    pub(super) fn count(&self, key: &str) -> KeyResult<Option<i64>> {
        self.get(key)
            .map(|value| {
                value
                    .as_i64()
                    .filter(|number| *number >= 1)
                    .ok_or_else(|| self.wrong(key, "a whole number of at least 1", value))
            })
            .transpose()
    }

    /// The severity.
    pub(super) fn severity(&self) -> KeyResult<Option<Severity>> {
        const WHAT: &str = "one of Info, Low, Medium, High, Critical";
        let Some(text) = self.text("Severity")? else { return Ok(None) };
        Severity::parse(&text).map(Some).ok_or_else(|| self.wrong_text("Severity", WHAT, &text))
    }

    /// The severity, which must be there.
    pub(super) fn required_severity(&self) -> KeyResult<Severity> {
        self.severity()?.ok_or_else(|| self.missing("Severity", "one of Info, Low, Medium, High, Critical"))
    }

    /// A list of texts; empty if the key is not there.
    pub(super) fn texts(&self, key: &str) -> KeyResult<Vec<String>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        value
            .as_array()
            .and_then(|items| items.iter().map(scalar).collect::<Option<Vec<_>>>())
            .ok_or_else(|| self.wrong(key, "a list of texts", value))
    }

    /// A list; empty if the key is not there.
    pub(super) fn list(&self, key: &str) -> KeyResult<&'a [Value]> {
        let Some(value) = self.get(key) else { return Ok(&[]) };
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(key, "a list", value))
    }

    /// A mapping, if the key is there.
    pub(super) fn mapping(&self, key: &str) -> KeyResult<Option<&'a Map<String, Value>>> {
        self.get(key).map(|value| value.as_object().ok_or_else(|| self.wrong(key, "a mapping", value))).transpose()
    }

    /// `Reports`: framework names, each with a list of texts.
    pub(super) fn reports(&self) -> KeyResult<BTreeMap<String, Vec<String>>> {
        let Some(map) = self.mapping("Reports")? else { return Ok(BTreeMap::new()) };
        let inside = Keys::nested(map, "Reports.");
        map.keys().map(|name| Ok((name.clone(), inside.texts(name)?))).collect()
    }

    /// `Tests`: each with a name, an expected result, and what it is about under `subject`.
    pub(super) fn tests(&self, subject: &str) -> KeyResult<Vec<Value>> {
        let tests = self.list("Tests")?;
        for (position, test) in tests.iter().enumerate() {
            let prefix = format!("Tests[{position}].");
            let Some(map) = test.as_object() else {
                return Err(self.wrong(&format!("Tests[{position}]"), "a mapping", test));
            };
            let keys = Keys::nested(map, &prefix);
            keys.required_text("Name", "the name of the test")?;
            keys.required_boolean("ExpectedResult")?;
            if !keys.has(subject) {
                return Err(keys.missing(subject, "what the test runs on"));
            }
        }
        Ok(tests.to_vec())
    }

    /// Which one of two keys is there. Both or none is an error.
    pub(super) fn exactly_one(&self, first: &'static str, second: &'static str) -> KeyResult<&'static str> {
        match (self.has(first), self.has(second)) {
            (true, false) => Ok(first),
            (false, true) => Ok(second),
            (true, true) => Err(format!("`{first}` and `{second}` are both given; expected exactly one of them")),
            (false, false) => Err(format!("expected exactly one of `{first}` and `{second}`; found none")),
        }
    }

    /// The message about a key that is not there.
    pub(super) fn missing(&self, key: &str, what: &str) -> String {
        format!("`{}{key}` is missing; expected {what}", self.prefix)
    }

    /// The message about a value of the wrong form.
    pub(super) fn wrong(&self, key: &str, what: &str, found: &Value) -> String {
        let found = match found {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => return self.wrong_text(key, what, text),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a mapping".to_owned(),
        };
        format!("`{}{key}`: expected {what}; found {found}", self.prefix)
    }

    fn wrong_text(&self, key: &str, what: &str, found: &str) -> String {
        let start: String = found.chars().take(60).collect();
        format!("`{}{key}`: expected {what}; found {start:?}", self.prefix)
    }
}

/// Characters that ids and names may not hold.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(['<', '>', '&', '"', '%'])
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
