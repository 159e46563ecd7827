//! `get_severity_alert_metrics`.

use async_trait::async_trait;
use margay_domain::alert::{AlertFilter, AlertTally, AlertType, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::{Breakdown, Stated, Window};
use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// What is counted if no severities are given.
const DEFAULT_SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// Counts alerts per severity.
pub(crate) struct GetSeverityAlertMetrics;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// ISO-8601. Default: 7 days before end_date.
    start_date: Option<String>,
    /// Exclusive. Default: now.
    end_date: Option<String>,
    /// 15, 30, 60, 180, 360, 720 or 1440 (default).
    interval_in_minutes: Option<i64>,
    /// Rule means scheduled and correlation rules, too. Default: both.
    #[schemars(extend("enum" = ["Rule", "Policy"]))]
    alert_types: Option<Vec<String>>,
    /// Default: all but INFO.
    #[schemars(extend("enum" = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]))]
    severities: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    alerts_per_severity: Vec<SeverityAlerts>,
    total_alerts: u64,
    #[serde(flatten)]
    window: Stated,
    alert_types: Vec<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct SeverityAlerts {
    label: &'static str,
    value: u64,
    /// Alerts by the beginning of their interval (UTC).
    breakdown: Breakdown,
}

/// What raised an alert, in the words of this tool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Policy,
    Rule,
}

impl Family {
    const ALL: [Self; 2] = [Self::Policy, Self::Rule];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "Policy",
            Self::Rule => "Rule",
        }
    }

    const fn kinds(self) -> &'static [AlertType] {
        match self {
            Self::Policy => &[AlertType::Policy],
            Self::Rule => &[AlertType::Rule, AlertType::ScheduledRule, AlertType::CorrelationRule],
        }
    }
}

#[async_trait]
impl TypedTool for GetSeverityAlertMetrics {
    const NAME: &'static str = "get_severity_alert_metrics";
    const TITLE: &'static str = "Count alerts per severity";
    const DESCRIPTION: &'static str = "Counts alerts per severity over time, by default over the last 7 days (at most 366) by day. Errors of detections are not counted. Next: get_rule_alert_metrics, list_alerts.";
    const REQUIRES: Requirement = super::METRICS;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let now = context.ports.clock.now();
        let window = Window::read(input.start_date, input.end_date, input.interval_in_minutes, 1440, now)?;
        let mut families = arguments::words("alert_types", input.alert_types, &Family::ALL, Family::as_str)?;
        if families.is_empty() {
            families = Family::ALL.to_vec();
        }
        let mut severities = arguments::words("severities", input.severities, Severity::ALL, Severity::as_str)?;
        if severities.is_empty() {
            severities = DEFAULT_SEVERITIES.to_vec();
        }
        let filter = AlertFilter {
            from: Some(window.from),
            until: Some(window.until),
            severities: severities.clone(),
            kinds: families.iter().flat_map(|family| family.kinds()).copied().collect(),
            ..AlertFilter::default()
        };
        let tallies = context.ports.alerts.tally(&filter, window.width(), &context.principal.role.log_types).await?;
        let alerts_per_severity: Vec<SeverityAlerts> =
            severities.iter().rev().map(|severity| of_severity(*severity, &tallies, window)).collect();
        Ok(Output {
            total_alerts: alerts_per_severity.iter().map(|severity| severity.value).sum(),
            alerts_per_severity,
            window: window.stated(),
            alert_types: families.into_iter().map(Family::as_str).collect(),
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.alerts_per_severity.len()).ok()
    }
}

fn of_severity(severity: Severity, tallies: &[AlertTally], window: Window) -> SeverityAlerts {
    let mut counted = SeverityAlerts { label: severity.as_str(), value: 0, breakdown: Breakdown::new() };
    for tally in tallies.iter().filter(|tally| tally.severity == severity) {
        counted.value += tally.alerts;
        window.count(&mut counted.breakdown, tally.begin, tally.alerts);
    }
    counted
}

#[cfg(test)]
mod tests {
    use margay_domain::alert::Alert;
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        let mut world = World::new();
        world.alerts = vec![
            fakes::alert("a1", 1),
            fakes::alert("a2", 2),
            fakes::alert("a3", 30),
            Alert { severity: Severity::Info, ..fakes::alert("a4", 1) },
            Alert { severity: Severity::Low, kind: AlertType::Policy, ..fakes::alert("a5", 1) },
            Alert { severity: Severity::Low, kind: AlertType::CorrelationRule, ..fakes::alert("a6", 1) },
            Alert { kind: AlertType::RuleError, ..fakes::alert("a7", 1) },
            Alert { kind: AlertType::SystemError, ..fakes::alert("a8", 1) },
            fakes::alert("old", 24 * 30),
        ];
        world
    }

    async fn metrics(arguments: Value) -> Value {
        fakes::call(GetSeverityAlertMetrics, &world().context(), arguments).await.unwrap()
    }

    #[tokio::test]
    async fn alerts_are_counted_by_severity_and_day() {
        let answer = metrics(json!({})).await;
        assert_eq!(
            answer,
            json!({
                "alerts_per_severity": [
                    { "label": "CRITICAL", "value": 0, "breakdown": {} },
                    {
                        "label": "HIGH",
                        "value": 3,
                        "breakdown": { "2026-03-09T00:00:00.000Z": 1, "2026-03-10T00:00:00.000Z": 2 },
                    },
                    { "label": "MEDIUM", "value": 0, "breakdown": {} },
                    { "label": "LOW", "value": 2, "breakdown": { "2026-03-10T00:00:00.000Z": 2 } },
                ],
                "total_alerts": 5,
                "start_date": "2026-03-03T12:00:00.000Z",
                "end_date": "2026-03-10T12:00:00.000Z",
                "defaulted": true,
                "interval_in_minutes": 1440,
                "alert_types": ["Policy", "Rule"],
            })
        );
    }

    #[tokio::test]
    async fn the_filters_hold_for_the_total_too() {
        let answer = metrics(json!({ "alert_types": ["policy"] })).await;
        assert_eq!((&answer["total_alerts"], &answer["alert_types"]), (&json!(1), &json!(["Policy"])));
        let answer = metrics(json!({ "severities": ["INFO", "LOW"], "alert_types": ["Rule"] })).await;
        assert_eq!(fakes::texts(&answer["alerts_per_severity"], "label"), ["LOW", "INFO"]);
        assert_eq!(answer["total_alerts"], 2);
        let answer = metrics(json!({ "start_date": "2026-03-10T11:00:00Z", "interval_in_minutes": 15 })).await;
        assert_eq!(answer["total_alerts"], 3);
        assert_eq!(answer["defaulted"], false);
    }

    #[tokio::test]
    async fn bad_arguments_are_refused() {
        let context = world().context();
        for (arguments, message) in [
            (json!({ "alert_types": ["Signal"] }), "Invalid alert_types 'Signal'. Must be one of: Policy, Rule"),
            (
                json!({ "severities": ["X"] }),
                "Invalid severities 'X'. Must be one of: CRITICAL, HIGH, INFO, LOW, MEDIUM",
            ),
            (
                json!({ "interval_in_minutes": 0 }),
                "Invalid interval_in_minutes '0'. Must be one of: 15, 30, 60, 180, 360, 720, 1440",
            ),
        ] {
            let error = fakes::refused(GetSeverityAlertMetrics, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
    }
}
