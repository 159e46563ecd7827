//! `get_alert_event_stats`.

mod groups;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, EventRef},
    clock::Timestamp,
    id::AlertId,
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::groups::{About, Row, Seen, group};
use crate::{
    arguments, size,
    tool::{JsonObject, Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// At most so many alerts in one call.
const MAX_ALERTS: usize = 100;
/// At most so many events are counted, the newest.
const MAX_EVENTS: usize = 5000;
/// So many events are fetched at once.
const CHUNK: usize = 500;
/// At most so many rows are shown.
const MAX_ROWS: usize = 100;
/// The windows that can be asked for, in minutes.
const WINDOWS: [u16; 5] = [1, 5, 15, 30, 60];

/// Counts the events behind alerts.
pub(crate) struct GetAlertEventStats;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Ids from list_alerts.
    #[schemars(length(min = 1, max = 100))]
    alert_ids: Vec<String>,
    /// Minutes: 1, 5, 15, 30 (default) or 60.
    time_window: Option<i64>,
    /// Events at or after (ISO-8601). Default: all.
    start_date: Option<String>,
    /// Events before.
    end_date: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    results: Vec<Row>,
    rows_returned: usize,
    total_rows: usize,
    results_truncated: bool,
    time_window: u16,
    missing_alerts: Vec<String>,
    counted_events: usize,
    /// Older than the 5000 newest.
    uncounted_events: usize,
    /// The role may not read their log types; of any time.
    withheld_events: usize,
    /// No longer in the lake.
    missing_events: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// An event that alerts refer to.
struct Behind<'a> {
    reference: &'a EventRef,
    alerts: Vec<&'a Alert>,
}

#[async_trait]
impl TypedTool for GetAlertEventStats {
    const NAME: &'static str = "get_alert_event_stats";
    const TITLE: &'static str = "Count the events of alerts";
    const DESCRIPTION: &'static str = "Groups the log events behind alerts by time window, log type, IP addresses, e-mail addresses, user names and trace ids, to see which alerts belong together. Counts the 5000 newest events that are kept with them and shows at most 100 groups. Next: get_alert_events, or search_indicators for what else happened.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::DataAnalyticsRead, Permission::AlertRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let time_window = time_window(input.time_window)?;
        let (from, until) = arguments::range(input.start_date, input.end_date)?;
        let (alerts, missing_alerts) = find(context, arguments::list(Some(input.alert_ids))).await?;
        let mut events = behind(&alerts);
        let access = &context.principal.role.log_types;
        let all = events.len();
        events.retain(|event| access.allows(&event.reference.log_type));
        // Counted before the dates narrow: else one could ask when the withheld events happened.
        let withheld_events = all - events.len();
        events.retain(|event| is_within(event.reference.event_time, from, until));
        let in_time = events.len();
        events.truncate(MAX_EVENTS);
        let seen = fetch(context, &events).await?;
        let mut results = group(&seen, time_window);
        let total_rows = results.len();
        results.truncate(MAX_ROWS);
        let fitting = size::fitting(&results, context.ports.row_bytes()).max(1);
        results.truncate(fitting);
        let uncounted_events = in_time - events.len();
        Ok(Output {
            rows_returned: results.len(),
            results_truncated: results.len() < total_rows,
            hint: hint(results.len(), total_rows, uncounted_events),
            results,
            total_rows,
            time_window,
            missing_alerts,
            counted_events: seen.len(),
            uncounted_events,
            withheld_events,
            missing_events: events.len() - seen.len(),
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.rows_returned).ok()
    }
}

fn time_window(given: Option<i64>) -> Result<u16, ToolError> {
    let Some(given) = given else { return Ok(30) };
    WINDOWS.into_iter().find(|known| i64::from(*known) == given).ok_or_else(|| {
        ToolError::invalid_argument("Invalid time_window. Time window must be 1, 5, 15, 30, or 60 minutes.")
    })
}

/// The alerts with these ids, and the ids that there is none for.
async fn find(context: &ToolContext, ids: Vec<String>) -> Result<(Vec<Alert>, Vec<String>), ToolError> {
    if ids.is_empty() || ids.len() > MAX_ALERTS {
        return Err(ToolError::invalid_argument(format!("alert_ids must hold from 1 to {MAX_ALERTS} ids.")));
    }
    let (mut alerts, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        match context.ports.alerts.get(&AlertId::new(id.as_str()), &context.principal.role.log_types).await? {
            Some(alert) => alerts.push(alert),
            None => missing.push(id),
        }
    }
    if alerts.is_empty() {
        return Err(ToolError::not_found("There is no alert with any of these ids. list_alerts shows ids."));
    }
    Ok((alerts, missing))
}

fn is_within(time: Timestamp, from: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    from.is_none_or(|from| time >= from) && until.is_none_or(|until| time < until)
}

/// The events that are kept with `alerts`, each once and with all alerts that refer to it; newest first.
fn behind(alerts: &[Alert]) -> Vec<Behind<'_>> {
    let mut events: BTreeMap<(&str, &str), Behind<'_>> = BTreeMap::new();
    for alert in alerts {
        for reference in &alert.events {
            let key = (reference.log_type.as_str(), reference.row_id.as_str());
            let event = events.entry(key).or_insert_with(|| Behind { reference, alerts: Vec::new() });
            event.alerts.push(alert);
        }
    }
    let mut events: Vec<Behind<'_>> = events.into_values().collect();
    events.sort_by_key(|event| Reverse(event.reference.event_time));
    events
}

