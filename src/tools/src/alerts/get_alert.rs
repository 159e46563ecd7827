//! `get_alert`.

use async_trait::async_trait;
use margay_domain::rules::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert_object::AlertDetails;
use crate::tool::{JsonObject, Provenance, Requirement, ToolContext, ToolError, TypedTool};

/// Shows one alert.
pub(crate) struct GetAlert;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    alert_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    /// As in list_alerts, with description, runbook, reference and context (what the detection noted).
    #[schemars(with = "JsonObject")]
    alert: AlertDetails,
    // How many of its events get_alert_events can show.
    readable_events: usize,
    // Events of log types that the role may not read.
    withheld_events: usize,
}

#[async_trait]
impl TypedTool for GetAlert {
    const NAME: &'static str = "get_alert";
    const TITLE: &'static str = "Get an alert";
    const DESCRIPTION: &'static str = "Shows one alert with description, runbook and context. If the role may not read all of its log types it is `withheld`: what came from events is left out. Next: get_alert_events, list_alert_comments, get_detection (alert.detection.id) for what raised it and its runbook.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let alert = super::find(context, &input.alert_id).await?;
        let access = &context.principal.role.log_types;
        let readable_events = alert.events.iter().filter(|event| access.allows(&event.log_type)).count();
        Ok(Output {
            alert: AlertDetails::new(&alert),
            readable_events,
            withheld_events: alert.events.len() - readable_events,
        })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{alert::Alert, role::LogTypeAccess};
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn it_shows_the_alert_and_counts_its_events() {
        let mut world = World::new();
        world.log_types = LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]);
        world.alerts.push(Alert {
            events: vec![fakes::event_ref("AWS.CloudTrail", "r1"), fakes::event_ref("Okta.SystemLog", "r2")],
            ..fakes::alert("a1", 1)
        });
        world.alerts.push(fakes::alert("whole", 1));
        world.alerts.push(Alert { log_types: vec!["Okta.SystemLog".to_owned()], ..fakes::alert("denied", 1) });
        let context = world.context();
        let answer = fakes::call(GetAlert, &context, json!({ "alert_id": "whole" })).await.unwrap();
        assert_eq!((&answer["alert"]["runbook"], answer["alert"].get("withheld")), (&json!("What to do"), None));
        let answer = fakes::call(GetAlert, &context, json!({ "alert_id": "a1" })).await.unwrap();
        let alert = &answer["alert"];
        assert_eq!((&alert["id"], &alert["withheld"]), (&json!("a1"), &json!(true)));
        assert_eq!(alert["title"], "AWS.Root.Login [title withheld]");
        assert_eq!(alert["logTypes"], json!(["AWS.CloudTrail"]));
        for absent in ["description", "runbook", "reference", "context"] {
            assert!(alert.get(absent).is_none(), "{absent}");
        }
        assert_eq!((&answer["readable_events"], &answer["withheld_events"]), (&json!(1), &json!(1)));
        let denied = fakes::refused(GetAlert, &context, json!({ "alert_id": "denied" })).await;
        let unknown = fakes::refused(GetAlert, &context, json!({ "alert_id": "unknow" })).await;
        assert_eq!((denied.code, denied.message), (unknown.code, unknown.message.replace("unknow", "denied")));
    }

    #[tokio::test]
    async fn an_unknown_alert_is_not_found() {
        let context = World::new().context();
        let error = fakes::refused(GetAlert, &context, json!({ "alert_id": "nope" })).await;
        assert_eq!(error.code, "not_found");
        assert!(error.message.starts_with("No alert found with ID: nope"));
        assert_eq!(fakes::refused(GetAlert, &context, json!({ "alert_id": " " })).await.code, "invalid_argument");
        assert_eq!(fakes::refused(GetAlert, &context, json!({})).await.code, "invalid_argument");
    }
}
