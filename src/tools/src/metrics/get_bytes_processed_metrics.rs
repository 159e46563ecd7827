//! `get_bytes_processed_metrics`.

use std::{cmp::Reverse, collections::BTreeMap};

use async_trait::async_trait;
use margay_domain::{
    id::LogSourceId,
    log_source::{SourceVolume, VOLUME_STRETCH},
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::{Breakdown, Stated, Window};
use crate::tool::{Requirement, ToolContext, ToolError, TypedTool};

/// Counts bytes and events per log type and source.
pub(crate) struct GetBytesProcessedMetrics;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// ISO-8601, rounded down to 15 minutes. Default: 7 days before end_date.
    start_date: Option<String>,
    /// Exclusive, rounded up to 15 minutes; go on from the end_date of the answer. Default: now.
    end_date: Option<String>,
    /// 15, 30, 60, 180, 360, 720 or 1440 (default).
    interval_in_minutes: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    bytes_processed: Vec<Volume>,
    /// Also of those not shown.
    total_bytes: u64,
    total_events: u64,
    total_volumes: usize,
    truncated: bool,
    #[serde(flatten)]
    window: Stated,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Volume {
    label: String,
    log_type: String,
    /// With View Log Sources only.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Bytes.
    value: u64,
    events: u64,
    /// Bytes by the beginning of their interval (UTC).
    breakdown: Breakdown,
}

#[async_trait]
impl TypedTool for GetBytesProcessedMetrics {
    const NAME: &'static str = "get_bytes_processed_metrics";
    const TITLE: &'static str = "Count processed bytes";
    const DESCRIPTION: &'static str = "Counts stored bytes and events by the time they arrived, per log type and (with View Log Sources) log source, by default over the last 7 days (at most 366) by day; shows the 100 largest. Log types that the role may not read are left out, also of the totals.";
    const REQUIRES: Requirement = super::METRICS;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let now = context.ports.clock.now();
        // A volume belongs to its whole stretch, so that the first and the last one are taken as a whole.
        let window = Window::read(input.start_date, input.end_date, input.interval_in_minutes, 1440, now)?
            .widened(VOLUME_STRETCH);
        let labels = labels(context).await?;
        let access = &context.principal.role.log_types;
        let mut found = context.ports.log_sources.volumes(window.from, window.until, window.width()).await?;
        // Nothing tells of the others, not even how many there are: that would say when their events arrive.
        found.retain(|volume| access.allows(&volume.log_type));
        let volumes = summed(found, labels.as_ref(), window);
        let (total_bytes, total_events) = volumes.iter().fold((0_u64, 0_u64), |(bytes, events), volume| {
            (bytes.saturating_add(volume.value), events.saturating_add(volume.events))
        });
        let total_volumes = volumes.len();
        let bytes_processed = super::shown(volumes, context.ports.row_bytes());
        let truncated = bytes_processed.len() < total_volumes;
        Ok(Output {
            hint: truncated.then(|| {
                format!(
                    "Only the {} largest of {total_volumes} are shown. A longer interval_in_minutes or a shorter time makes room for more, up to 100.",
                    bytes_processed.len()
                )
            }),
            bytes_processed,
            total_bytes,
            total_events,
            total_volumes,
            truncated,
            window: window.stated(),
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.bytes_processed.len()).ok()
    }
}

/// The names of sources by id. Promise 1: `None` if log sources may not be read now.
async fn labels(context: &ToolContext) -> Result<Option<BTreeMap<LogSourceId, String>>, ToolError> {
    if !context.principal.may(Permission::LogSourceRead) {
        return Ok(None);
    }
    let sources = context.ports.log_sources.list().await?;
    Ok(Some(sources.into_iter().map(|source| (source.id, source.label)).collect()))
}

/// Volumes per log type and, with `labels`, per source; most bytes first, then by log type and source.
fn summed(found: Vec<SourceVolume>, labels: Option<&BTreeMap<LogSourceId, String>>, window: Window) -> Vec<Volume> {
    let mut volumes: BTreeMap<(String, Option<String>), Volume> = BTreeMap::new();
    for volume in found {
        // A source that is gone has only its id left.
        let source =
            labels.map(|labels| labels.get(&volume.source_id).cloned().unwrap_or_else(|| volume.source_id.to_string()));
        let sum = volumes.entry((volume.log_type, source)).or_insert_with_key(|(log_type, source)| Volume {
            label: source.as_ref().map_or_else(|| log_type.clone(), |source| format!("{log_type} ({source})")),
            log_type: log_type.clone(),
            source: source.clone(),
            value: 0,
            events: 0,
            breakdown: Breakdown::new(),
        });
        sum.value = sum.value.saturating_add(volume.bytes);
        sum.events = sum.events.saturating_add(volume.events);
        window.count(&mut sum.breakdown, volume.begin, volume.bytes);
    }
    let mut volumes: Vec<Volume> = volumes.into_values().collect();
    volumes.sort_by_key(|volume| Reverse(volume.value));
    volumes
}

#[cfg(test)]
mod tests {
    use margay_domain::{clock::Timestamp, log_source::LogSource, role::LogTypeAccess};
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    fn volume(begin: &str, source: &str, log_type: &str, bytes: u64) -> SourceVolume {
        SourceVolume {
            begin: Timestamp::parse(begin).unwrap(),
            source_id: LogSourceId::new(source),
            log_type: log_type.to_owned(),
            bytes,
            events: 1,
        }
    }

    fn world() -> World {
        let mut world = World::new();
        let source = LogSource::command_line(fakes::now());
        let files = source.id.to_string();
        world.log_sources = vec![source];
        world.volumes = vec![
            volume("2026-03-10T11:45:00Z", &files, "AWS.CloudTrail", 100),
            volume("2026-03-10T11:30:00Z", "src_gone", "AWS.CloudTrail", 70),
            volume("2026-03-09T11:45:00Z", &files, "AWS.CloudTrail", 5),
            volume("2026-03-10T11:45:00Z", &files, "Okta.SystemLog", 1000),
            volume("2026-02-01T00:00:00Z", &files, "Okta.SystemLog", 7),
        ];
        world
    }

    async fn metrics(world: World, arguments: Value) -> Value {
        fakes::call(GetBytesProcessedMetrics, &world.context(), arguments).await.unwrap()
    }

    #[tokio::test]
    async fn volumes_are_summed_per_log_type_and_source() {
        let answer = metrics(world(), json!({})).await;
        let files = "Files from the command line";
        assert_eq!(
            answer["bytes_processed"],
            json!([
                {
                    "label": format!("Okta.SystemLog ({files})"),
                    "logType": "Okta.SystemLog",
                    "source": files,
                    "value": 1000,
                    "events": 1,
                    "breakdown": { "2026-03-10T00:00:00.000Z": 1000 },
                },
                {
                    "label": format!("AWS.CloudTrail ({files})"),
                    "logType": "AWS.CloudTrail",
                    "source": files,
                    "value": 105,
                    "events": 2,
                    "breakdown": { "2026-03-09T00:00:00.000Z": 5, "2026-03-10T00:00:00.000Z": 100 },
                },
                {
                    "label": "AWS.CloudTrail (src_gone)",
                    "logType": "AWS.CloudTrail",
                    "source": "src_gone",
                    "value": 70,
                    "events": 1,
                    "breakdown": { "2026-03-10T00:00:00.000Z": 70 },
                },
            ])
        );
        assert_eq!((&answer["total_bytes"], &answer["total_events"]), (&json!(1175), &json!(4)));
        assert_eq!((&answer["truncated"], &answer["defaulted"]), (&json!(false), &json!(true)));
        assert_eq!(answer["interval_in_minutes"], 1440);
    }

    #[tokio::test]
    async fn without_the_permission_sources_are_not_told_apart() {
        let held = [Permission::SummaryRead].into_iter().collect();
        let answer = metrics(World { held, ..world() }, json!({})).await;
        assert_eq!(fakes::texts(&answer["bytes_processed"], "label"), ["Okta.SystemLog", "AWS.CloudTrail"]);
        assert_eq!(answer["bytes_processed"][1]["value"], 175);
        let text = answer.to_string();
        assert!(!text.contains("src_") && !text.contains("Files from") && !text.contains("\"source\""), "{text}");
    }

    #[tokio::test]
    async fn denied_log_types_leave_no_trace() {
        let log_types = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
        let denied = World { log_types: log_types.clone(), ..world() };
        let mut none = World { log_types, ..world() };
        none.volumes.retain(|volume| volume.log_type != "Okta.SystemLog");
        let answer = metrics(denied, json!({})).await;
        assert_eq!(answer["total_bytes"], 175);
        assert_eq!(answer, metrics(none, json!({})).await);
    }

    #[tokio::test]
    async fn stretches_are_taken_as_a_whole() {
        let arguments =
            |start: &str, end: &str| json!({ "start_date": start, "end_date": end, "interval_in_minutes": 15 });
        let answer = metrics(world(), arguments("2026-03-10T11:40:00Z", "2026-03-10T11:41:00Z")).await;
        assert_eq!((&answer["total_bytes"], &answer["start_date"]), (&json!(70), &json!("2026-03-10T11:30:00.000Z")));
        assert_eq!(answer["end_date"], "2026-03-10T11:45:00.000Z");
        // The next one begins where this one says that it ended.
        let answer = metrics(world(), arguments("2026-03-10T11:45:00Z", "2026-03-10T11:46:00Z")).await;
        assert_eq!((&answer["total_bytes"], &answer["start_date"]), (&json!(1100), &json!("2026-03-10T11:45:00.000Z")));
        let error =
            fakes::refused(GetBytesProcessedMetrics, &world().context(), json!({ "start_date": "2026-03-11" })).await;
        assert_eq!(error.message, "start_date must be earlier than now.");
    }

    #[tokio::test]
    async fn a_long_list_is_cut_and_says_so() {
        let volumes = (0..101).map(|n| volume("2026-03-10T11:45:00Z", "src_1", &format!("Log.{n}"), n)).collect();
        let answer = metrics(World { volumes, ..World::new() }, json!({})).await;
        assert_eq!(fakes::texts(&answer["bytes_processed"], "logType").len(), super::super::MAX_SHOWN);
        assert_eq!((&answer["total_volumes"], &answer["truncated"]), (&json!(101), &json!(true)));
        assert_eq!(answer["total_bytes"], 5050);
        assert!(answer["hint"].as_str().unwrap().starts_with("Only the 100 largest of 101"));
    }
}
