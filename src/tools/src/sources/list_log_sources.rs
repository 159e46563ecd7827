//! `list_log_sources`.

use async_trait::async_trait;
use margay_domain::{
    log_source::{LogSource, SourceKind},
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source_object::SourceObject;
use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists log sources.
pub(crate) struct ListLogSources;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Any of these, in any case.
    log_types: Option<Vec<String>>,
    /// Default: all, healthy or not.
    is_healthy: Option<bool>,
    /// Default: all.
    #[schemars(extend("enum" = ["http-ingest", "file-upload"]))]
    integration_type: Option<String>,
    /// Part of the label, in any case.
    contains: Option<String>,
    /// Default 50.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<i64>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    sources: Vec<SourceObject>,
    /// On all pages.
    total_sources: usize,
    returned: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What was asked; a cursor is bound to it.
#[derive(Serialize)]
struct Filter {
    log_types: Vec<String>,
    is_healthy: Option<bool>,
    kind: Option<SourceKind>,
    contains: Option<String>,
}

#[async_trait]
impl TypedTool for ListLogSources {
    const NAME: &'static str = "list_log_sources";
    const TITLE: &'static str = "List log sources";
    const DESCRIPTION: &'static str = "Lists where log events come from, by label, 50 per page: log types, last event, health and what is wrong. Log types that the role may not read are left out, and then event times and health too. Next: get_http_log_source for one of type http-ingest.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LogSourceRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 50, 1..=100)?);
        let filter = Filter {
            log_types: arguments::list(input.log_types),
            is_healthy: input.is_healthy,
            kind: arguments::optional(input.integration_type)
                .map(|text| arguments::word("integration_type", &text, SourceKind::ALL, SourceKind::as_str))
                .transpose()?,
            contains: arguments::optional(input.contains).map(|part| part.to_lowercase()),
        };
        let after = arguments::optional(input.cursor)
            .map(|cursor| cursor::open::<After>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let now = context.ports.clock.now();
        let access = &context.principal.role.log_types;
        let all = context.ports.log_sources.list().await?;
        // Promise 1: denied log types are gone before the filter sees them, so that it cannot find out about them.
        let matching: Vec<SourceObject> = all
            .into_iter()
            .filter_map(|source| super::visible(source, access))
            .filter(|visible| filter.matches(&visible.source))
            .map(|visible| SourceObject::new(&visible, now))
            // What is unknown is neither.
            .filter(|source| filter.is_healthy.is_none_or(|healthy| source.is_healthy() == Some(healthy)))
            .collect();
        let total_sources = matching.len();
        let (sources, has_next_page) =
            page::page_of(matching, SourceObject::key, after.as_ref(), limit, context.ports.row_bytes());
        let next_cursor = sources
            .last()
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &filter, &After { after: last.key().to_owned() }))
            .transpose()?;
        Ok(Output { returned: sources.len(), sources, total_sources, has_next_page, next_cursor })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

impl Filter {
    fn matches(&self, source: &LogSource) -> bool {
        let reads = |wanted: &String| source.log_types.iter().any(|has| has.eq_ignore_ascii_case(wanted));
        self.kind.is_none_or(|kind| source.kind == kind)
            && (self.log_types.is_empty() || self.log_types.iter().any(reads))
            && self.contains.as_ref().is_none_or(|part| source.label.to_lowercase().contains(part))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use margay_domain::role::LogTypeAccess;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        fakes::{self, World},
        sources::http_source,
    };

    fn world() -> World {
        let hours_ago = |hours| Some(fakes::now().minus(Duration::from_hours(hours)));
        let mut world = World::new();
        world.log_sources = vec![
            LogSource {
                quiet_after_minutes: Some(60),
                last_received_at: hours_ago(2),
                last_processed_at: hours_ago(2),
                ..http_source("src_2", "Okta", &["Okta.SystemLog"])
            },
            http_source("src_1", "Cloud", &["AWS.CloudTrail", "AWS.VPCFlow"]),
            LogSource::command_line(fakes::now()),
        ];
        world
    }

    async fn labels(world: World, arguments: Value) -> Vec<String> {
        let answer = fakes::call(ListLogSources, &world.context(), arguments).await.unwrap();
        fakes::texts(&answer["sources"], "integrationLabel")
    }

    #[tokio::test]
    async fn healthy_and_unhealthy_sources_are_shown() {
        let answer = fakes::call(ListLogSources, &world().context(), json!({})).await.unwrap();
        let labels = fakes::texts(&answer["sources"], "integrationLabel");
        assert_eq!(labels, ["Cloud", "Files from the command line", "Okta"]);
        assert_eq!(
            answer["sources"][0],
            json!({
                "integrationId": "src_1",
                "integrationLabel": "Cloud",
                "integrationType": "http-ingest",
                "logTypes": ["AWS.CloudTrail", "AWS.VPCFlow"],
                "isEditable": true,
                "isHealthy": true,
                "lastModified": "2026-03-10T12:00:00.000Z",
            })
        );
        let okta = &answer["sources"][2];
        assert_eq!(okta["isHealthy"], false);
        assert!(okta["problem"].as_str().unwrap().contains("every 60 minutes"));
        assert_eq!(okta["lastEventReceivedAtTime"], "2026-03-10T10:00:00.000Z");
        assert_eq!(okta["lastEventProcessedAtTime"], "2026-03-10T10:00:00.000Z");
    }

    #[tokio::test]
    async fn filters_narrow() {
        assert_eq!(labels(world(), json!({ "is_healthy": false })).await, ["Okta"]);
        assert_eq!(labels(world(), json!({ "is_healthy": true })).await, ["Cloud", "Files from the command line"]);
        assert_eq!(labels(world(), json!({ "log_types": ["x", "aws.vpcflow"] })).await, ["Cloud"]);
        assert_eq!(labels(world(), json!({ "integration_type": "HTTP-ingest" })).await, ["Cloud", "Okta"]);
        assert_eq!(labels(world(), json!({ "contains": "COMMAND" })).await, ["Files from the command line"]);
        assert!(labels(world(), json!({ "log_types": ["AWS"] })).await.is_empty());
    }

    #[tokio::test]
    async fn denied_log_types_neither_show_nor_match() {
        let denied = || {
            let log_types = ["AWS.VPCFlow", "Okta.SystemLog"].map(str::to_owned).to_vec();
            World { log_types: LogTypeAccess::Deny(log_types), ..world() }
        };
        let answer = fakes::call(ListLogSources, &denied().context(), json!({})).await.unwrap();
        let labels_left = fakes::texts(&answer["sources"], "integrationLabel");
        assert_eq!(labels_left, ["Cloud", "Files from the command line"]);
        assert_eq!(answer["total_sources"], 2);
        assert_eq!(answer["sources"][0]["logTypes"], json!(["AWS.CloudTrail"]));
        assert!(labels(denied(), json!({ "log_types": ["AWS.VPCFlow"] })).await.is_empty());
        assert!(labels(denied(), json!({ "is_healthy": false })).await.is_empty());
    }

    #[tokio::test]
    async fn nothing_tells_when_denied_events_come() {
        let world = |quiet_after_minutes, hours| {
            let at = Some(fakes::now().minus(Duration::from_hours(hours)));
            let source = LogSource {
                quiet_after_minutes,
                last_received_at: at,
                last_processed_at: at,
                ..http_source("src_1", "Cloud", &["AWS.CloudTrail", "AWS.VPCFlow"])
            };
            let log_types = LogTypeAccess::Deny(vec!["AWS.VPCFlow".to_owned()]);
            World { log_sources: vec![source], log_types, ..World::new() }
        };
        let answer = fakes::call(ListLogSources, &world(Some(60), 2).context(), json!({})).await.unwrap();
        assert_eq!(
            answer["sources"],
            json!([{
                "integrationId": "src_1",
                "integrationLabel": "Cloud",
                "integrationType": "http-ingest",
                "logTypes": ["AWS.CloudTrail"],
                "isEditable": true,
                "lastModified": "2026-03-10T12:00:00.000Z",
            }])
        );
        for (quiet_after_minutes, hours) in [(Some(60), 2), (Some(60), 0), (None, 0)] {
            let world = || world(quiet_after_minutes, hours);
            assert_eq!(fakes::call(ListLogSources, &world().context(), json!({})).await.unwrap(), answer);
            for healthy in [true, false] {
                assert!(labels(world(), json!({ "is_healthy": healthy })).await.is_empty());
            }
        }
    }

    #[tokio::test]
    async fn a_page_has_as_much_as_fits_but_always_something() {
        let mut context = world().context();
        context.ports.max_result_bytes = 1;
        let mut labels = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let page = fakes::call(ListLogSources, &context, json!({ "cursor": cursor })).await.unwrap();
            assert_eq!((&page["total_sources"], &page["returned"]), (&json!(3), &json!(1)));
            labels.extend(fakes::texts(&page["sources"], "integrationLabel"));
            if page["has_next_page"] == false {
                break;
            }
            cursor = page["next_cursor"].clone();
        }
        assert_eq!(labels, ["Cloud", "Files from the command line", "Okta"]);
    }

    #[tokio::test]
    async fn sources_come_in_pages_after_the_filter() {
        let mut world = world();
        world.log_sources.push(http_source("src_0", "Okta", &[]));
        let context = world.context();
        let asked = json!({ "integration_type": "http-ingest", "limit": 2 });
        let first = fakes::call(ListLogSources, &context, asked).await.unwrap();
        assert_eq!(fakes::texts(&first["sources"], "integrationId"), ["src_1", "src_0"]);
        assert_eq!((&first["total_sources"], &first["returned"]), (&json!(3), &json!(2)));
        let next = json!({ "integration_type": "http-ingest", "limit": 2, "cursor": first["next_cursor"] });
        let second = fakes::call(ListLogSources, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["sources"], "integrationId"), ["src_2"]);
        assert_eq!(second["has_next_page"], false);
        let other = json!({ "limit": 2, "cursor": first["next_cursor"] });
        assert_eq!(fakes::refused(ListLogSources, &context, other).await.code, "invalid_argument");
    }

    #[tokio::test]
    async fn bad_arguments_say_what_is_valid() {
        let context = world().context();
        let limit = fakes::refused(ListLogSources, &context, json!({ "limit": 0 })).await;
        assert_eq!(limit.message, "limit must be a whole number from 1 to 100; you sent the number 0.");
        let kind = fakes::refused(ListLogSources, &context, json!({ "integration_type": "aws-s3" })).await;
        assert_eq!(kind.message, "Invalid integration_type 'aws-s3'. Must be one of: file-upload, http-ingest");
    }
}
