//! `get_user`.

use async_trait::async_trait;
use margay_domain::{
    id::UserId,
    rules::Permission,
    user::{User, normalize_email},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::user_object::{RoleNames, UserObject};
use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows one person.
pub(crate) struct GetUser;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An id or an e-mail address.
    #[schemars(length(min = 1))]
    user_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    user: UserObject,
}

#[async_trait]
impl TypedTool for GetUser {
    const NAME: &'static str = "get_user";
    const TITLE: &'static str = "Get a user";
    const DESCRIPTION: &'static str = "Shows one person by id or e-mail address, for example an alert's assignee. Next: get_role for what the role may do.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::UserRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let wanted = arguments::required("user_id", &input.user_id)?;
        let user = find(context, wanted).await?.ok_or_else(|| {
            ToolError::not_found(format!(
                "No user found with ID: {}. list_users shows ids and e-mail addresses.",
                arguments::shown(wanted)
            ))
        })?;
        let roles = RoleNames::new(context.ports.roles.list().await?);
        Ok(Output { user: UserObject::new(&user, &roles) })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

async fn find(context: &ToolContext, wanted: &str) -> Result<Option<User>, ToolError> {
    if let Ok(email) = normalize_email(wanted) {
        let found = context.ports.users.find_by_email(&email).await?;
        if let Some((user, _)) = found {
            return Ok(Some(user));
        }
    }
    Ok(context.ports.users.get(&UserId::new(wanted)).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn context() -> ToolContext {
        let mut world = World::new();
        world.users = vec![fakes::user("usr_1", "ana@example.com", "Admin")];
        world.context()
    }

    #[tokio::test]
    async fn by_id_or_by_address() {
        for wanted in ["usr_1", "Ana@Example.com"] {
            let answer = fakes::call(GetUser, &context(), json!({ "user_id": wanted })).await.unwrap();
            assert_eq!(answer["user"]["givenName"], "Ana");
            assert_eq!(answer["user"]["email"], "ana@example.com");
        }
    }

    #[tokio::test]
    async fn an_unknown_person_is_not_found() {
        for wanted in ["usr_2", "bo@example.com"] {
            let error = fakes::refused(GetUser, &context(), json!({ "user_id": wanted })).await;
            assert_eq!(error.code, "not_found");
            assert!(error.message.starts_with(&format!("No user found with ID: {wanted}")));
        }
    }
}
