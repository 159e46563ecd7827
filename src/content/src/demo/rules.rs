//! The conditions of the demo's rules, each equal in meaning to the rule's own Python or YAML in
//! `demo/detections`, so that the demo's alerts point at the events that really match.

use serde_json::Value;

use super::logs::Event;

mod aws;
mod github;
mod okta;
mod vpc_flow;

/// A rule over the events of one log type. Severity, threshold and grouping are those of the detection with this id.
#[derive(Debug)]
pub(super) struct Rule {
    /// The id of the detection.
    pub(super) id: &'static str,
    pub(super) log_type: &'static str,
    pub(super) matches: fn(&Event) -> bool,
    /// The title, by which matches are grouped.
    pub(super) title: fn(&Event) -> String,
    pub(super) context: fn(&Event) -> Value,
}

/// All rules.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    okta::RULES.iter().chain(&github::RULES).chain(&aws::RULES).chain(&vpc_flow::RULES)
}

/// The value at a path.
fn at<'a>(event: &'a Event, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(event.get(*first)?, |value, key| value.get(*key)).filter(|value| !value.is_null())
}

/// The text at a path, if there is one.
fn text<'a>(event: &'a Event, path: &[&str]) -> Option<&'a str> {
    at(event, path).and_then(Value::as_str)
}

/// The text at a path, or `unknown`.
fn word<'a>(event: &'a Event, path: &[&str]) -> &'a str {
    text(event, path).unwrap_or("unknown")
}

/// Whether the text at a path is `expected`.
fn is(event: &Event, path: &[&str], expected: &str) -> bool {
    text(event, path) == Some(expected)
}

/// Whether the text at a path is one of `expected`.
fn is_in(event: &Event, path: &[&str], expected: &[&str]) -> bool {
    text(event, path).is_some_and(|found| expected.contains(&found))
}
