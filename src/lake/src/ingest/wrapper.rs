//! Objects that only carry events: how vendors deliver many at once, and how collectors put one into another.

use serde_json::{Map, Value};

/// Lists of events, in lower case and without `_`: `Records` of AWS, `records` of Azure, `logEvents` of CloudWatch,
/// `value` of Microsoft Graph, `entries` of Google, Slack and Box, `items` of 1Password and Google, `authlogs` of Duo …
const LISTS: [&str; 18] = [
    "records",
    "logevents",
    "events",
    "items",
    "entries",
    "value",
    "data",
    "results",
    "result",
    "logs",
    "authlogs",
    "alerts",
    "auditlogs",
    "auditevents",
    "activities",
    "response",
    "hits",
    "nodes",
];

/// Objects around such a list.
const AROUND: [&str; 5] = ["response", "data", "hits", "result", "body"];

/// What is in an object that tells about the list, in lower case.
const ABOUT: [&str; 13] = [
    "meta", "link", "pag", "cursor", "info", "stat", "summary", "context", "shards", "request", "range", "param",
    "total",
];

/// A member with an event, as an object or as its text, and a member that is always beside it: CloudWatch Logs,
/// `lookup-events` of CloudTrail, Elasticsearch, EventBridge.
const ENVELOPES: [(&str, &str); 4] =
    [("message", "timestamp"), ("CloudTrailEvent", "EventId"), ("_source", "_index"), ("detail", "detail-type")];

/// Wrappers and envelopes lie in each other at most this deep.
const MAX_DEPTH: usize = 4;

/// What an object turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Opened {
    /// An event, possibly out of an envelope.
    Event(Map<String, Value>),
    /// A wrapper with these in it; some may be no objects.
    List(Vec<Value>),
}

/// Whether a list of this name may be one of events.
pub(super) fn is_list(name: &str, known: &impl Fn(&str) -> bool) -> bool {
    LISTS.contains(&plain(name).as_str()) && !known(name)
}

/// Whether an object with these members beside a list of events is only a wrapper: nothing in it is known to the log
/// schema, and nothing looks like content.
pub(super) fn is_wrapper<'a>(
    mut others: impl Iterator<Item = (&'a String, &'a Value)>,
    known: &impl Fn(&str) -> bool,
) -> bool {
    others.all(|(name, value)| !known(name) && is_about(name, value))
}

