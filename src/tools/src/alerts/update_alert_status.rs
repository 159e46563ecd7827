//! `update_alert_status`.

use async_trait::async_trait;
use margay_domain::{
    alert::{AlertChange, AlertStatus},
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targets::{self, Receipt};
use crate::{
    arguments,
    tool::{Hints, Requirement, ToolContext, ToolError, TypedTool},
};

/// Sets the status of alerts.
pub(crate) struct UpdateAlertStatus;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    #[schemars(length(min = 1, max = 100))]
    alert_ids: Vec<String>,
    /// TRIAGED: in progress. RESOLVED: fixed. CLOSED: false positive.
    #[schemars(extend("enum" = ["OPEN", "TRIAGED", "RESOLVED", "CLOSED"]))]
    status: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    #[serde(flatten)]
    receipt: Receipt,
    status: &'static str,
}

#[async_trait]
impl TypedTool for UpdateAlertStatus {
    const NAME: &'static str = "update_alert_status";
    const TITLE: &'static str = "Set the status of alerts";
    const DESCRIPTION: &'static str =
        "Sets the status of 1 to 100 alerts. All or nothing. add_alert_comment notes the reason.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertModify]);
    const HINTS: Hints = Hints::SET;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let ids = targets::read(&input.alert_ids, targets::MAX_ALERTS, "update")?;
        let status = arguments::word("status", &input.status, AlertStatus::ALL, AlertStatus::as_str)?;
        let change = AlertChange { status: Some(status), ..AlertChange::default() };
        Ok(Output { receipt: targets::change(context, &ids, &change).await?, status: status.as_str() })
    }

    fn rows(output: &Output) -> Option<u64> {
        output.receipt.rows()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use margay_domain::{alert::Alert, id::AlertId};
    use serde_json::json;

    use super::*;
    use crate::{
        alerts::flaky,
        fakes::{self, World},
    };
    use margay_domain::role::LogTypeAccess;

    fn world() -> Arc<World> {
        let mut world = World::new();
        world.alerts = ["a1", "a2", "a3"].map(|id| fakes::alert(id, 1)).to_vec();
        Arc::new(world)
    }

    async fn alert(context: &ToolContext, id: &str) -> Alert {
        context.ports.alerts.get(&AlertId::new(id), &LogTypeAccess::AllowAll).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn all_named_alerts_change_and_no_other() {
        let context = World::context_of(&world());
        let arguments = json!({ "alert_ids": ["a2", " a1", "a2"], "status": "closed" });
        let answer = fakes::call(UpdateAlertStatus, &context, arguments).await.unwrap();
        assert_eq!(
            answer,
            json!({ "alerts": ["a2", "a1"], "changed": 2, "updatedAt": "2026-03-10T12:00:00.000Z", "status": "CLOSED" })
        );
        let changed = alert(&context, "a1").await;
        assert_eq!((changed.status, changed.updated_by.as_deref()), (AlertStatus::Closed, Some("usr_ana")));
        assert_eq!(alert(&context, "a2").await.status, AlertStatus::Closed);
        assert_eq!(alert(&context, "a3").await.status, AlertStatus::Open);
    }

    #[tokio::test]
    async fn one_unknown_alert_changes_nothing() {
        let context = World::context_of(&world());
        let arguments = json!({ "alert_ids": ["a1", "x"], "status": "CLOSED" });
        let error = fakes::refused(UpdateAlertStatus, &context, arguments).await;
        assert_eq!(error.code, "not_found");
        assert_eq!(error.message, "One or more alerts not found: [x]. Nothing was changed.");
        assert_eq!(alert(&context, "a1").await.status, AlertStatus::Open);
    }

    #[tokio::test]
    async fn bad_arguments_say_what_is_valid() {
        let context = World::context_of(&world());
        let many: Vec<String> = (0..101).map(|number| format!("a{number}")).collect();
        for (arguments, message) in [
            (
                json!({ "alert_ids": ["a1"], "status": "X" }),
                "Invalid status 'X'. Must be one of: CLOSED, OPEN, RESOLVED, TRIAGED",
            ),
            (json!({ "alert_ids": [], "status": "OPEN" }), "alert_ids must hold at least one id"),
            (json!({ "alert_ids": many, "status": "OPEN" }), "Cannot update more than 100 alerts at once"),
        ] {
            let error = fakes::refused(UpdateAlertStatus, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
        let missing = fakes::refused(UpdateAlertStatus, &context, json!({ "alert_ids": ["a1"] })).await;
        assert_eq!(missing.code, "invalid_argument");
    }

    #[tokio::test]
    async fn a_failing_database_is_told_without_its_words() {
        let context = flaky::context(&world(), &["a1"], &[]);
        let arguments = json!({ "alert_ids": ["a1"], "status": "CLOSED" });
        let error = fakes::refused(UpdateAlertStatus, &context, arguments).await;
        assert_eq!(error.code, "unavailable");
        assert!(!error.message.contains("secret"));
    }
}
