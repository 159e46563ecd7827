//! The text form of an answer.

use serde_json::Value;

use super::{JsonObject, Provenance};
use crate::untrusted;

/// Row T6: the answer as JSON in one line, since many clients give their model nothing else. Null members are left out:
/// a row of logs has more of them than of anything else, and a client that passes both forms on pays for each.
pub(super) fn of(structured: &JsonObject, provenance: Provenance) -> String {
    let lean = lean_members(structured);
    match provenance {
        // Without the notice, but callers' own words come back in it, too.
        Provenance::Own => untrusted::json(&lean),
        Provenance::Untrusted => untrusted::text(&lean),
    }
}

/// A value without the null members of its objects.
pub(crate) fn lean(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(lean_members(members)),
        Value::Array(entries) => entries.iter().map(lean).collect(),
        other => other.clone(),
    }
}

fn lean_members(members: &JsonObject) -> JsonObject {
    members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), lean(value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_members_cost_nothing() {
        let answer = json!({ "results": [{ "a": null, "b": { "c": null, "d": [null, 1] } }] });
        let members = answer.as_object().unwrap();
        assert_eq!(of(members, Provenance::Own), r#"{"results":[{"b":{"d":[null,1]}}]}"#);
        assert!(of(members, Provenance::Untrusted).starts_with(untrusted::NOTICE));
    }
}
