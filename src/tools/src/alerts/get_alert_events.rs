//! `get_alert_events`.

use async_trait::async_trait;
use margay_domain::{alert::EventRef, role::LogTypeAccess, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments, cursor, size,
    tool::{JsonObject, Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows the events behind an alert.
pub(crate) struct GetAlertEvents;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    alert_id: String,
    /// Default 10.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<i64>,
    /// next_cursor of the same call before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    events: Vec<JsonObject>,
    // As the alert counts them.
    total_events: i64,
    returned: usize,
    /// On all pages.
    readable_events: usize,
    // Their log types may not be read.
    withheld_events: usize,
    /// No longer in the lake.
    missing_events: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// What a cursor is bound to. What may be read decides which event has which number.
#[derive(Serialize)]
struct Filter<'a> {
    alert_id: &'a str,
    log_types: &'a LogTypeAccess,
}

/// Events are only ever added at the end, so that their number is a safe place.
#[derive(Serialize, Deserialize)]
struct Position {
    skip: usize,
}

#[async_trait]
impl TypedTool for GetAlertEvents {
    const NAME: &'static str = "get_alert_events";
    const TITLE: &'static str = "Get the events of an alert";
    const DESCRIPTION: &'static str = "Shows the log events behind an alert, oldest first, 10 per page. Up to 1000 are kept with an alert; for more, and for what happened around them, use query_data_lake. Events of log types that the role may not read are withheld and counted.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 10, 1..=50)?);
        let alert = super::find(context, &input.alert_id).await?;
        let access = &context.principal.role.log_types;
        let filter = Filter { alert_id: alert.id.as_str(), log_types: access };
        let position = arguments::optional(input.cursor)
            .map(|cursor| cursor::open::<Position>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let skip = position.map_or(0, |position| position.skip);
        let kept = alert.events.len();
        let readable: Vec<EventRef> =
            alert.events.iter().filter(|event| access.allows(&event.log_type)).cloned().collect();
        let page: Vec<EventRef> = readable.iter().skip(skip).take(limit).cloned().collect();
        let (events, taken) = fetch(context, &page).await?;
        let next = skip.saturating_add(taken);
        let has_next_page = next < readable.len();
        let next_cursor =
            has_next_page.then(|| cursor::seal(context, Self::NAME, &filter, &Position { skip: next })).transpose()?;
        Ok(Output {
            returned: events.len(),
            missing_events: taken.saturating_sub(events.len()),
            events,
            total_events: alert.event_count,
            readable_events: readable.len(),
            withheld_events: kept - readable.len(),
            has_next_page,
            next_cursor,
            hint: hint(has_next_page, kept, alert.event_count),
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

/// The events behind `page`, and how many of its references they stand for: fewer if the events are too large together.
async fn fetch(context: &ToolContext, page: &[EventRef]) -> Result<(Vec<JsonObject>, usize), ToolError> {
    if page.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let access = &context.principal.role.log_types;
    let mut events = context.ports.lake.events(page, access).await?;
    // At least one, however large, so that every page gets further.
    let fitting = size::fitting(&events, context.ports.row_bytes()).max(1);
    if fitting >= events.len() {
        return Ok((events, page.len()));
    }
    events.truncate(fitting);
    // Some references may have no event any more, so that the next page begins behind the last event that is here.
    let last = events.last().and_then(|event| event.get("p_row_id")).and_then(serde_json::Value::as_str);
    let taken = last.and_then(|id| page.iter().position(|event| event.row_id == id)).map_or(fitting, |at| at + 1);
    Ok((events, taken.max(fitting)))
}

fn hint(has_next_page: bool, kept: usize, event_count: i64) -> Option<String> {
    if has_next_page {
        return Some("More events follow: go on with next_cursor, or aggregate them with query_data_lake.".to_owned());
    }
    i64::try_from(kept)
        .is_ok_and(|kept| kept < event_count)
        .then(|| format!("Only {kept} of {event_count} events are kept with the alert. query_data_lake finds the others by log type and time."))
}

#[cfg(test)]
mod tests {
    use margay_domain::alert::Alert;
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn world(events: usize) -> World {
        let mut world = World::new();
        let refs = (0..events).map(|number| fakes::event_ref("AWS.CloudTrail", &format!("r{number}"))).collect();
        world.alerts.push(Alert { events: refs, event_count: i64::try_from(events).unwrap(), ..fakes::alert("a1", 1) });
        world.events = (0..events).map(|number| fakes::object(json!({ "p_row_id": format!("r{number}") }))).collect();
        world
    }

    fn ids(answer: &Value) -> Vec<String> {
        fakes::texts(&answer["events"], "p_row_id")
    }

    #[tokio::test]
    async fn events_come_in_pages() {
        let context = world(12).context();
        let first = fakes::call(GetAlertEvents, &context, json!({ "alert_id": "a1" })).await.unwrap();
        assert_eq!(ids(&first).len(), 10);
        assert_eq!(first["readable_events"], 12);
        let next = json!({ "alert_id": "a1", "cursor": first["next_cursor"] });
        let second = fakes::call(GetAlertEvents, &context, next).await.unwrap();
        assert_eq!(ids(&second), ["r10", "r11"]);
        assert_eq!(second["has_next_page"], false);
        assert!(second.get("hint").is_none());
    }

    #[tokio::test]
    async fn denied_log_types_are_left_out_and_counted() {
        let mut world = world(2);
        world.log_types = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
        if let Some(alert) = world.alerts.first_mut() {
            alert.events.push(fakes::event_ref("Okta.SystemLog", "secret"));
        }
        world.events.push(fakes::object(json!({ "p_row_id": "secret" })));
        let answer = fakes::call(GetAlertEvents, &world.context(), json!({ "alert_id": "a1" })).await.unwrap();
        assert_eq!(ids(&answer), ["r0", "r1"]);
        assert_eq!(answer["withheld_events"], 1);
        assert_eq!(answer["missing_events"], 0);
    }

    #[tokio::test]
    async fn events_that_are_gone_are_counted() {
        let mut world = world(3);
        world.events.remove(1);
        if let Some(alert) = world.alerts.first_mut() {
            alert.event_count = 9;
        }
        let answer = fakes::call(GetAlertEvents, &world.context(), json!({ "alert_id": "a1" })).await.unwrap();
        assert_eq!(ids(&answer), ["r0", "r2"]);
        assert_eq!(answer["missing_events"], 1);
        assert!(answer["hint"].as_str().unwrap().starts_with("Only 3 of 9 events"));
    }

    #[tokio::test]
    async fn large_events_make_shorter_pages_without_a_gap() {
        let mut world = world(4);
        for event in &mut world.events {
            event.insert("blob".to_owned(), Value::from("x".repeat(fakes::MAX_RESULT_BYTES / 3)));
        }
        world.events.remove(0);
        let context = world.context();
        let first = fakes::call(GetAlertEvents, &context, json!({ "alert_id": "a1" })).await.unwrap();
        assert_eq!(ids(&first), ["r1", "r2"]);
        assert_eq!(first["missing_events"], 1);
        let next = json!({ "alert_id": "a1", "cursor": first["next_cursor"] });
        let second = fakes::call(GetAlertEvents, &context, next).await.unwrap();
        assert_eq!(ids(&second), ["r3"]);
    }

    #[tokio::test]
    async fn bad_calls_are_refused() {
        let context = world(1).context();
        assert_eq!(fakes::refused(GetAlertEvents, &context, json!({ "alert_id": "x" })).await.code, "not_found");
        let limit = fakes::refused(GetAlertEvents, &context, json!({ "alert_id": "a1", "limit": 0 })).await;
        assert_eq!(limit.message, "limit must be a whole number from 1 to 50; you sent the number 0.");
        let cursor = fakes::refused(GetAlertEvents, &context, json!({ "alert_id": "a1", "cursor": "AAAA" })).await;
        assert_eq!(cursor.code, "invalid_argument");
    }
}
