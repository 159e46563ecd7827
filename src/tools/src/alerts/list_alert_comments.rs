//! `list_alert_comments`.

use async_trait::async_trait;
use margay_domain::{alert::AlertComment, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comments::Comment;
use crate::{
    arguments, cursor, size,
    tool::{Provenance, Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists what people wrote about an alert.
pub(crate) struct ListAlertComments;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// From list_alerts.
    alert_id: String,
    /// Default 25.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<i64>,
    /// next_cursor of the same call before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    comments: Vec<Comment>,
    /// On all pages.
    total_comments: usize,
    returned: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a cursor is bound to.
#[derive(Serialize)]
struct Filter<'a> {
    alert_id: &'a str,
}

/// The place of a comment among the others. Not its number: the clocks of two nodes differ, so that a comment may come
/// to stand before those that are there.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Position {
    /// When it was written, in microseconds since 1970.
    created_at: i64,
    id: String,
}

impl Position {
    fn of(comment: &AlertComment) -> Self {
        Self { created_at: comment.created_at.as_micros(), id: comment.id.clone() }
    }
}

#[async_trait]
impl TypedTool for ListAlertComments {
    const NAME: &'static str = "list_alert_comments";
    const TITLE: &'static str = "List comments of an alert";
    const DESCRIPTION: &'static str = "Lists the comments that people wrote on an alert, oldest first, 25 per page (at most 50). get_user names an author.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertRead]);
    const PROVENANCE: Provenance = Provenance::Untrusted;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 25, 1..=50)?);
        let alert = super::find(context, &input.alert_id).await?;
        let filter = Filter { alert_id: alert.id.as_str() };
        let after = arguments::optional(input.cursor)
            .map(|cursor| cursor::open::<Position>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let all = context.ports.alerts.comments(&alert.id, &context.principal.role.log_types).await?;
        let total_comments = all.len();
        let mut rest: Vec<(Position, AlertComment)> = all
            .into_iter()
            .map(|comment| (Position::of(&comment), comment))
            .filter(|(position, _)| after.as_ref().is_none_or(|after| position > after))
            .collect();
        rest.sort_by(|(left, _), (right, _)| left.cmp(right));
        let remaining = rest.len();
        let (positions, mut comments): (Vec<Position>, Vec<Comment>) =
            rest.into_iter().take(limit).map(|(position, comment)| (position, Comment::from(comment))).unzip();
        // At least one, so that every page gets further.
        comments.truncate(size::fitting(&comments, context.ports.row_bytes()).max(1));
        let has_next_page = comments.len() < remaining;
        let next_cursor = positions
            .get(..comments.len())
            .and_then(<[Position]>::last)
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &filter, last))
            .transpose()?;
        Ok(Output { returned: comments.len(), comments, total_comments, has_next_page, next_cursor })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use margay_domain::id::AlertId;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};
    use margay_domain::role::LogTypeAccess;

    fn comment(id: &str) -> AlertComment {
        AlertComment {
            id: id.to_owned(),
            alert_id: AlertId::new("a1"),
            body: "Looked at it".to_owned(),
            created_by: "usr_ana".to_owned(),
            created_at: fakes::now(),
        }
    }

    fn world() -> World {
        World {
            alerts: vec![fakes::alert("a1", 1)],
            comments: ["c0", "c1", "c2"].map(comment).to_vec(),
            ..World::new()
        }
    }

    #[tokio::test]
    async fn comments_come_in_pages() {
        let context = world().context();
        let first = fakes::call(ListAlertComments, &context, json!({ "alert_id": "a1", "limit": 2 })).await.unwrap();
        assert_eq!(fakes::texts(&first["comments"], "id"), ["c0", "c1"]);
        assert_eq!(first["total_comments"], 3);
        assert_eq!(first["comments"][0]["createdBy"], "usr_ana");
        let next = json!({ "alert_id": "a1", "limit": 2, "cursor": first["next_cursor"] });
        let second = fakes::call(ListAlertComments, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["comments"], "id"), ["c2"]);
        assert_eq!(second["has_next_page"], false);
    }

    #[tokio::test]
    async fn what_comes_in_between_shifts_no_page() {
        let world = Arc::new(world());
        let context = World::context_of(&world);
        let first = fakes::call(ListAlertComments, &context, json!({ "alert_id": "a1", "limit": 2 })).await.unwrap();
        // One from a node whose clock is behind, and one of the same moment.
        let early = AlertComment { created_at: fakes::now().minus(Duration::from_secs(1)), ..comment("c9") };
        for comment in [early, comment("c1a")] {
            context.ports.alerts.add_comment(&comment, &LogTypeAccess::AllowAll).await.unwrap();
        }
        let next = json!({ "alert_id": "a1", "limit": 2, "cursor": first["next_cursor"] });
        let second = fakes::call(ListAlertComments, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["comments"], "id"), ["c1a", "c2"]);
        assert_eq!((&second["total_comments"], &second["has_next_page"]), (&json!(5), &json!(false)));
        let again = fakes::call(ListAlertComments, &context, json!({ "alert_id": "a1" })).await.unwrap();
        assert_eq!(fakes::texts(&again["comments"], "id"), ["c9", "c0", "c1", "c1a", "c2"]);
    }

    #[tokio::test]
    async fn a_page_has_as_much_as_fits_but_always_something() {
        let mut context = world().context();
        for (bytes, ids) in [(1, &["c0"][..]), (260, &["c0", "c1"][..])] {
            context.ports.max_result_bytes = bytes;
            let page = fakes::call(ListAlertComments, &context, json!({ "alert_id": "a1" })).await.unwrap();
            assert_eq!(fakes::texts(&page["comments"], "id"), ids, "{bytes}");
            assert_eq!((&page["returned"], &page["has_next_page"]), (&json!(ids.len()), &json!(true)));
            let next = json!({ "alert_id": "a1", "limit": 1, "cursor": page["next_cursor"] });
            let page = fakes::call(ListAlertComments, &context, next).await.unwrap();
            assert_eq!(fakes::texts(&page["comments"], "id"), [format!("c{}", ids.len())]);
        }
    }

    #[tokio::test]
    async fn an_unknown_alert_is_not_found() {
        let error = fakes::refused(ListAlertComments, &World::new().context(), json!({ "alert_id": "x" })).await;
        assert_eq!(error.code, "not_found");
    }
}
