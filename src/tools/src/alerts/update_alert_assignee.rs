//! `update_alert_assignee`.

use async_trait::async_trait;
use margay_domain::{alert::AlertChange, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    alert_object::Actor,
    assignee, clears,
    targets::{self, Receipt},
};
use crate::tool::{Hints, Requirement, ToolContext, ToolError, TypedTool};

/// Assigns alerts to a person, or to nobody.
pub(crate) struct UpdateAlertAssignee;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    #[schemars(length(min = 1, max = 100))]
    alert_ids: Vec<String>,
    /// User id, or e-mail address with Read User Info; none unassigns.
    #[schemars(extend("x-clears" = true))]
    assignee_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    #[serde(flatten)]
    receipt: Receipt,
    assignee: Option<Actor>,
}

#[async_trait]
impl TypedTool for UpdateAlertAssignee {
    const NAME: &'static str = "update_alert_assignee";
    const TITLE: &'static str = "Assign alerts";
    const DESCRIPTION: &'static str =
        "Assigns 1 to 100 alerts to an enabled user, or to nobody. All or nothing. list_users shows users.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertModify]);
    const HINTS: Hints = Hints::SET;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let ids = targets::read(&input.alert_ids, targets::MAX_ALERTS, "update")?;
        let assignee_id =
            if clears(&input.assignee_id) { None } else { Some(assignee::find(context, &input.assignee_id).await?) };
        let assignee = assignee_id.as_deref().map(Actor::user);
        let change = AlertChange { assignee_id: Some(assignee_id), ..AlertChange::default() };
        Ok(Output { receipt: targets::change(context, &ids, &change).await?, assignee })
    }

    fn rows(output: &Output) -> Option<u64> {
        output.receipt.rows()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{alert::Alert, id::AlertId};
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};
    use margay_domain::role::LogTypeAccess;

    fn context() -> ToolContext {
        let mut world = World::new();
        world.alerts =
            vec![fakes::alert("a1", 1), Alert { assignee_id: Some("usr_cy".to_owned()), ..fakes::alert("a2", 1) }];
        world.users = vec![fakes::user("usr_bo", "bo@example.com", "Analyst")];
        world.context()
    }

    async fn assignee_of(context: &ToolContext, id: &str) -> Option<String> {
        context.ports.alerts.get(&AlertId::new(id), &LogTypeAccess::AllowAll).await.unwrap().unwrap().assignee_id
    }

    #[tokio::test]
    async fn alerts_are_assigned_by_id_or_address() {
        for given in ["usr_bo", "bo@example.com"] {
            let context = context();
            let arguments = json!({ "alert_ids": ["a1", "a2"], "assignee_id": given });
            let answer = fakes::call(UpdateAlertAssignee, &context, arguments).await.unwrap();
            assert_eq!(answer["assignee"], json!({ "id": "usr_bo", "type": "user" }));
            assert_eq!((&answer["alerts"], &answer["changed"]), (&json!(["a1", "a2"]), &json!(2)));
            assert_eq!(assignee_of(&context, "a1").await.as_deref(), Some("usr_bo"));
            assert_eq!(assignee_of(&context, "a2").await.as_deref(), Some("usr_bo"));
        }
    }

    #[tokio::test]
    async fn a_word_unassigns_and_nothing_is_refused() {
        let context = context();
        let forgotten = fakes::refused(UpdateAlertAssignee, &context, json!({ "alert_ids": ["a2"] })).await;
        assert!(forgotten.message.contains("assignee_id"));
        assert_eq!(assignee_of(&context, "a2").await.as_deref(), Some("usr_cy"));
        for nobody in [json!("none"), json!("NONE "), json!(""), json!(" "), json!("null"), json!(null)] {
            let arguments = json!({ "alert_ids": ["a2"], "assignee_id": "usr_bo" });
            fakes::call(UpdateAlertAssignee, &context, arguments).await.unwrap();
            let arguments = json!({ "alert_ids": ["a2"], "assignee_id": nobody });
            let answer = fakes::call(UpdateAlertAssignee, &context, arguments).await.unwrap();
            assert_eq!(answer.get("assignee"), None);
            assert_eq!(assignee_of(&context, "a2").await, None, "{nobody}");
        }
    }

    #[tokio::test]
    async fn unknown_people_and_alerts_change_nothing() {
        let context = context();
        for arguments in [
            json!({ "alert_ids": ["a2"], "assignee_id": "usr_x" }),
            json!({ "alert_ids": ["a2", "x"], "assignee_id": "usr_bo" }),
        ] {
            assert_eq!(fakes::refused(UpdateAlertAssignee, &context, arguments).await.code, "not_found");
            assert_eq!(assignee_of(&context, "a2").await.as_deref(), Some("usr_cy"));
        }
    }
}
