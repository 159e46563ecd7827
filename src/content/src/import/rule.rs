//! `rule` and `scheduled_rule`: Python beside the YAML, or a condition in the YAML itself.

use margay_domain::{clock::Timestamp, detection::DetectionKind};
use serde_json::{Map, Value};

use super::{
    Read,
    analysis_type::AnalysisType,
    beside::Beside,
    common,
    document::{Document, to_yaml},
    keys::{KeyResult, Keys},
};

/// The keys that together are the source of a rule written in YAML.
const LOGIC_KEYS: [&str; 6] =
    ["Detection", "InlineFilters", "GroupBy", "AlertTitle", "AlertContext", "DynamicSeverities"];

pub(super) fn read(
    document: &Document,
    analysis_type: AnalysisType,
    beside: &dyn Beside,
    now: Timestamp,
) -> KeyResult<Read> {
    let keys = Keys::new(&document.keys);
    let id = keys.id("RuleID")?;
    let source = keys.exactly_one("Filename", "Detection")?;
    let input = keys.exactly_one("LogTypes", "ScheduledQueries")?;
    let kind = match (analysis_type, source) {
        (AnalysisType::ScheduledRule, _) => DetectionKind::ScheduledRule,
        (_, "Detection") => DetectionKind::SimpleRule,
        _ => DetectionKind::Rule,
    };
    let mut detection = common::detection(document, id, kind, "Log", now)?;
    if detection.log_types.is_empty() && detection.scheduled_queries.is_empty() {
        return Err(format!("`{input}`: expected a list with at least one entry; found an empty list"));
    }
    if source == "Detection" {
        keys.list("Detection")?;
        let logic: Map<String, Value> = LOGIC_KEYS
            .into_iter()
            .filter_map(|key| keys.get(key).map(|value| (key.to_owned(), value.clone())))
            .collect();
        detection.body = to_yaml(&Value::Object(logic))?;
        return Ok(Read::complete(detection));
    }
    let python = common::python(document, beside)?;
    let without_source = python.is_none();
    detection.body = python.unwrap_or_default();
    Ok(Read { detection, without_source, rules: Vec::new() })
}
