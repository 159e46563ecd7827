//! `bulk_update_alerts`.

use std::slice;

use async_trait::async_trait;
use margay_domain::{
    alert::{AlertChange, AlertQuality, AlertStatus},
    id::AlertId,
    rules::Permission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{assignee, comments, tags, targets};
use crate::{
    arguments,
    tool::{Hints, Requirement, ToolContext, ToolError, TypedTool},
};

/// At most so many alerts in one call, because each is changed by itself.
const MAX_ALERTS: usize = 25;

/// Changes alerts one by one, and comments on each.
pub(crate) struct BulkUpdateAlerts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    #[schemars(length(min = 1, max = 25))]
    alert_ids: Vec<String>,
    /// TRIAGED: in progress. RESOLVED: fixed. CLOSED: false positive.
    #[schemars(extend("enum" = ["OPEN", "TRIAGED", "RESOLVED", "CLOSED"]))]
    status: Option<String>,
    /// User id, or e-mail address with Read User Info.
    assignee_id: Option<String>,
    /// Whether they were worth a person's time.
    #[schemars(extend("enum" = ["NOISE", "USEFUL"]))]
    quality: Option<String>,
    /// Replace those that are set.
    #[schemars(length(max = 10))]
    context_tags: Option<Vec<String>>,
    /// Markdown; added to each alert.
    #[schemars(length(max = 10_000))]
    comment: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    results: Vec<AlertResult>,
    summary: Summary,
}

#[derive(Serialize, JsonSchema)]
struct AlertResult {
    alert_id: String,
    outcome: &'static str,
    // The arguments that took effect, also if a later one failed.
    applied: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

#[derive(Serialize, JsonSchema)]
struct Failure {
    code: &'static str,
    message: String,
}

#[derive(Serialize, JsonSchema)]
struct Summary {
    total_alerts: usize,
    updated: usize,
    failed: usize,
}

#[async_trait]
impl TypedTool for BulkUpdateAlerts {
    const NAME: &'static str = "bulk_update_alerts";
    const TITLE: &'static str = "Update many alerts";
    const DESCRIPTION: &'static str = "Updates 1 to 25 alerts and comments on each. Give at least one of status, assignee_id, quality, context_tags and comment; what is left out or empty stays as it is; update_alert_* can clear. Each alert succeeds or fails by itself: read results, and repeat only what failed.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertModify]);
    // A second call comments a second time.
    const HINTS: Hints = Hints { idempotent: false, ..Hints::SET };
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let ids = targets::read(&input.alert_ids, MAX_ALERTS, "bulk update")?;
        let update = Update::read(context, input).await?;
        let mut results = Vec::with_capacity(ids.len());
        for id in &ids {
            results.push(update.carry_out(context, id).await);
        }
        Output::of(results)
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.summary.updated).ok()
    }

    fn is_partial(output: &Output) -> bool {
        output.summary.failed > 0
    }
}

impl Output {
    /// A call that had no effect at all is an error.
    fn of(results: Vec<AlertResult>) -> Result<Self, ToolError> {
        if results.iter().all(|result| result.applied.is_empty()) {
            return Err(nothing_updated(&results));
        }
        let failed = results.iter().filter(|result| result.error.is_some()).count();
        let summary = Summary { total_alerts: results.len(), updated: results.len() - failed, failed };
        Ok(Self { results, summary })
    }
}

