//! `update_alert_tags`.

use async_trait::async_trait;
use margay_domain::{alert::AlertChange, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    tags,
    targets::{self, Receipt},
};
use crate::tool::{Hints, Requirement, ToolContext, ToolError, TypedTool};

/// Replaces the labels of alerts.
pub(crate) struct UpdateAlertTags;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    #[schemars(length(min = 1, max = 100))]
    alert_ids: Vec<String>,
    /// All tags that stay; each 1 to 30 of a-z, 0-9, _ and -. An empty list clears.
    #[schemars(length(max = 10))]
    context_tags: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    #[serde(flatten)]
    receipt: Receipt,
    context_tags: Vec<String>,
}

#[async_trait]
impl TypedTool for UpdateAlertTags {
    const NAME: &'static str = "update_alert_tags";
    const TITLE: &'static str = "Tag alerts";
    const DESCRIPTION: &'static str =
        "Replaces the context tags of 1 to 100 alerts; get_alert shows those that are set. All or nothing.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertModify]);
    const HINTS: Hints = Hints::SET;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let ids = targets::read(&input.alert_ids, targets::MAX_ALERTS, "update")?;
        let context_tags = tags::read(&input.context_tags)?;
        let change = AlertChange { context_tags: Some(context_tags.clone()), ..AlertChange::default() };
        Ok(Output { receipt: targets::change(context, &ids, &change).await?, context_tags })
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
        world.alerts = vec![Alert { context_tags: vec!["old".to_owned()], ..fakes::alert("a1", 1) }];
        world.context()
    }

    async fn tags_of(context: &ToolContext) -> Vec<String> {
        context.ports.alerts.get(&AlertId::new("a1"), &LogTypeAccess::AllowAll).await.unwrap().unwrap().context_tags
    }

    #[tokio::test]
    async fn tags_are_replaced_and_cleared() {
        let context = context();
        let arguments = json!({ "alert_ids": ["a1"], "context_tags": ["vip", "case-1", "vip"] });
        let answer = fakes::call(UpdateAlertTags, &context, arguments).await.unwrap();
        assert_eq!(answer["contextTags"], json!(["vip", "case-1"]));
        assert_eq!(tags_of(&context).await, ["vip", "case-1"]);
        let arguments = json!({ "alert_ids": ["a1"], "context_tags": [] });
        let answer = fakes::call(UpdateAlertTags, &context, arguments).await.unwrap();
        assert_eq!((&answer["contextTags"], &answer["changed"]), (&json!([]), &json!(1)));
        assert!(tags_of(&context).await.is_empty());
    }

    #[tokio::test]
    async fn bad_calls_change_nothing() {
        let context = context();
        let many: Vec<String> = (0..11).map(|number| format!("tag-{number}")).collect();
        for (arguments, code, part) in [
            (json!({ "alert_ids": ["a1"], "context_tags": ["ok", "Not OK"] }), "invalid_argument", "'Not OK'"),
            (json!({ "alert_ids": ["a1"], "context_tags": many }), "invalid_argument", "at most 10"),
            (json!({ "alert_ids": ["a1"] }), "invalid_argument", "context_tags"),
            (json!({ "alert_ids": ["a1"], "context_tags": null }), "invalid_argument", "null"),
            (json!({ "alert_ids": ["x", "a1"], "context_tags": [] }), "not_found", "[x]"),
        ] {
            let error = fakes::refused(UpdateAlertTags, &context, arguments).await;
            assert_eq!(error.code, code);
            assert!(error.message.contains(part), "{}", error.message);
        }
        assert_eq!(tags_of(&context).await, ["old"]);
    }
}
