//! `correlation_rule`: matches of other rules, as a group or in sequence.

use margay_domain::{clock::Timestamp, detection::DetectionKind};
use serde_json::{Map, Value};

use super::{
    Read, common,
    document::{Document, to_yaml},
    keys::{KeyResult, Keys},
};

const SHAPE: &str = "a list with one mapping that has `Sequence` or `Group`";

pub(super) fn read(document: &Document, now: Timestamp) -> KeyResult<Read> {
    let keys = Keys::new(&document.keys);
    let id = keys.id("RuleID")?;
    let Some(found) = keys.get("Detection") else { return Err(keys.missing("Detection", SHAPE)) };
    let [Value::Object(condition)] = keys.list("Detection")? else {
        return Err(keys.wrong("Detection", SHAPE, found));
    };
    let rules = referenced_rules(condition)?;
    let mut detection = common::detection(document, id, DetectionKind::CorrelationRule, "RuleOutputs", now)?;
    let body: Map<String, Value> = std::iter::once(("Detection".to_owned(), found.clone())).collect();
    detection.body = to_yaml(&Value::Object(body))?;
    Ok(Read { detection, without_source: false, rules })
}

/// The ids of the rules whose matches it reads.
fn referenced_rules(condition: &Map<String, Value>) -> KeyResult<Vec<String>> {
    let keys = Keys::nested(condition, "Detection[0].");
    let list = keys.exactly_one("Sequence", "Group")?;
    let items = keys.list(list)?;
    if items.is_empty() {
        return Err(format!("`Detection[0].{list}`: expected at least one rule; found an empty list"));
    }
    items
        .iter()
        .enumerate()
        .map(|(position, item)| {
            let Some(item) = item.as_object() else {
                return Err(keys.wrong(&format!("{list}[{position}]"), "a mapping with `ID` and `RuleID`", item));
            };
            let prefix = format!("Detection[0].{list}[{position}].");
            let item = Keys::nested(item, &prefix);
            item.required_text("ID", "a name for this step")?;
            item.id("RuleID")
        })
        .collect()
}