/// Those of `events` that are still in the lake.
async fn fetch<'a>(context: &ToolContext, events: &'a [Behind<'a>]) -> Result<Vec<Seen<'a>>, ToolError> {
    let mut seen = Vec::with_capacity(events.len());
    for chunk in events.chunks(CHUNK) {
        let references: Vec<EventRef> = chunk.iter().map(|event| event.reference.clone()).collect();
        let found = context.ports.lake.events(&references, &context.principal.role.log_types).await?;
        let about = about_by_row(&found);
        seen.extend(chunk.iter().filter_map(|event| {
            let about = about.get(event.reference.row_id.as_str())?.clone();
            let EventRef { log_type, event_time, .. } = event.reference;
            Some(Seen { time: *event_time, log_type, about, alerts: &event.alerts })
        }));
    }
    Ok(seen)
}

/// What events are about, by `p_row_id`.
fn about_by_row(events: &[JsonObject]) -> HashMap<&str, About> {
    events.iter().filter_map(|event| Some((event.get("p_row_id")?.as_str()?, About::of(event)))).collect()
}

fn hint(shown: usize, total: usize, uncounted: usize) -> Option<String> {
    if shown < total {
        return Some(format!(
            "Only {shown} of {total} groups are shown. Narrow with start_date and end_date, give fewer alert_ids, or take a longer time_window."
        ));
    }
    if uncounted > 0 {
        return Some(format!(
            "{uncounted} older events were not counted. Give an end_date or fewer alert_ids to count them."
        ));
    }
    (total == 0).then(|| {
        "There is no event to count: none is kept with these alerts for that time, or none may be read or is still there."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use margay_domain::role::LogTypeAccess;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        fakes::{self, World},
        tool::Tool as _,
    };

    fn event(id: &str, minutes_ago: u64) -> EventRef {
        let event_time = fakes::now().minus(Duration::from_mins(minutes_ago));
        EventRef { event_time, ..fakes::event_ref("AWS.CloudTrail", id) }
    }

    fn world() -> World {
        let mut world = World::new();
        world.alerts = vec![
            Alert { events: vec![event("r1", 10), event("r2", 20)], ..fakes::alert("a1", 1) },
            Alert { events: vec![event("r1", 10), event("r3", 100), event("gone", 10)], ..fakes::alert("a2", 1) },
        ];
        let row = |id: &str, user: &str| fakes::object(json!({ "p_row_id": id, "p_any_usernames": [user] }));
        world.events = vec![row("r1", "ana"), row("r2", "ana"), row("r3", "bo")];
        world
    }

    async fn stats(world: World, arguments: Value) -> Value {
        fakes::call(GetAlertEventStats, &world.context(), arguments).await.unwrap()
    }

    #[tokio::test]
    async fn events_of_several_alerts_are_counted_once() {
        let answer = stats(world(), json!({ "alert_ids": ["a1", "a2", "nope", "a1"] })).await;
        assert_eq!(answer["rows_returned"], 2);
        let first = &answer["results"][0];
        assert_eq!(first["time_window_start"], "2026-03-10T11:30:00.000Z");
        assert_eq!((&first["event_count"], &first["alert_count"]), (&json!(2), &json!(2)));
        assert_eq!(first["usernames"], json!(["ana"]));
        assert_eq!(
            (&first["first_event"], &first["last_event"]),
            (&json!("2026-03-10T11:40:00.000Z"), &json!("2026-03-10T11:50:00.000Z"))
        );
        assert_eq!(answer["results"][1]["alert_ids"], json!(["a2"]));
        assert_eq!((&answer["counted_events"], &answer["missing_events"]), (&json!(3), &json!(1)));
        assert_eq!((&answer["missing_alerts"], &answer["time_window"]), (&json!(["nope"]), &json!(30)));
        assert_eq!((&answer["uncounted_events"], &answer["withheld_events"]), (&json!(0), &json!(0)));
        assert!(answer.get("hint").is_none());
    }

    #[tokio::test]
    async fn windows_and_dates_narrow() {
        let answer = stats(world(), json!({ "alert_ids": ["a1"], "time_window": 15 })).await;
        assert_eq!(
            fakes::texts(&answer["results"], "time_window_start"),
            ["2026-03-10T11:45:00.000Z", "2026-03-10T11:30:00.000Z"]
        );
        let arguments = json!({ "alert_ids": ["a1", "a2"], "start_date": "2026-03-10T11:40:00Z", "end_date": "2026-03-10T11:50:00Z" });
        let answer = stats(world(), arguments).await;
        assert_eq!(answer["counted_events"], 1);
        assert_eq!(answer["results"][0]["alert_ids"], json!(["a1"]));
        let answer = stats(world(), json!({ "alert_ids": ["a1"], "end_date": "2026-01-01" })).await;
        assert!(answer["hint"].as_str().unwrap().starts_with("There is no event to count"));
    }

    #[tokio::test]
    async fn denied_log_types_are_withheld() {
        let mut world = world();
        world.log_types = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
        if let Some(alert) = world.alerts.first_mut() {
            alert.events.push(fakes::event_ref("Okta.SystemLog", "secret"));
        }
        world.events.push(fakes::object(json!({ "p_row_id": "secret", "p_any_usernames": ["hidden"] })));
        let context = world.context();
        // The secret event is of noon; no dates tell that.
        for (arguments, counted) in [
            (json!({ "alert_ids": ["a1"] }), 2),
            (json!({ "alert_ids": ["a1"], "start_date": "2026-03-10T11:59:00Z" }), 0),
            (json!({ "alert_ids": ["a1"], "end_date": "2026-03-10T11:45:00Z" }), 1),
            (json!({ "alert_ids": ["a1"], "end_date": "2026-01-01" }), 0),
        ] {
            let answer = fakes::call(GetAlertEventStats, &context, arguments.clone()).await.unwrap();
            assert_eq!(
                (&answer["withheld_events"], &answer["counted_events"]),
                (&json!(1), &json!(counted)),
                "{arguments}"
            );
            assert!(!answer.to_string().contains("hidden") && !answer.to_string().contains("Okta"));
        }
    }

    #[tokio::test]
    async fn more_than_fits_is_cut_and_says_so() {
        let mut world = world();
        let ids: Vec<String> = (0..101).map(|n| format!("m{n}")).collect();
        let events = ids.iter().map(|id| event(id, 10)).collect();
        world.alerts = vec![Alert { events, ..fakes::alert("a1", 1) }];
        world.events = ids.iter().map(|id| fakes::object(json!({ "p_row_id": id, "p_any_trace_ids": [id] }))).collect();
        let answer = stats(world, json!({ "alert_ids": ["a1"] })).await;
        assert_eq!((&answer["rows_returned"], &answer["total_rows"]), (&json!(100), &json!(101)));
        assert_eq!(answer["results_truncated"], true);
        assert!(answer["hint"].as_str().unwrap().starts_with("Only 100 of 101 groups"));
    }

    #[tokio::test]
    async fn only_the_newest_events_are_counted() {
        let of_alert = |number: u64| {
            let events = (0..1000).map(|n| event(&format!("r{number}-{n}"), number)).collect();
            Alert { events, ..fakes::alert(&format!("a{number}"), 1) }
        };
        let alerts = (1..=6).map(of_alert).collect();
        let ids = ["a1", "a2", "a3", "a4", "a5", "a6"];
        let answer = stats(World { alerts, ..World::new() }, json!({ "alert_ids": ids })).await;
        assert_eq!((&answer["uncounted_events"], &answer["missing_events"]), (&json!(1000), &json!(5000)));
        assert!(answer["hint"].as_str().unwrap().starts_with("1000 older events were not counted"));
    }

    #[tokio::test]
    async fn bad_calls_are_refused() {
        let context = world().context();
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        for (arguments, code, message) in [
            (json!({ "alert_ids": [] }), "invalid_argument", "alert_ids must hold from 1 to 100 ids."),
            (json!({ "alert_ids": many }), "invalid_argument", "alert_ids must hold from 1 to 100 ids."),
            (
                json!({ "alert_ids": ["a1"], "time_window": 10 }),
                "invalid_argument",
                "Invalid time_window. Time window must be 1, 5, 15, 30, or 60 minutes.",
            ),
            (
                json!({ "alert_ids": ["a1"], "start_date": "2026-03-02", "end_date": "2026-03-01" }),
                "invalid_argument",
                "end_date must be later than start_date.",
            ),
            (
                json!({ "alert_ids": ["x'; DROP"] }),
                "not_found",
                "There is no alert with any of these ids. list_alerts shows ids.",
            ),
        ] {
            let error = fakes::refused(GetAlertEventStats, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
    }

    #[tokio::test]
    async fn the_text_says_that_values_are_data() {
        let output =
            GetAlertEventStats.call(&world().context(), fakes::object(json!({ "alert_ids": ["a1"] }))).await.unwrap();
        assert!(output.text.starts_with(crate::untrusted::NOTICE));
        assert_eq!(output.rows, Some(1));
    }
}
