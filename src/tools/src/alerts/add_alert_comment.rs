//! `add_alert_comment`.

use async_trait::async_trait;
use margay_domain::{id::AlertId, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comments::{self, Comment};
use crate::{
    arguments,
    tool::{Hints, Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// Adds a comment to an alert.
pub(crate) struct AddAlertComment;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    alert_id: String,
    /// Markdown.
    #[schemars(length(max = 10_000))]
    comment: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    comment: Comment,
}

#[async_trait]
impl TypedTool for AddAlertComment {
    const NAME: &'static str = "add_alert_comment";
    const TITLE: &'static str = "Comment on an alert";
    const DESCRIPTION: &'static str =
        "Adds a comment to an alert in the name of the caller. Comments cannot be changed or removed afterwards.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertModify]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    const HINTS: Hints = Hints::ADD;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let alert_id = AlertId::new(arguments::required("alert_id", &input.alert_id)?);
        let body = comments::body(&input.comment)?;
        Ok(Output { comment: comments::add(context, &alert_id, body).await?.into() })
    }

    // A comment may quote what logs hold.
    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        alerts::flaky,
        fakes::{self, World},
    };
    use margay_domain::role::LogTypeAccess;

    fn world() -> Arc<World> {
        let mut world = World::new();
        world.alerts = vec![fakes::alert("a1", 1)];
        Arc::new(world)
    }

    #[tokio::test]
    async fn the_comment_is_added_in_the_name_of_the_caller() {
        let context = World::context_of(&world());
        let arguments = json!({ "alert_id": " a1 ", "comment": "\n**Looked** at it\n" });
        let answer = fakes::call(AddAlertComment, &context, arguments.clone()).await.unwrap();
        let comment = &answer["comment"];
        assert!(comment["id"].as_str().unwrap().starts_with("cmt_"));
        assert_eq!(comment["body"], "**Looked** at it");
        assert_eq!(comment["createdBy"], "usr_ana");
        assert_eq!(comment["createdAt"], "2026-03-10T12:00:00.000Z");
        fakes::call(AddAlertComment, &context, arguments).await.unwrap();
        let stored = context.ports.alerts.comments(&AlertId::new("a1"), &LogTypeAccess::AllowAll).await.unwrap();
        assert_eq!(stored.len(), 2);
        assert_eq!(comment["id"], stored[0].id);
        assert_ne!(stored[0].id, stored[1].id);
        assert_eq!(stored[1].body, "**Looked** at it");
    }

    #[tokio::test]
    async fn bad_calls_add_nothing() {
        let context = World::context_of(&world());
        let long = "x".repeat(10_001);
        for (arguments, code, message) in [
            (json!({ "alert_id": "x", "comment": "Hi" }), "not_found", "Alert not found: x"),
            (json!({ "alert_id": " ", "comment": "Hi" }), "invalid_argument", "alert_id must not be empty."),
            (json!({ "alert_id": "a1", "comment": " " }), "invalid_argument", "comment must not be empty."),
            (
                json!({ "alert_id": "a1", "comment": long }),
                "invalid_argument",
                "comment must have at most 10000 characters.",
            ),
        ] {
            let error = fakes::refused(AddAlertComment, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
        assert!(context.ports.alerts.comments(&AlertId::new("a1"), &LogTypeAccess::AllowAll).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_failing_database_is_told_without_its_words() {
        let context = flaky::context(&world(), &[], &["a1"]);
        let error = fakes::refused(AddAlertComment, &context, json!({ "alert_id": "a1", "comment": "Hi" })).await;
        assert_eq!(error.code, "unavailable");
        assert!(!error.message.contains("secret"));
    }
}
