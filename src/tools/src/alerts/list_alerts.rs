//! `list_alerts`.

use std::time::Duration;

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, AlertFilter, AlertPosition, AlertQuality, AlertStatus, AlertType, Severity},
    clock::Timestamp,
    id::AlertId,
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert_object::AlertObject;
use crate::{
    arguments, cursor, size,
    tool::{Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// How far back a list goes if neither dates nor a detection say which alerts.
const DEFAULT_WINDOW: Duration = Duration::from_hours(7 * 24);

/// Lists alerts, newest first.
pub(crate) struct ListAlerts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Created at or after (ISO-8601).
    start_date: Option<String>,
    /// Created before (ISO-8601). Default: now.
    end_date: Option<String>,
    /// Any of these.
    #[schemars(extend("enum" = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]))]
    severities: Option<Vec<String>>,
    /// Any of these.
    #[schemars(extend("enum" = ["OPEN", "TRIAGED", "RESOLVED", "CLOSED"]))]
    statuses: Option<Vec<String>>,
    /// Default ALERT.
    #[schemars(extend("enum" = ["ALERT", "DETECTION_ERROR", "SYSTEM_ERROR"]))]
    alert_type: Option<String>,
    /// *_ERROR are of DETECTION_ERROR, the others of ALERT.
    #[schemars(extend("enum" = ["RULE", "SCHEDULED_RULE", "POLICY", "CORRELATION_RULE", "RULE_ERROR", "SCHEDULED_RULE_ERROR", "CORRELATION_RULE_ERROR"]))]
    subtypes: Option<Vec<String>>,
    /// Its alerts of all times.
    detection_id: Option<String>,
    /// Such as AWS.CloudTrail.
    log_types: Option<Vec<String>>,
    /// Part of the title, in any case.
    contains: Option<String>,
    /// At least.
    #[schemars(range(min = 0))]
    event_count_min: Option<i64>,
    /// At most.
    #[schemars(range(min = 0))]
    event_count_max: Option<i64>,
    /// User ids.
    assignee_ids: Option<Vec<String>>,
    /// Any of these.
    #[schemars(extend("enum" = ["NOISE", "USEFUL"]))]
    qualities: Option<Vec<String>>,
    /// With any of these.
    context_tags: Option<Vec<String>>,
    /// Log source ids.
    log_sources: Option<Vec<String>>,
    /// Such as AWS.S3.Bucket.
    resource_types: Option<Vec<String>>,
    /// Default desc: newest first.
    #[schemars(extend("enum" = ["asc", "desc"]))]
    sort_dir: Option<String>,
    /// Default 25.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<i64>,
    /// next_cursor of the same call before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    alerts: Vec<AlertObject>,
    /// On all pages.
    total_alerts: u64,
    returned: usize,
    window: Window,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Window {
    /// Absent: from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    until: String,
    /// Nothing said which alerts, so that only the last 7 days were searched.
    defaulted: bool,
}

/// What was asked, in one fixed form; a cursor is bound to it.
#[derive(Serialize)]
struct Filter {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    severities: Vec<Severity>,
    statuses: Vec<AlertStatus>,
    kinds: Vec<AlertType>,
    detection_id: Option<String>,
    log_types: Vec<String>,
    contains: Option<String>,
    event_count_min: Option<i64>,
    event_count_max: Option<i64>,
    assignee_ids: Vec<String>,
    qualities: Vec<AlertQuality>,
    context_tags: Vec<String>,
    log_sources: Vec<String>,
    resource_types: Vec<String>,
    ascending: bool,
}

/// The time that is searched. Every page of a list has the same, so that it stays one list. Microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Span {
    from: Option<i64>,
    until: i64,
    defaulted: bool,
}

/// Where a page begins. Times are in microseconds, because their text form is coarser than what they sort by.
#[derive(Serialize, Deserialize)]
struct Position {
    span: Span,
    created_at: i64,
    id: String,
}

#[async_trait]
impl TypedTool for ListAlerts {
    const NAME: &'static str = "list_alerts";
    const TITLE: &'static str = "List alerts";
    const DESCRIPTION: &'static str = "Lists alerts with their severity, status and detection, newest first, 25 per page. Without dates and detection_id it covers the last 7 days; `window` says what was searched. `withheld`: the role may not read all log types of this alert, so its title is left out and not found. Next: get_alert for runbook and context, get_alert_events for the events behind one.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = arguments::number("limit", input.limit, 25, 1..=50)?;
        let cursor = arguments::optional(input.cursor.clone());
        let filter = Filter::read(input)?;
        let position =
            cursor.map(|cursor| cursor::open::<Position>(context, Self::NAME, &filter, &cursor)).transpose()?;
        let span =
            position.as_ref().map_or_else(|| Span::of(&filter, context.ports.clock.now()), |position| position.span);
        let after = position.map(Position::after);
        let query = filter.query(span);
        let access = &context.principal.role.log_types;
        let found = context.ports.alerts.list(&query, after.as_ref(), u32::from(limit) + 1, access).await?;
        let total_alerts = context.ports.alerts.count(&query, access).await?;
        let mut alerts: Vec<AlertObject> = found.iter().take(usize::from(limit)).map(AlertObject::new).collect();
        // At least one, so that every page gets further.
        alerts.truncate(size::fitting(&alerts, context.ports.row_bytes()).max(1));
        let has_next_page = found.len() > alerts.len();
        let next_cursor = found
            .get(..alerts.len())
            .unwrap_or_default()
            .last()
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &filter, &Position::behind(span, last)))
            .transpose()?;
        Ok(Output {
            returned: alerts.len(),
            hint: hint(total_alerts, has_next_page, span),
            alerts,
            total_alerts,
            window: span.window(),
            has_next_page,
            next_cursor,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

impl Filter {
    fn read(input: Input) -> Result<Self, ToolError> {
        let (start, end) = arguments::range(input.start_date, input.end_date)?;
        let (event_count_min, event_count_max) = (input.event_count_min, input.event_count_max);
        let least = event_count_min.unwrap_or(0);
        if event_count_max.is_some_and(|most| most < least) {
            return Err(ToolError::invalid_argument("event_count_max must not be less than event_count_min."));
        }
        let ascending = match arguments::optional(input.sort_dir) {
            Some(direction) => arguments::word("sort_dir", &direction, &["asc", "desc"], |word| word)? == "asc",
            None => false,
        };
        Ok(Self {
            start,
            end,
            severities: arguments::words("severities", input.severities, Severity::ALL, Severity::as_str)?,
            statuses: arguments::words("statuses", input.statuses, AlertStatus::ALL, AlertStatus::as_str)?,
            kinds: kinds(arguments::optional(input.alert_type), input.subtypes)?,
            detection_id: arguments::optional(input.detection_id),
            log_types: arguments::list(input.log_types),
            contains: arguments::optional(input.contains),
            event_count_min,
            event_count_max,
            assignee_ids: arguments::list(input.assignee_ids),
            qualities: arguments::words("qualities", input.qualities, AlertQuality::ALL, AlertQuality::as_str)?,
            context_tags: arguments::list(input.context_tags),
            log_sources: arguments::list(input.log_sources),
            resource_types: arguments::list(input.resource_types),
            ascending,
        })
    }

    fn query(&self, span: Span) -> AlertFilter {
        AlertFilter {
            from: span.from.map(Timestamp::from_micros),
            until: Some(Timestamp::from_micros(span.until)),
            severities: self.severities.clone(),
            statuses: self.statuses.clone(),
            kinds: self.kinds.clone(),
            detection_id: self.detection_id.clone(),
            log_types: self.log_types.clone(),
            title_contains: self.contains.clone(),
            min_events: self.event_count_min,
            max_events: self.event_count_max,
            assignee_ids: self.assignee_ids.clone(),
            qualities: self.qualities.clone(),
            context_tags: self.context_tags.clone(),
            log_source_ids: self.log_sources.clone(),
            resource_types: self.resource_types.clone(),
            ascending: self.ascending,
        }
    }
}

impl Span {
    fn of(filter: &Filter, now: Timestamp) -> Self {
        let defaulted = filter.start.is_none() && filter.end.is_none() && filter.detection_id.is_none();
        let from = if defaulted { Some(now.minus(DEFAULT_WINDOW)) } else { filter.start };
        Self { from: from.map(Timestamp::as_micros), until: filter.end.unwrap_or(now).as_micros(), defaulted }
    }

    fn window(self) -> Window {
        Window {
            from: self.from.map(|from| Timestamp::from_micros(from).to_rfc3339()),
            until: Timestamp::from_micros(self.until).to_rfc3339(),
            defaulted: self.defaulted,
        }
    }
}

impl Position {
    fn behind(span: Span, last: &Alert) -> Self {
        Self { span, created_at: last.created_at.as_micros(), id: last.id.to_string() }
    }

    fn after(self) -> AlertPosition {
        AlertPosition { created_at: Timestamp::from_micros(self.created_at), id: AlertId::new(self.id) }
    }
}

/// The three kinds of alerts that `alert_type` names.
#[derive(Clone, Copy)]
enum Family {
    Alert,
    DetectionError,
    SystemError,
}

impl Family {
    const ALL: [Self; 3] = [Self::Alert, Self::DetectionError, Self::SystemError];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "ALERT",
            Self::DetectionError => "DETECTION_ERROR",
            Self::SystemError => "SYSTEM_ERROR",
        }
    }

    const fn kinds(self) -> &'static [AlertType] {
        match self {
            Self::Alert => &[AlertType::Rule, AlertType::ScheduledRule, AlertType::Policy, AlertType::CorrelationRule],
            Self::DetectionError => {
                &[AlertType::RuleError, AlertType::ScheduledRuleError, AlertType::CorrelationRuleError]
            }
            Self::SystemError => &[AlertType::SystemError],
        }
    }
}