fn is_about(name: &str, value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.iter().any(Value::is_object),
        Value::Object(members) => {
            let name = plain(name);
            members.is_empty() || ABOUT.iter().any(|about| name.contains(about))
        }
        _ => true,
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// Opens an object. `known` says whether a name means something to the log schema. Also how often something was opened.
pub(super) fn open(object: Map<String, Value>, known: &impl Fn(&str) -> bool) -> (Opened, u64) {
    open_at(object, known, 0)
}

fn open_at(mut object: Map<String, Value>, known: &impl Fn(&str) -> bool, depth: usize) -> (Opened, u64) {
    if depth >= MAX_DEPTH {
        return (Opened::Event(object), 0);
    }
    if let Some(inner) = letter(&object, known) {
        let (opened, count) = open_at(inner, known, depth + 1);
        return (opened, count + 1);
    }
    if let Some(name) = list_in(&object, known)
        && let Some(Value::Array(items)) = object.remove(&name)
    {
        return (Opened::List(items), 1);
    }
    if let Some(name) = around(&object, known, depth)
        && let Some(Value::Object(inner)) = object.remove(&name)
    {
        let (opened, count) = open_at(inner, known, depth + 1);
        return (opened, count + 1);
    }
    (Opened::Event(object), 0)
}

/// The event in an envelope.
fn letter(object: &Map<String, Value>, known: &impl Fn(&str) -> bool) -> Option<Map<String, Value>> {
    let (member, _) =
        ENVELOPES.iter().find(|(member, beside)| object.contains_key(*beside) && object.contains_key(*member))?;
    if known(member) {
        return None;
    }
    match object.get(*member)? {
        Value::Object(inner) => Some(inner.clone()),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::Object(inner)) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

/// The name of the list of events in a wrapper.
fn list_in(object: &Map<String, Value>, known: &impl Fn(&str) -> bool) -> Option<String> {
    let lists = object.iter().filter(|(name, value)| {
        let Value::Array(items) = value else { return false };
        is_list(name, known) && items.first().is_none_or(Value::is_object)
    });
    // Of several the one with something in it.
    let (name, _) = lists.max_by_key(|(_, value)| value.as_array().is_some_and(|items| !items.is_empty()))?;
    is_wrapper(object.iter().filter(|(other, _)| *other != name), known).then(|| name.clone())
}

/// The name of an object around a wrapper.
fn around(object: &Map<String, Value>, known: &impl Fn(&str) -> bool, depth: usize) -> Option<String> {
    let (name, _) = object.iter().find(|(name, value)| {
        let Value::Object(inner) = value else { return false };
        depth + 1 < MAX_DEPTH
            && AROUND.contains(&plain(name).as_str())
            && !known(name)
            && (list_in(inner, known).is_some() || around(inner, known, depth + 1).is_some())
    })?;
    is_wrapper(object.iter().filter(|(other, _)| *other != name), known).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn opened(value: Value, fields: &[&str]) -> Value {
        let Value::Object(object) = value else { panic!("not an object") };
        match open(object, &|name: &str| fields.contains(&name)) {
            (Opened::List(items), _) => Value::Array(items),
            (Opened::Event(event), _) => Value::Object(event),
        }
    }

    #[test]
    fn wrappers_of_vendors_are_opened() {
        let events = json!([{ "a": 1 }, { "a": 2 }]);
        for wrapper in [
            json!({ "Records": events }),
            json!({ "records": events }),
            json!({ "@odata.context": "https://x", "@odata.nextLink": "https://y", "value": events }),
            json!({ "kind": "x", "etag": "y", "items": events, "nextPageToken": "z" }),
            json!({ "entries": events, "response_metadata": { "next_cursor": "" } }),
            json!({ "cursor": "x", "has_more": true, "items": events }),
            json!({ "stat": "OK", "response": { "authlogs": events, "metadata": { "total": 2 } } }),
            json!({ "stat": "OK", "response": events }),
            json!({ "took": 1, "_shards": { "total": 1 }, "hits": { "total": { "value": 2 }, "hits": events } }),
            json!({ "data": { "result": { "nodes": events } } }),
            json!({ "owner": "1", "logGroup": "g", "subscriptionFilters": ["f"], "logEvents": events }),
            json!({ "data": events, "meta": { "page": 1 }, "errors": [] }),
            json!({ "events": [], "logs": events }),
        ] {
            assert_eq!(opened(wrapper.clone(), &["a", "eventTime"]), events, "{wrapper}");
        }
        assert_eq!(opened(json!({ "Records": [] }), &[]), json!([]));
    }

    #[test]
    fn events_with_lists_in_them_stay_whole() {
        for event in [
            // The schema knows the list, or something beside it.
            json!({ "kind": "activity", "events": [{ "name": "x" }] }),
            json!({ "time": "2026-01-01", "user": "ana", "items": [{ "sku": 1 }] }),
            json!({ "p_log_type": "X", "records": [{ "a": 1 }] }),
            // Something beside it is content.
            json!({ "actor": { "id": 1 }, "results": [{ "a": 1 }] }),
            json!({ "records": ["a", "b"] }),
            json!({ "tags": [{ "a": 1 }] }),
            json!({ "value": 1 }),
            json!({ "message": "not JSON", "timestamp": 1 }),
            json!({}),
        ] {
            let known = ["events", "time", "p_log_type"];
            assert_eq!(opened(event.clone(), &known), event);
        }
    }

    #[test]
    fn envelopes_are_opened() {
        let event = json!({ "eventName": "A" });
        for envelope in [
            json!({ "id": "1", "timestamp": 1, "message": event.to_string() }),
            json!({ "EventId": "1", "EventName": "A", "CloudTrailEvent": event.to_string() }),
            json!({ "_index": "i", "_id": "1", "_source": event }),
            json!({ "version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": event }),
        ] {
            assert_eq!(opened(envelope.clone(), &["eventName"]), event, "{envelope}");
        }
        // A schema of the envelope itself keeps it.
        let envelope = json!({ "timestamp": 1, "message": "{\"a\":1}" });
        assert_eq!(opened(envelope.clone(), &["timestamp", "message"]), envelope);
    }
}
