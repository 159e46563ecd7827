//! `get_http_log_source`.

use async_trait::async_trait;
use margay_domain::{id::LogSourceId, log_source::SourceKind, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source_object::HttpSourceObject;
use crate::{
    arguments,
    tool::{JsonObject, Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows one log source that others post to.
pub(crate) struct GetHttpLogSource;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An integrationId.
    #[schemars(length(min = 1))]
    source_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// As in list_log_sources, and how senders authenticate.
    #[schemars(with = "JsonObject")]
    source: HttpSourceObject,
}

#[async_trait]
impl TypedTool for GetHttpLogSource {
    const NAME: &'static str = "get_http_log_source";
    const TITLE: &'static str = "Get an HTTP log source";
    const DESCRIPTION: &'static str = "Shows one log source of type http-ingest: how events stand in what other systems post, how senders authenticate, and its health; never secrets. list_log_sources finds ids.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::LogSourceRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let id = arguments::required("source_id", &input.source_id)?;
        let access = &context.principal.role.log_types;
        // Promise 1: one that may not be seen is as good as none, so that nothing tells that it exists.
        let visible = context
            .ports
            .log_sources
            .get(&LogSourceId::new(id))
            .await?
            .and_then(|source| super::visible(source, access))
            .ok_or_else(|| {
                ToolError::not_found(format!(
                    "No HTTP log source found with ID: {}. list_log_sources with integration_type http-ingest finds ids.",
                    arguments::shown(id)
                ))
            })?;
        let source = &visible.source;
        if source.kind != SourceKind::HttpIngest {
            return Err(ToolError::not_found(format!(
                "The log source {} is of type {}, not http-ingest. list_log_sources shows what there is to know about it.",
                arguments::shown(id),
                source.kind
            )));
        }
        Ok(Output { source: HttpSourceObject::new(&visible, context.ports.clock.now()) })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        log_source::{LogSource, StreamType},
        role::LogTypeAccess,
    };
    use serde_json::json;

    use super::*;
    use crate::{
        fakes::{self, World},
        sources::http_source,
    };

    fn world() -> World {
        let mut world = World::new();
        world.log_sources = vec![
            LogSource {
                stream_type: StreamType::JsonArray,
                last_received_at: Some(fakes::now()),
                ..http_source("src_1", "Cloud", &["AWS.CloudTrail", "AWS.VPCFlow"])
            },
            LogSource { auth_method: None, auth_header: None, ..http_source("src_2", "Open", &["Okta.SystemLog"]) },
            LogSource::command_line(fakes::now()),
        ];
        world
    }

    #[tokio::test]
    async fn it_shows_how_senders_authenticate_and_no_secret() {
        let context = world().context();
        let answer = fakes::call(GetHttpLogSource, &context, json!({ "source_id": "src_1" })).await.unwrap();
        assert_eq!(
            answer,
            json!({ "source": {
                "integrationId": "src_1",
                "integrationLabel": "Cloud",
                "integrationType": "http-ingest",
                "logTypes": ["AWS.CloudTrail", "AWS.VPCFlow"],
                "isEditable": true,
                "isHealthy": true,
                "lastEventReceivedAtTime": "2026-03-10T12:00:00.000Z",
                "lastModified": "2026-03-10T12:00:00.000Z",
                "logStreamType": "JsonArray",
                "authMethod": "HMAC",
                "authHeaderKey": "x-signature",
            } })
        );
        let open = fakes::call(GetHttpLogSource, &context, json!({ "source_id": "src_2" })).await.unwrap();
        assert_eq!(open["source"]["authMethod"], "None");
        assert!(open["source"].get("authHeaderKey").is_none());
    }

    #[tokio::test]
    async fn another_type_is_not_found_but_named() {
        let context = world().context();
        let error = fakes::refused(GetHttpLogSource, &context, json!({ "source_id": "src_command_line" })).await;
        assert_eq!(error.code, "not_found");
        assert!(error.message.contains("is of type file-upload") && error.message.contains("list_log_sources"));
        let error = fakes::refused(GetHttpLogSource, &context, json!({ "source_id": "src_9" })).await;
        assert!(error.message.starts_with("No HTTP log source found with ID: src_9."));
    }

    #[tokio::test]
    async fn a_source_of_denied_log_types_looks_absent() {
        let log_types = ["AWS.VPCFlow", "Okta.SystemLog"].map(str::to_owned).to_vec();
        let context = World { log_types: LogTypeAccess::Deny(log_types), ..world() }.context();
        let hidden = fakes::refused(GetHttpLogSource, &context, json!({ "source_id": "src_2" })).await;
        let absent = fakes::refused(GetHttpLogSource, &context, json!({ "source_id": "src_9" })).await;
        assert_eq!(hidden.code, "not_found");
        assert_eq!(hidden.message.replace("src_2", "src_9"), absent.message);
        let cut = fakes::call(GetHttpLogSource, &context, json!({ "source_id": "src_1" })).await.unwrap();
        assert_eq!(cut["source"]["logTypes"], json!(["AWS.CloudTrail"]));
        // Nothing tells when there are events of the other one.
        for absent in ["isHealthy", "problem", "lastEventReceivedAtTime"] {
            assert!(cut["source"].get(absent).is_none(), "{absent}");
        }
    }
}
