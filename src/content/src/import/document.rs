//! From YAML text to documents of JSON values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_norway::Value as Yaml;

/// One YAML document that is a mapping.
#[derive(Debug)]
pub(super) struct Document {
    /// Its place in the file, from 1.
    pub(super) number: usize,
    /// The whole of it.
    pub(super) keys: Map<String, Value>,
    /// `Reports` as written: a section such as 3.10 is a text, although YAML reads it as the number 3.1.
    pub(super) reports: Option<BTreeMap<String, Vec<String>>>,
}

/// The part of a document whose numbers are really texts.
#[derive(Deserialize)]
struct AsWritten {
    #[serde(default, rename = "Reports")]
    reports: Option<BTreeMap<String, Vec<String>>>,
}

/// What a file holds: its documents, and for each that cannot be used its number and why.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) read: Vec<Document>,
    pub(super) unreadable: Vec<(usize, String)>,
}

/// Reads all documents of a file; empty ones are left out.
pub(super) fn documents(text: &str) -> Documents {
    let mut found = Documents::default();
    let mut as_written = serde_norway::Deserializer::from_str(text);
    for (position, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let number = position + 1;
        let reports = as_written.next().and_then(|again| AsWritten::deserialize(again).ok()).and_then(|it| it.reports);
        let value = match value(document) {
            Ok(value) => value,
            Err(error) => {
                // After a syntax error the parser repeats it for ever; what follows cannot be read.
                found.unreadable.push((number, format!("not valid YAML: {error}")));
                return found;
            }
        };
        match json(value) {
            Ok(Value::Null) => {}
            Ok(Value::Object(keys)) => found.read.push(Document { number, keys, reports }),
            Ok(_) => {
                let message = "expected a mapping of keys such as `AnalysisType: rule`";
                found.unreadable.push((number, message.to_owned()));
            }
            Err(message) => found.unreadable.push((number, message)),
        }
    }
    found
}

/// YAML text of a JSON value, for the body of a detection that is written in YAML.
pub(super) fn to_yaml(value: &Value) -> Result<String, String> {
    serde_norway::to_string(value).map_err(|error| format!("cannot be written as YAML: {error}"))
}

fn value(document: serde_norway::Deserializer<'_>) -> Result<Yaml, serde_norway::Error> {
    let mut value = Yaml::deserialize(document)?;
    value.apply_merge()?;
    Ok(value)
}

fn json(value: Yaml) -> Result<Value, String> {
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => json_number(&number),
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(json).collect::<Result<Vec<_>, String>>()?),
        Yaml::Mapping(mapping) => Value::Object(
            mapping
                .into_iter()
                .map(|(key, value)| Ok((key_text(key)?, json(value)?)))
                .collect::<Result<Map<String, Value>, String>>()?,
        ),
        Yaml::Tagged(tagged) => json(tagged.value)?,
    })
}

fn json_number(number: &serde_norway::Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_u64() {
        return Value::from(whole);
    }
    // Infinity and not-a-number have no JSON number.
    number
        .as_f64()
        .and_then(serde_json::Number::from_f64)
        .map_or_else(|| Value::String(number.to_string()), Value::Number)
}

fn key_text(key: Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) => Ok(text),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(value) => Ok(value.to_string()),
        Yaml::Null => Ok("null".to_owned()),
        Yaml::Sequence(_) | Yaml::Mapping(_) | Yaml::Tagged(_) => {
            Err("a key is a list, a mapping or a tagged value; expected text".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn several_documents_anchors_and_empty_ones() {
        let text = "---\nbase: &base {a: 1}\nuse:\n  <<: *base\n  b: yes\n---\n---\nc: 2.5\n1: x\n";
        let found = documents(text);
        assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
        let [first, second] = found.read.as_slice() else { panic!("{found:?}") };
        assert_eq!(first.number, 1);
        assert_eq!(first.keys.get("use"), Some(&json!({ "b": "yes", "a": 1 })));
        assert_eq!(second.number, 3);
        assert_eq!(Value::Object(second.keys.clone()), json!({ "c": 2.5, "1": "x" }));
    }

    #[test]
    fn section_numbers_stay_as_written() {
        let found = documents("Reports:\n  CIS:\n    - 3.10\n    - \"2.1\"\n");
        let reports = found.read.first().and_then(|document| document.reports.clone()).unwrap();
        assert_eq!(reports.get("CIS").unwrap(), &["3.10".to_owned(), "2.1".to_owned()]);
    }

    #[test]
    fn a_syntax_error_ends_the_file_and_keeps_what_came_before() {
        let found = documents("a: 1\n---\nb: [\n---\nc: 3\n");
        assert_eq!(found.read.len(), 1);
        let [(number, message)] = found.unreadable.as_slice() else { panic!("{found:?}") };
        assert_eq!(*number, 2);
        assert!(message.starts_with("not valid YAML: "), "{message}");
    }

    #[test]
    fn only_mappings_count() {
        let found = documents("- a\n---\n? [1, 2]\n: x\n");
        assert!(found.read.is_empty());
        assert_eq!(found.unreadable.len(), 2);
    }
}
