//! `get_rule_alert_metrics`.

use std::{cmp::Reverse, collections::BTreeMap};

use async_trait::async_trait;
use margay_domain::{
    alert::{AlertFilter, AlertTally, AlertType},
    detection::DetectionKind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::{Breakdown, Stated, Window};
use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// At most so many ids in one call.
const MAX_IDS: usize = 100;

/// Counts alerts per detection.
pub(crate) struct GetRuleAlertMetrics;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// ISO-8601. Default: 7 days before end_date.
    start_date: Option<String>,
    /// Exclusive. Default: now.
    end_date: Option<String>,
    /// 15 (default), 30, 60, 180, 360, 720 or 1440.
    interval_in_minutes: Option<i64>,
    /// Default: all detections.
    #[schemars(length(max = 100))]
    detection_ids: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    alerts_per_rule: Vec<RuleAlerts>,
    /// Also of detections not shown.
    total_alerts: u64,
    total_errors: u64,
    total_rules: usize,
    truncated: bool,
    #[serde(flatten)]
    window: Stated,
    detection_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RuleAlerts {
    entity_id: String,
    /// The display name if it may be read.
    label: String,
    value: u64,
    errors: u64,
    /// Alerts by the beginning of their interval (UTC).
    breakdown: Breakdown,
}

#[async_trait]
impl TypedTool for GetRuleAlertMetrics {
    const NAME: &'static str = "get_rule_alert_metrics";
    const TITLE: &'static str = "Count alerts per detection";
    const DESCRIPTION: &'static str = "Counts alerts per detection over time, by default over the last 7 days (at most 366), for the 100 detections with the most alerts. Errors of detections are counted apart, system errors not at all. Next: list_alerts with detection_id, get_detection.";
    const REQUIRES: Requirement = super::METRICS;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let now = context.ports.clock.now();
        let window = Window::read(input.start_date, input.end_date, input.interval_in_minutes, 15, now)?;
        let detection_ids = detection_ids(input.detection_ids)?;
        let filter = AlertFilter {
            from: Some(window.from),
            until: Some(window.until),
            kinds: AlertType::ALL.iter().copied().filter(|kind| *kind != AlertType::SystemError).collect(),
            detection_id: match detection_ids.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
            ..AlertFilter::default()
        };
        let mut tallies =
            context.ports.alerts.tally(&filter, window.width(), &context.principal.role.log_types).await?;
        if !detection_ids.is_empty() {
            tallies
                .retain(|tally| tally.detection_id.as_ref().is_some_and(|id| detection_ids.binary_search(id).is_ok()));
        }
        let rules = per_rule(tallies, &labels(context).await?, window);
        let total_alerts = rules.iter().map(|rule| rule.value).sum();
        let total_errors = rules.iter().map(|rule| rule.errors).sum();
        let total_rules = rules.len();
        let alerts_per_rule = super::shown(rules, context.ports.row_bytes());
        let truncated = alerts_per_rule.len() < total_rules;
        Ok(Output {
            hint: truncated.then(|| {
                format!(
                    "Only {} of {total_rules} detections are shown. For others give detection_ids; a longer interval_in_minutes makes room.",
                    alerts_per_rule.len()
                )
            }),
            alerts_per_rule,
            total_alerts,
            total_errors,
            total_rules,
            truncated,
            window: window.stated(),
            detection_ids,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.alerts_per_rule.len()).ok()
    }
}

/// The ids, sorted.
fn detection_ids(given: Option<Vec<String>>) -> Result<Vec<String>, ToolError> {
    if given.as_ref().is_some_and(|given| given.len() > MAX_IDS) {
        return Err(ToolError::invalid_argument(format!("detection_ids must hold at most {MAX_IDS} ids.")));
    }
    let ids = arguments::list(given);
    let is_bad = |id: &str| id.chars().any(|c| matches!(c, '@' | '#') || c.is_whitespace());
    match ids.iter().find(|id| is_bad(id)) {
        None => Ok(ids),
        Some(bad) => Err(ToolError::invalid_argument(format!(
            "Invalid rule ID '{}' in detection_ids. Rule IDs cannot contain '@', spaces, or '#' characters",
            arguments::shown(bad)
        ))),
    }
}

/// Display names by id. Promise 1: only of detections that may be read now.
async fn labels(context: &ToolContext) -> Result<BTreeMap<String, String>, ToolError> {
    let effective = context.principal.effective();
    if !DetectionKind::ALL.iter().any(|kind| effective.contains(kind.read_permission())) {
        return Ok(BTreeMap::new());
    }
    let detections = context.ports.detections.list().await?;
    Ok(detections
        .into_iter()
        .filter(|detection| effective.contains(detection.kind.read_permission()) && !detection.display_name.is_empty())
        .map(|detection| (detection.id, detection.display_name))
        .collect())
}

/// Every detection that raised something, most alerts first, then by id.
fn per_rule(tallies: Vec<AlertTally>, labels: &BTreeMap<String, String>, window: Window) -> Vec<RuleAlerts> {
    let mut rules: BTreeMap<String, RuleAlerts> = BTreeMap::new();
    for tally in tallies {
        // What no detection raised has no place in this list.
        let Some(id) = tally.detection_id else { continue };
        let rule = rules.entry(id).or_insert_with_key(|id| RuleAlerts {
            entity_id: id.clone(),
            label: labels.get(id).unwrap_or(id).clone(),
            value: 0,
            errors: 0,
            breakdown: Breakdown::new(),
        });
        if is_error(tally.kind) {
            rule.errors += tally.alerts;
        } else {
            rule.value += tally.alerts;
            window.count(&mut rule.breakdown, tally.begin, tally.alerts);
        }
    }
    let mut rules: Vec<RuleAlerts> = rules.into_values().collect();
    rules.sort_by_key(|rule| Reverse(rule.value));
    rules
}

const fn is_error(kind: AlertType) -> bool {
    match kind {
        AlertType::RuleError
        | AlertType::ScheduledRuleError
        | AlertType::CorrelationRuleError
        | AlertType::SystemError => true,
        AlertType::Rule | AlertType::ScheduledRule | AlertType::Policy | AlertType::CorrelationRule => false,
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{alert::Alert, rules::Permission};
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn raised(id: &str, hours_ago: u64, kind: AlertType, detection: &str) -> Alert {
        Alert { kind, detection_id: Some(detection.to_owned()), ..fakes::alert(id, hours_ago) }
    }

    fn world() -> World {
        let mut world = World::new();
        world.alerts = vec![
            raised("a1", 1, AlertType::Rule, "R.One"),
            raised("a2", 1, AlertType::Rule, "R.One"),
            raised("a3", 5, AlertType::Rule, "R.One"),
            raised("a4", 2, AlertType::RuleError, "R.One"),
            raised("a5", 2, AlertType::Policy, "P.One"),
            raised("a6", 2, AlertType::ScheduledRuleError, "R.Two"),
            raised("a7", 24 * 30, AlertType::Rule, "R.Old"),
            Alert { kind: AlertType::SystemError, detection_id: None, ..fakes::alert("a8", 1) },
        ];
        world.detections = vec![
            fakes::detection("R.One", DetectionKind::Rule),
            fakes::detection("P.One", DetectionKind::Policy),
            margay_domain::detection::Detection {
                display_name: String::new(),
                ..fakes::detection("R.Two", DetectionKind::ScheduledRule)
            },
        ];
        world
    }

    async fn metrics(world: World, arguments: Value) -> Value {
        fakes::call(GetRuleAlertMetrics, &world.context(), arguments).await.unwrap()
    }

    #[tokio::test]
    async fn alerts_and_errors_are_counted_apart() {
        let answer = metrics(world(), json!({})).await;
        assert_eq!(
            answer["alerts_per_rule"],
            json!([
                {
                    "entityId": "R.One",
                    "label": "Name of R.One",
                    "value": 3,
                    "errors": 1,
                    "breakdown": { "2026-03-10T07:00:00.000Z": 1, "2026-03-10T11:00:00.000Z": 2 },
                },
                {
                    "entityId": "P.One",
                    "label": "Name of P.One",
                    "value": 1,
                    "errors": 0,
                    "breakdown": { "2026-03-10T10:00:00.000Z": 1 },
                },
                { "entityId": "R.Two", "label": "R.Two", "value": 0, "errors": 1, "breakdown": {} },
            ])
        );
        // The total is that of alerts, not of detections.
        assert_eq!((&answer["total_alerts"], &answer["total_errors"]), (&json!(4), &json!(2)));
        assert_eq!((&answer["total_rules"], &answer["truncated"]), (&json!(3), &json!(false)));
        assert_eq!(answer["start_date"], "2026-03-03T12:00:00.000Z");
        assert_eq!(answer["end_date"], "2026-03-10T12:00:00.000Z");
        assert_eq!((&answer["defaulted"], &answer["interval_in_minutes"]), (&json!(true), &json!(15)));
    }

    #[tokio::test]
    async fn names_need_the_permission_of_their_kind() {
        let held = [Permission::SummaryRead, Permission::PolicyRead].into_iter().collect();
        let answer = metrics(World { held, ..world() }, json!({})).await;
        assert_eq!(fakes::texts(&answer["alerts_per_rule"], "label"), ["R.One", "Name of P.One", "R.Two"]);
        let held = [Permission::SummaryRead].into_iter().collect();
        let answer = metrics(World { held, ..world() }, json!({})).await;
        assert_eq!(fakes::texts(&answer["alerts_per_rule"], "label"), ["R.One", "P.One", "R.Two"]);
    }

    #[tokio::test]
    async fn ids_and_dates_narrow() {
        let answer = metrics(world(), json!({ "detection_ids": ["P.One"] })).await;
        assert_eq!(fakes::texts(&answer["alerts_per_rule"], "entityId"), ["P.One"]);
        assert_eq!((&answer["total_alerts"], &answer["detection_ids"]), (&json!(1), &json!(["P.One"])));
        let answer = metrics(world(), json!({ "detection_ids": ["R.Two", " P.One "] })).await;
        assert_eq!(fakes::texts(&answer["alerts_per_rule"], "entityId"), ["P.One", "R.Two"]);
        let answer = metrics(
            world(),
            json!({ "end_date": "2026-03-01", "start_date": "2026-02-01", "interval_in_minutes": 60 }),
        )
        .await;
        assert_eq!(fakes::texts(&answer["alerts_per_rule"], "entityId"), ["R.Old"]);
        assert_eq!(answer["defaulted"], false);
    }

    #[tokio::test]
    async fn a_long_list_is_cut_and_says_so() {
        let alerts = (0..103).map(|n| raised(&format!("a{n}"), 1, AlertType::Rule, &format!("R.{n:03}"))).collect();
        let answer = metrics(World { alerts, ..World::new() }, json!({})).await;
        assert_eq!(fakes::texts(&answer["alerts_per_rule"], "entityId").len(), super::super::MAX_SHOWN);
        assert_eq!(
            (&answer["total_alerts"], &answer["total_rules"], &answer["truncated"]),
            (&json!(103), &json!(103), &json!(true))
        );
        assert!(answer["hint"].as_str().unwrap().starts_with("Only 100 of 103 detections"));
    }

    #[tokio::test]
    async fn bad_arguments_are_refused() {
        let context = world().context();
        for bad in ["a@b", "a b", "a#b"] {
            let error = fakes::refused(GetRuleAlertMetrics, &context, json!({ "detection_ids": [bad] })).await;
            assert_eq!(
                error.message,
                format!(
                    "Invalid rule ID '{bad}' in detection_ids. Rule IDs cannot contain '@', spaces, or '#' characters"
                )
            );
        }
        // Doubles count.
        let error = fakes::refused(GetRuleAlertMetrics, &context, json!({ "detection_ids": vec!["R.One"; 101] })).await;
        assert_eq!(error.message, "detection_ids must hold at most 100 ids.");
        let error = fakes::refused(GetRuleAlertMetrics, &context, json!({ "interval_in_minutes": 5 })).await;
        assert!(error.message.starts_with("Invalid interval_in_minutes '5'."));
    }
}