/// Says why, each reason once. It is not found only if no alert was.
fn nothing_updated(results: &[AlertResult]) -> ToolError {
    let failures: Vec<&Failure> = results.iter().filter_map(|result| result.error.as_ref()).collect();
    let mut reasons: Vec<&str> = Vec::new();
    for failure in &failures {
        let reason = failure.message.trim_end_matches('.');
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let code = failures.iter().map(|failure| failure.code).find(|code| *code != "not_found").unwrap_or("not_found");
    ToolError { code, message: format!("No alert was updated. {}", reasons.join("; ")) }
}

/// What is done to each alert.
struct Update {
    change: AlertChange,
    /// The arguments that `change` stands for.
    changing: Vec<&'static str>,
    comment: Option<String>,
}

impl Update {
    /// Everything is checked before the first alert is changed.
    async fn read(context: &ToolContext, input: Input) -> Result<Self, ToolError> {
        let status = arguments::optional(input.status)
            .map(|given| arguments::word("status", &given, AlertStatus::ALL, AlertStatus::as_str))
            .transpose()?;
        let quality = arguments::optional(input.quality)
            .map(|given| arguments::word("quality", &given, AlertQuality::ALL, AlertQuality::as_str))
            .transpose()?;
        // Models fill in empty lists for what they do not need, which must not clear anything.
        let context_tags =
            input.context_tags.filter(|given| !given.is_empty()).map(|given| tags::read(&given)).transpose()?;
        let comment =
            arguments::optional(input.comment).map(|given| comments::body(&given).map(str::to_owned)).transpose()?;
        let assignee_id = match arguments::optional(input.assignee_id) {
            Some(given) => Some(assignee::find(context, &given).await?),
            None => None,
        };
        let changing = [
            ("status", status.is_some()),
            ("assignee_id", assignee_id.is_some()),
            ("quality", quality.is_some()),
            ("context_tags", context_tags.is_some()),
        ];
        let changing = changing.into_iter().filter_map(|(name, given)| given.then_some(name)).collect();
        let change =
            AlertChange { status, assignee_id: assignee_id.map(Some), quality: quality.map(Some), context_tags };
        if change.is_empty() && comment.is_none() {
            return Err(ToolError::invalid_argument(
                "At least one of status, assignee_id, quality, context_tags or comment must be provided",
            ));
        }
        Ok(Self { change, changing, comment })
    }

    async fn carry_out(&self, context: &ToolContext, id: &AlertId) -> AlertResult {
        let mut applied = Vec::new();
        let error = self.apply(context, id, &mut applied).await.err();
        AlertResult {
            alert_id: id.to_string(),
            outcome: if error.is_none() { "updated" } else { "failed" },
            applied,
            error: error.map(|ToolError { code, message }| Failure { code, message }),
        }
    }

    /// Notes in `applied` what took effect, so that it is known even if the rest fails.
    async fn apply(
        &self,
        context: &ToolContext,
        id: &AlertId,
        applied: &mut Vec<&'static str>,
    ) -> Result<(), ToolError> {
        if !self.change.is_empty() {
            let (by, access) = (&context.principal.user.id, &context.principal.role.log_types);
            let (ids, now) = (slice::from_ref(id), context.ports.clock.now());
            let missing = context.ports.alerts.change(ids, &self.change, by, now, access).await?;
            if !missing.is_empty() {
                return Err(targets::not_found(id));
            }
            applied.extend_from_slice(&self.changing);
        }
        if let Some(body) = &self.comment {
            comments::add(context, id, body).await?;
            applied.push("comment");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use margay_domain::alert::Alert;
    use serde_json::json;

    use super::*;
    use crate::{
        alerts::flaky,
        fakes::{self, World},
    };
    use margay_domain::role::LogTypeAccess;

    fn world() -> Arc<World> {
        let mut world = World::new();
        world.alerts = ["a1", "a2"]
            .map(|id| Alert {
                context_tags: vec!["old".to_owned()],
                quality: Some(AlertQuality::Noise),
                assignee_id: Some("usr_cy".to_owned()),
                ..fakes::alert(id, 1)
            })
            .to_vec();
        world.users = vec![fakes::user("usr_bo", "bo@example.com", "Analyst")];
        Arc::new(world)
    }

    async fn alert(context: &ToolContext, id: &str) -> Alert {
        context.ports.alerts.get(&AlertId::new(id), &LogTypeAccess::AllowAll).await.unwrap().unwrap()
    }

    async fn comments_on(context: &ToolContext, id: &str) -> usize {
        context.ports.alerts.comments(&AlertId::new(id), &LogTypeAccess::AllowAll).await.unwrap().len()
    }

    #[tokio::test]
    async fn every_alert_is_changed_and_commented_on() {
        let context = World::context_of(&world());
        let arguments = json!({
            "alert_ids": ["a2", "a1", "a2"],
            "status": "resolved",
            "assignee_id": "bo@example.com",
            "quality": "USEFUL",
            "context_tags": ["vip"],
            "comment": " Done ",
        });
        let answer = fakes::call(BulkUpdateAlerts, &context, arguments).await.unwrap();
        let applied = json!(["status", "assignee_id", "quality", "context_tags", "comment"]);
        assert_eq!(
            answer,
            json!({
                "results": [
                    { "alert_id": "a2", "outcome": "updated", "applied": applied },
                    { "alert_id": "a1", "outcome": "updated", "applied": applied },
                ],
                "summary": { "total_alerts": 2, "updated": 2, "failed": 0 },
            })
        );
        for id in ["a1", "a2"] {
            let alert = alert(&context, id).await;
            assert_eq!((alert.status, alert.quality), (AlertStatus::Resolved, Some(AlertQuality::Useful)));
            assert_eq!((alert.assignee_id.as_deref(), alert.updated_by.as_deref()), (Some("usr_bo"), Some("usr_ana")));
            assert_eq!(alert.context_tags, ["vip"]);
            assert_eq!(comments_on(&context, id).await, 1);
        }
    }

    #[tokio::test]
    async fn null_and_empty_leave_as_it_is() {
        let context = World::context_of(&world());
        let arguments = json!({
            "alert_ids": ["a1"],
            "status": null,
            "assignee_id": "",
            "quality": "",
            "context_tags": [],
            "comment": "Seen",
        });
        let answer = fakes::call(BulkUpdateAlerts, &context, arguments).await.unwrap();
        assert_eq!(answer["results"][0]["applied"], json!(["comment"]));
        let alert = alert(&context, "a1").await;
        assert_eq!((alert.quality, alert.assignee_id.as_deref()), (Some(AlertQuality::Noise), Some("usr_cy")));
        assert_eq!((alert.context_tags, alert.updated_by), (vec!["old".to_owned()], None));
    }

    #[tokio::test]
    async fn an_unknown_alert_fails_by_itself() {
        let context = World::context_of(&world());
        let arguments = json!({ "alert_ids": ["x", "a1"], "status": "CLOSED" });
        let answer = fakes::call(BulkUpdateAlerts, &context, arguments).await.unwrap();
        assert_eq!(
            answer["results"][0],
            json!({
                "alert_id": "x",
                "outcome": "failed",
                "applied": [],
                "error": { "code": "not_found", "message": "Alert not found: x" },
            })
        );
        assert_eq!(answer["results"][1]["outcome"], "updated");
        assert_eq!(answer["summary"], json!({ "total_alerts": 2, "updated": 1, "failed": 1 }));
        assert_eq!(alert(&context, "a1").await.status, AlertStatus::Closed);
    }

    #[tokio::test]
    async fn a_failing_database_loses_nothing_that_was_done() {
        let context = flaky::context(&world(), &["a1"], &["a2"]);
        let arguments = json!({ "alert_ids": ["a1", "a2"], "status": "CLOSED", "comment": "Done" });
        let answer = fakes::call(BulkUpdateAlerts, &context, arguments).await.unwrap();
        assert_eq!(answer["summary"], json!({ "total_alerts": 2, "updated": 0, "failed": 2 }));
        for (index, applied) in [(0, json!([])), (1, json!(["status"]))] {
            let result = &answer["results"][index];
            assert_eq!((&result["outcome"], &result["applied"]), (&json!("failed"), &applied));
            assert_eq!(result["error"]["code"], "unavailable");
            assert!(!result["error"]["message"].as_str().unwrap().contains("secret"));
        }
        assert_eq!(alert(&context, "a1").await.status, AlertStatus::Open);
        assert_eq!(alert(&context, "a2").await.status, AlertStatus::Closed);
    }

    #[tokio::test]
    async fn a_call_without_effect_is_an_error_that_says_why() {
        let context = World::context_of(&world());
        for mut arguments in [json!({ "status": "CLOSED" }), json!({ "comment": "Done" })] {
            arguments["alert_ids"] = json!(["x", "y"]);
            let error = fakes::refused(BulkUpdateAlerts, &context, arguments).await;
            assert_eq!(error.code, "not_found");
            assert_eq!(error.message, "No alert was updated. Alert not found: x; Alert not found: y");
        }
        let context = flaky::context(&world(), &["a1"], &[]);
        let arguments = json!({ "alert_ids": ["a1", "x"], "status": "CLOSED" });
        let error = fakes::refused(BulkUpdateAlerts, &context, arguments).await;
        assert_eq!(error.code, "unavailable");
        assert!(error.message.starts_with("No alert was updated. The server"));
        assert!(error.message.ends_with("; Alert not found: x"));
    }

    #[tokio::test]
    async fn bad_arguments_change_nothing() {
        let context = World::context_of(&world());
        let many: Vec<String> = (0..26).map(|number| format!("a{number}")).collect();
        for (arguments, code, message) in [
            (json!({ "alert_ids": [], "status": "CLOSED" }), "invalid_argument", "alert_ids must hold at least one id"),
            (
                json!({ "alert_ids": many, "status": "CLOSED" }),
                "invalid_argument",
                "Cannot bulk update more than 25 alerts at once",
            ),
            (
                json!({ "alert_ids": ["a1"], "status": null, "context_tags": [], "comment": " " }),
                "invalid_argument",
                "At least one of status, assignee_id, quality, context_tags or comment must be provided",
            ),
            (
                json!({ "alert_ids": ["a1"], "comment": "Done", "status": "None" }),
                "invalid_argument",
                "Invalid status 'None'. Must be one of: CLOSED, OPEN, RESOLVED, TRIAGED",
            ),
            (
                json!({ "alert_ids": ["a1"], "comment": "Done", "assignee_id": "usr_x" }),
                "not_found",
                "No user found with ID: usr_x. list_users shows ids and e-mail addresses.",
            ),
            (
                json!({ "alert_ids": ["a1"], "comment": "Done", "context_tags": ["A"] }),
                "invalid_argument",
                "Invalid context tag 'A'. A tag has 1 to 30 characters: a-z, 0-9, _ and -.",
            ),
        ] {
            let error = fakes::refused(BulkUpdateAlerts, &context, arguments).await;
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
        assert_eq!(comments_on(&context, "a1").await, 0);
        assert_eq!(alert(&context, "a1").await.updated_by, None);
    }
}
