//! `list_alert_comments`.

use async_trait::async_trait;
use margay_domain::{alert::AlertComment, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    arguments, cursor,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
    untrusted,
};

/// Lists what people wrote about an alert.
pub(crate) struct ListAlertComments;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[schemars(length(min = 1))]
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
    /// How many there are on all pages.
    total_comments: usize,
    returned: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Comment {
    id: String,
    /// Markdown.
    body: String,
    created_at: String,
    /// User id.
    created_by: String,
}

impl From<AlertComment> for Comment {
    fn from(comment: AlertComment) -> Self {
        Self {
            id: comment.id,
            body: comment.body,
            created_at: comment.created_at.to_rfc3339(),
            created_by: comment.created_by,
        }
    }
}

/// What a cursor is bound to.
#[derive(Serialize)]
struct Filter<'a> {
    alert_id: &'a str,
}

/// Comments are only ever added at the end, so that their number is a safe place.
#[derive(Serialize, Deserialize)]
struct Position {
    skip: usize,
}

#[async_trait]
impl TypedTool for ListAlertComments {
    const NAME: &'static str = "list_alert_comments";
    const TITLE: &'static str = "List comments of an alert";
    const DESCRIPTION: &'static str = "Lists the comments that people wrote on an alert, oldest first, 25 per page (at most 50). get_user names an author.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::AlertRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 25, 1..=50)?);
        let alert = super::find(context, &input.alert_id).await?;
        let filter = Filter { alert_id: alert.id.as_str() };
        let position = arguments::optional(input.cursor)
            .map(|cursor| cursor::open::<Position>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let skip = position.map_or(0, |position| position.skip);
        let all = context.ports.alerts.comments(&alert.id).await?;
        let total_comments = all.len();
        let comments: Vec<Comment> = all.into_iter().skip(skip).take(limit).map(Comment::from).collect();
        let next = skip.saturating_add(comments.len());
        let has_next_page = next < total_comments;
        let next_cursor =
            has_next_page.then(|| cursor::seal(context, Self::NAME, &filter, &Position { skip: next })).transpose()?;
        Ok(Output { returned: comments.len(), comments, total_comments, has_next_page, next_cursor })
    }

    fn text(output: &Output) -> String {
        untrusted::text(output)
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::id::AlertId;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn comments_come_in_pages() {
        let mut world = World::new();
        world.alerts.push(fakes::alert("a1", 1));
        world.comments = (0..3)
            .map(|number| AlertComment {
                id: format!("c{number}"),
                alert_id: AlertId::new("a1"),
                body: "Looked at it".to_owned(),
                created_by: "usr_ana".to_owned(),
                created_at: fakes::now(),
            })
            .collect();
        let context = world.context();
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
    async fn an_unknown_alert_is_not_found() {
        let error = fakes::refused(ListAlertComments, &World::new().context(), json!({ "alert_id": "x" })).await;
        assert_eq!(error.code, "not_found");
    }
}
