//! Comments: as the tools show them, and adding one.

use margay_domain::{
    alert::AlertComment,
    id::{self, AlertId},
    ports::StoreError,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::targets;
use crate::{
    arguments,
    tool::{ToolContext, ToolError},
};

/// The length of a comment, in characters.
const MAX_CHARACTERS: usize = 10_000;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comment {
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

/// The text of a comment, without surrounding space.
pub(super) fn body(given: &str) -> Result<&str, ToolError> {
    let body = arguments::required("comment", given)?;
    if body.chars().count() > MAX_CHARACTERS {
        return Err(ToolError::invalid_argument(format!("comment must have at most {MAX_CHARACTERS} characters.")));
    }
    Ok(body)
}

/// Adds a comment in the name of the caller.
pub(super) async fn add(context: &ToolContext, alert_id: &AlertId, body: &str) -> Result<AlertComment, ToolError> {
    let now = context.ports.clock.now();
    let comment = AlertComment {
        id: id::generate("cmt", now, context.ports.entropy.as_ref()),
        alert_id: alert_id.clone(),
        body: body.to_owned(),
        created_by: context.principal.user.id.to_string(),
        created_at: now,
    };
    match context.ports.alerts.add_comment(&comment, &context.principal.role.log_types).await {
        Ok(()) => Ok(comment),
        Err(StoreError::NotFound(_)) => Err(targets::not_found(alert_id)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_neither_blank_nor_endless() {
        assert_eq!(body(" seen\n").unwrap(), "seen");
        assert_eq!(body(" \n").unwrap_err().message, "comment must not be empty.");
        let longest = "ü".repeat(MAX_CHARACTERS);
        assert_eq!(body(&format!(" {longest} ")).unwrap(), longest);
        let error = body(&format!("{longest}ü")).unwrap_err();
        assert_eq!(error.message, "comment must have at most 10000 characters.");
    }
}
