//! Names of arguments: those of before, and those that nobody knows.

use serde_json::Value;

use super::{JsonObject, ToolError};
use crate::arguments::shown;

/// What arguments were called before, and are called now. A name of before is read where the tool has the new one and
/// not the old one, and stands in no schema.
const BEFORE: &[(&str, &str)] = &[
    ("page_size", "limit"),
    ("max_rows", "limit"),
    ("max_events", "limit"),
    ("max_results", "limit"),
    ("name_contains", "contains"),
    ("database_name", "database"),
    ("table", "table_name"),
    ("detection_type", "detection_types"),
    ("detection_types", "detection_type"),
    ("severity", "severities"),
    ("status", "statuses"),
    ("tag", "tags"),
    ("log_type", "log_types"),
    ("resource_type", "resource_types"),
    ("rule_ids", "detection_ids"),
    ("alert_id", "alert_ids"),
];

/// At most this many unknown names are repeated to the caller.
const MAX_NAMED: usize = 20;

/// Under which of the `properties` a key is read.
fn current<'a>(properties: &JsonObject, key: &'a str) -> Option<&'a str> {
    if properties.contains_key(key) {
        return Some(key);
    }
    BEFORE.iter().find(|(before, now)| *before == key && properties.contains_key(*now)).map(|(_, now)| *now)
}

/// For each argument: the names it was given under, and what was given. An error that names every unknown key.
pub(super) fn sort(
    tool: &str,
    properties: &JsonObject,
    arguments: JsonObject,
) -> Result<Vec<(String, String, Value)>, ToolError> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (key, value) in arguments {
        match current(properties, &key) {
            Some(name) => known.push((name.to_owned(), key, value)),
            None => unknown.push(key),
        }
    }
    if unknown.is_empty() { Ok(known) } else { Err(refuse(tool, properties, &unknown)) }
}

fn refuse(tool: &str, properties: &JsonObject, unknown: &[String]) -> ToolError {
    let mut named: Vec<String> = unknown
        .iter()
        .take(MAX_NAMED)
        .map(|key| match nearest(properties, key) {
            Some(name) => format!("{} (did you mean {name}?)", shown(key)),
            None => shown(key),
        })
        .collect();
    if unknown.len() > MAX_NAMED {
        named.push(format!("{} more", unknown.len() - MAX_NAMED));
    }
    let unknown_word = if unknown.len() == 1 { "argument" } else { "arguments" };
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let takes = if known.is_empty() { "takes no arguments".to_owned() } else { format!("takes {}", known.join(", ")) };
    ToolError::invalid_argument(format!("Unknown {unknown_word}: {}; {tool} {takes}.", named.join(", ")))
}

/// The argument that was probably meant.
fn nearest<'a>(properties: &'a JsonObject, key: &str) -> Option<&'a str> {
    // Longer than any argument is called: no misspelling.
    if key.len() > 40 {
        return None;
    }
    let wanted = plain(key);
    let near = properties
        .keys()
        .map(|name| (distance(&wanted, &plain(name)), name.as_str()))
        .filter(|(distance, name)| *distance <= name.len() / 4)
        .min();
    let part = || {
        let mut holding = properties.keys().filter(|name| wanted.len() >= 2 && plain(name).ends_with(&wanted));
        holding.next().filter(|_| holding.next().is_none()).map(String::as_str)
    };
    near.map(|(_, name)| name).or_else(part)
}

/// Without what separates words, so that `alertIds` is near `alert_ids`.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The Levenshtein distance.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, from) in left.iter().enumerate() {
        let mut next = vec![at + 1];
        for ((to, above), pair) in right.iter().zip(row.iter().skip(1)).zip(row.iter()) {
            let beside = next.last().copied().unwrap_or_default();
            next.push((pair + usize::from(from != to)).min(above + 1).min(beside + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> JsonObject {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn every_unknown_name_is_in_one_sentence_with_the_known_ones() {
        let properties = object(json!({ "severities": {}, "alert_ids": {}, "limit": {} }));
        let given = object(json!({ "severitys": [], "alertIds": [], "foo": 1, "limit": 2, "ids": 3 }));
        assert_eq!(
            sort("list_alerts", &properties, given).unwrap_err().message,
            "Unknown arguments: severitys (did you mean severities?), alertIds (did you mean alert_ids?), foo, ids (did you mean alert_ids?); list_alerts takes severities, alert_ids, limit."
        );
        assert_eq!(
            sort("get_permissions", &JsonObject::new(), object(json!({ "x": 1 }))).unwrap_err().message,
            "Unknown argument: x; get_permissions takes no arguments."
        );
        let many: JsonObject = (0..50).map(|n| (format!("k{n}"), Value::Null)).collect();
        let message = sort("t", &properties, many).unwrap_err().message;
        assert!(message.contains("k19, 30 more; t takes"), "{message}");
    }

    #[test]
    fn names_of_before_are_read_where_the_tool_has_the_new_one() {
        let properties = object(json!({ "limit": {}, "contains": {} }));
        let sorted = sort("t", &properties, object(json!({ "page_size": 1, "contains": "x" }))).unwrap();
        let names: Vec<(&str, &str)> = sorted.iter().map(|(name, key, _)| (name.as_str(), key.as_str())).collect();
        assert_eq!(names, [("limit", "page_size"), ("contains", "contains")]);
        assert!(sort("t", &properties, object(json!({ "database_name": 1 }))).is_err());
    }

    #[test]
    fn distances() {
        let of = |left, right| distance(&plain(left), &plain(right));
        assert_eq!(of("severitys", "severities"), 2);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("alertId", "alert_id"), 0);
    }
}