/// Subtypes alone say enough; together with an alert type they must be its own.
fn kinds(alert_type: Option<String>, subtypes: Option<Vec<String>>) -> Result<Vec<AlertType>, ToolError> {
    let family = alert_type
        .map(|alert_type| arguments::word("alert_type", &alert_type, &Family::ALL, Family::as_str))
        .transpose()?;
    let subtypes: Vec<String> = subtypes.unwrap_or_default();
    if subtypes.is_empty() {
        return Ok(family.unwrap_or(Family::Alert).kinds().to_vec());
    }
    if matches!(family, Some(Family::SystemError)) {
        return Err(ToolError::invalid_argument("subtypes are not allowed when alert_type is SYSTEM_ERROR"));
    }
    let valid: Vec<AlertType> = match family {
        Some(family) => family.kinds().to_vec(),
        None => AlertType::ALL.iter().copied().filter(|kind| *kind != AlertType::SystemError).collect(),
    };
    arguments::words("subtypes", Some(subtypes), &valid, AlertType::as_str)
}

fn hint(total: u64, has_next_page: bool, span: Span) -> Option<String> {
    if has_next_page {
        return Some(format!(
            "{total} alerts match. Go on with next_cursor, or narrow with severities, statuses, dates, detection_id, log_types or contains."
        ));
    }
    (total == 0 && span.defaulted)
        .then(|| "Only the last 7 days were searched. Give start_date to look further back.".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        let mut world = World::new();
        world.alerts = vec![
            fakes::alert("a1", 1),
            Alert { severity: Severity::Low, ..fakes::alert("a2", 2) },
            Alert { status: AlertStatus::Closed, event_count: 0, ..fakes::alert("a3", 3) },
            Alert { kind: AlertType::CorrelationRuleError, ..fakes::alert("a4", 4) },
            Alert { assignee_id: Some("usr_1".to_owned()), ..fakes::alert("old", 24 * 30) },
        ];
        world
    }

    async fn ids(arguments: serde_json::Value) -> Vec<String> {
        let answer = fakes::call(ListAlerts, &world().context(), arguments).await.unwrap();
        fakes::texts(&answer["alerts"], "id")
    }

    #[tokio::test]
    async fn without_arguments_it_covers_seven_days_and_says_so() {
        let answer = fakes::call(ListAlerts, &world().context(), json!({})).await.unwrap();
        assert_eq!(fakes::texts(&answer["alerts"], "id"), ["a1", "a2", "a3"]);
        assert_eq!(answer["total_alerts"], 3);
        assert_eq!(
            answer["window"],
            json!({ "from": "2026-03-03T12:00:00.000Z", "until": "2026-03-10T12:00:00.000Z", "defaulted": true })
        );
        let nulls = json!({ "severities": null, "statuses": null, "cursor": null, "limit": null, "subtypes": null });
        assert_eq!(ids(nulls).await, ["a1", "a2", "a3"]);
    }

    #[tokio::test]
    async fn filters_narrow() {
        assert_eq!(ids(json!({ "severities": ["low"] })).await, ["a2"]);
        assert_eq!(ids(json!({ "statuses": ["CLOSED"] })).await, ["a3"]);
        assert_eq!(ids(json!({ "alert_type": "detection_error" })).await, ["a4"]);
        assert_eq!(ids(json!({ "subtypes": ["CORRELATION_RULE_ERROR", "RULE"] })).await, ["a1", "a2", "a3", "a4"]);
        assert_eq!(ids(json!({ "event_count_max": 0 })).await, ["a3"]);
        assert_eq!(ids(json!({ "contains": "ALERT A1" })).await, ["a1"]);
        assert_eq!(ids(json!({ "assignee_ids": ["usr_1"], "start_date": "2026-01-01" })).await, ["old"]);
        assert_eq!(ids(json!({ "detection_id": "AWS.Root.Login" })).await, ["a1", "a2", "a3", "old"]);
        assert_eq!(ids(json!({ "end_date": "2026-03-01T00:00:00Z" })).await, ["old"]);
        assert_eq!(ids(json!({ "sort_dir": "asc" })).await, ["a3", "a2", "a1"]);
    }

    #[tokio::test]
    async fn what_people_said_and_where_events_came_from_narrow_too() {
        let mut world = World::new();
        world.alerts = vec![
            Alert { quality: Some(AlertQuality::Noise), ..fakes::alert("noise", 1) },
            Alert { context_tags: vec!["vip".to_owned(), "case-1".to_owned()], ..fakes::alert("tagged", 2) },
            Alert { log_source_ids: vec!["src_1".to_owned()], ..fakes::alert("source", 3) },
            Alert { resource_types: vec!["AWS.S3.Bucket".to_owned()], ..fakes::alert("resource", 4) },
        ];
        let context = world.context();
        for (arguments, found) in [
            (json!({ "qualities": ["noise"] }), "noise"),
            (json!({ "context_tags": ["vip", "other"] }), "tagged"),
            (json!({ "log_sources": ["src_1"] }), "source"),
            (json!({ "resource_types": ["AWS.S3.Bucket"] }), "resource"),
        ] {
            let answer = fakes::call(ListAlerts, &context, arguments).await.unwrap();
            assert_eq!(fakes::texts(&answer["alerts"], "id"), [found]);
            assert_eq!(answer["total_alerts"], 1);
        }
        let first = fakes::call(ListAlerts, &context, json!({ "limit": 1 })).await.unwrap();
        for filter in ["qualities", "context_tags", "log_sources", "resource_types"] {
            let arguments = json!({ filter: ["USEFUL"], "limit": 1, "cursor": first["next_cursor"] });
            assert!(
                fakes::refused(ListAlerts, &context, arguments).await.message.contains("does not belong"),
                "{filter}"
            );
        }
    }

    #[tokio::test]
    async fn pages_follow_each_other_within_one_millisecond() {
        let mut world = World::new();
        for number in 0..5 {
            let created_at = Timestamp::from_micros(fakes::now().as_micros() - 500 + number * 100);
            world.alerts.push(Alert { created_at, ..fakes::alert(&format!("a{number}"), 0) });
        }
        let context = world.context();
        let first = fakes::call(ListAlerts, &context, json!({ "limit": 2 })).await.unwrap();
        assert_eq!(fakes::texts(&first["alerts"], "id"), ["a4", "a3"]);
        assert!(first["has_next_page"].as_bool().unwrap());
        assert_eq!(first["total_alerts"], 5);
        let cursor = &first["next_cursor"];
        let second = fakes::call(ListAlerts, &context, json!({ "limit": 3, "cursor": cursor })).await.unwrap();
        assert_eq!(fakes::texts(&second["alerts"], "id"), ["a2", "a1", "a0"]);
        assert_eq!(second["window"], first["window"]);
        assert!(second.get("next_cursor").is_none());
        let other = fakes::refused(ListAlerts, &context, json!({ "severities": ["HIGH"], "cursor": cursor })).await;
        assert_eq!(other.code, "invalid_argument");
    }

    #[tokio::test]
    async fn bad_arguments_say_what_is_valid() {
        let context = world().context();
        for (arguments, message) in [
            (
                json!({ "severities": ["X"] }),
                "Invalid severities 'X'. Must be one of: CRITICAL, HIGH, INFO, LOW, MEDIUM",
            ),
            (json!({ "qualities": ["X"] }), "Invalid qualities 'X'. Must be one of: NOISE, USEFUL"),
            (json!({ "statuses": ["X"] }), "Invalid statuses 'X'. Must be one of: CLOSED, OPEN, RESOLVED, TRIAGED"),
            (
                json!({ "alert_type": "X" }),
                "Invalid alert_type 'X'. Must be one of: ALERT, DETECTION_ERROR, SYSTEM_ERROR",
            ),
            (
                json!({ "alert_type": "ALERT", "subtypes": ["RULE_ERROR"] }),
                "Invalid subtypes 'RULE_ERROR'. Must be one of: CORRELATION_RULE, POLICY, RULE, SCHEDULED_RULE",
            ),
            (
                json!({ "alert_type": "SYSTEM_ERROR", "subtypes": ["RULE"] }),
                "subtypes are not allowed when alert_type is SYSTEM_ERROR",
            ),
            (json!({ "limit": 0 }), "limit must be a whole number from 1 to 50; you sent the number 0."),
            (
                json!({ "event_count_min": 2, "event_count_max": 1 }),
                "event_count_max must not be less than event_count_min.",
            ),
            (
                json!({ "start_date": "2026-03-02", "end_date": "2026-03-01" }),
                "end_date must be later than start_date.",
            ),
        ] {
            let error = fakes::refused(ListAlerts, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
        let unknown = fakes::refused(ListAlerts, &context, json!({ "owners": [] })).await;
        assert!(unknown.message.contains("owners"));
    }

    #[tokio::test]
    async fn names_of_before_and_dates_with_a_space_are_read() {
        assert_eq!(ids(json!({ "name_contains": "alert a1", "page_size": "2" })).await, ["a1"]);
        assert_eq!(ids(json!({ "start_date": "2026-03-10 10:30", "end_date": "" })).await, ["a1"]);
    }

    #[tokio::test]
    async fn a_page_has_as_much_as_fits_and_the_next_goes_on_behind_it() {
        let mut world = World::new();
        for number in 0..5 {
            let title = "t".repeat(fakes::MAX_RESULT_BYTES / 3);
            world.alerts.push(Alert { title, ..fakes::alert(&format!("a{number}"), number + 1) });
        }
        let context = world.context();
        let (mut cursor, mut found) = (json!(null), Vec::new());
        for _ in 0..5 {
            let page = fakes::call(ListAlerts, &context, json!({ "cursor": cursor })).await.unwrap();
            assert_eq!(page["total_alerts"], 5);
            found.extend(fakes::texts(&page["alerts"], "id"));
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(found, ["a0", "a1", "a2", "a3", "a4"]);
    }

    #[tokio::test]
    async fn an_empty_default_window_says_how_to_look_further_back() {
        let answer = fakes::call(ListAlerts, &World::new().context(), json!({})).await.unwrap();
        assert!(answer["hint"].as_str().unwrap().contains("start_date"));
    }
}
