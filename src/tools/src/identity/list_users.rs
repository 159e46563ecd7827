//! `list_users`.

use async_trait::async_trait;
use margay_domain::{rules::Permission, user::User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::user_object::{RoleNames, UserObject};
use crate::{
    arguments, cursor,
    page::{self, After},
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists people.
pub(crate) struct ListUsers;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Part of the e-mail address or of the name, in any case.
    contains: Option<String>,
    /// Default 60.
    #[schemars(range(min = 1, max = 60))]
    limit: Option<i64>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    users: Vec<UserObject>,
    /// On all pages.
    total_users: usize,
    returned: usize,
    has_next_page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What was asked; a cursor is bound to it.
#[derive(Serialize)]
struct Filter {
    contains: Option<String>,
}

#[async_trait]
impl TypedTool for ListUsers {
    const NAME: &'static str = "list_users";
    const TITLE: &'static str = "List users";
    const DESCRIPTION: &'static str = "Lists the people of this server with their role, by e-mail address, 60 per page. The ids are those of alert assignees and comment authors. Next: get_role for what a role may do.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::UserRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let limit = usize::from(arguments::number("limit", input.limit, 60, 1..=60)?);
        let filter = Filter { contains: arguments::optional(input.contains).map(|part| part.to_lowercase()) };
        let after = arguments::optional(input.cursor)
            .map(|cursor| cursor::open::<After>(context, Self::NAME, &filter, &cursor))
            .transpose()?;
        let roles = RoleNames::new(context.ports.roles.list().await?);
        let mut users = context.ports.users.list().await?;
        users.retain(|user| filter.matches(user));
        let total_users = users.len();
        let (users, has_next_page) = page::cut(users, email, after.as_ref(), limit);
        let next_cursor = users
            .last()
            .filter(|_| has_next_page)
            .map(|last| cursor::seal(context, Self::NAME, &filter, &After { after: last.email.clone() }))
            .transpose()?;
        Ok(Output {
            returned: users.len(),
            users: users.iter().map(|user| UserObject::new(user, &roles)).collect(),
            total_users,
            has_next_page,
            next_cursor,
        })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.returned).ok()
    }
}

impl Filter {
    fn matches(&self, user: &User) -> bool {
        self.contains
            .as_ref()
            .is_none_or(|part| user.email.contains(part) || user.display_name().to_lowercase().contains(part))
    }
}

fn email(user: &User) -> &str {
    &user.email
}

#[cfg(test)]
mod tests {
    use margay_domain::role::BuiltInRole;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn world() -> World {
        let mut world = World::new();
        world.roles = vec![BuiltInRole::Admin.role(fakes::now())];
        world.users = vec![
            fakes::user("usr_2", "bo@example.com", "gone"),
            fakes::user("usr_1", "ana@example.com", "Admin"),
            User { enabled: false, ..fakes::user("usr_3", "cy@example.com", "Admin") },
        ];
        world
    }

    #[tokio::test]
    async fn people_come_in_pages_with_their_role() {
        let context = world().context();
        let first = fakes::call(ListUsers, &context, json!({ "limit": 2 })).await.unwrap();
        assert_eq!(fakes::texts(&first["users"], "email"), ["ana@example.com", "bo@example.com"]);
        assert_eq!(first["users"][0]["role"], json!({ "id": "Admin", "name": "Admin" }));
        assert_eq!(first["users"][1]["role"], json!({ "id": "gone", "name": "gone" }));
        assert_eq!(first["total_users"], 3);
        let next = json!({ "limit": 2, "cursor": first["next_cursor"] });
        let second = fakes::call(ListUsers, &context, next).await.unwrap();
        assert_eq!(fakes::texts(&second["users"], "id"), ["usr_3"]);
        assert_eq!(second["users"][0]["enabled"], false);
        assert_eq!(second["has_next_page"], false);
    }

    #[tokio::test]
    async fn contains_narrows() {
        let answer = fakes::call(ListUsers, &world().context(), json!({ "contains": "BO@" })).await.unwrap();
        assert_eq!(fakes::texts(&answer["users"], "id"), ["usr_2"]);
        let answer = fakes::call(ListUsers, &world().context(), json!({ "contains": "ana ex" })).await.unwrap();
        assert_eq!(answer["total_users"], 3);
    }

    #[tokio::test]
    async fn a_cursor_of_another_filter_is_refused() {
        let context = world().context();
        let first = fakes::call(ListUsers, &context, json!({ "limit": 1 })).await.unwrap();
        let other = json!({ "contains": "ana", "cursor": first["next_cursor"] });
        assert_eq!(fakes::refused(ListUsers, &context, other).await.code, "invalid_argument");
        let limit = fakes::refused(ListUsers, &context, json!({ "limit": 0 })).await;
        assert_eq!(limit.message, "limit must be a whole number from 1 to 60; you sent the number 0.");
    }
}
