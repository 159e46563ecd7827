//! `list_roles`.

use async_trait::async_trait;
use margay_domain::{role::Role, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::role_object::RoleObject;
use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Lists roles.
pub(crate) struct ListRoles;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Part of the name, in any case.
    contains: Option<String>,
    /// The whole name; the other filters then do not count.
    name: Option<String>,
    /// Ids of roles. Default: all.
    role_ids: Option<Vec<String>>,
    /// By name; default asc.
    #[schemars(extend("enum" = ["asc", "desc"]))]
    sort_dir: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    roles: Vec<RoleObject>,
    total_roles: usize,
}

#[async_trait]
impl TypedTool for ListRoles {
    const NAME: &'static str = "list_roles";
    const TITLE: &'static str = "List roles";
    const DESCRIPTION: &'static str = "Lists the roles of this server with their permissions (API names) and log-type access. Everybody has exactly one. All that match are returned at once.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::UserRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let descending = match arguments::optional(input.sort_dir) {
            Some(direction) => arguments::word("sort_dir", &direction, &["asc", "desc"], |word| word)? == "desc",
            None => false,
        };
        let name = arguments::optional(input.name);
        let part = arguments::optional(input.contains).map(|part| part.to_lowercase());
        let ids = arguments::list(input.role_ids);
        let matches = |role: &Role| match &name {
            Some(name) => role.name == *name,
            None => {
                part.as_ref().is_none_or(|part| role.name.to_lowercase().contains(part))
                    && (ids.is_empty() || ids.iter().any(|id| id == role.id.as_str()))
            }
        };
        let mut roles = context.ports.roles.list().await?;
        roles.retain(matches);
        roles.sort_by(|left, right| left.name.cmp(&right.name));
        if descending {
            roles.reverse();
        }
        Ok(Output { total_roles: roles.len(), roles: roles.iter().map(RoleObject::new).collect() })
    }

    fn rows(output: &Output) -> Option<u64> {
        u64::try_from(output.total_roles).ok()
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::role::{BuiltInRole, LogTypeAccess};
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::{self, World};

    async fn names(arguments: Value) -> Vec<String> {
        let mut world = World::new();
        world.roles = BuiltInRole::ALL.map(|role| role.role(fakes::now())).to_vec();
        let answer = fakes::call(ListRoles, &world.context(), arguments).await.unwrap();
        fakes::texts(&answer["roles"], "name")
    }

    #[tokio::test]
    async fn roles_are_listed_and_filtered() {
        assert_eq!(names(json!({})).await, ["Admin", "Analyst", "AnalystReadOnly"]);
        assert_eq!(names(json!({ "sort_dir": "DESC" })).await, ["AnalystReadOnly", "Analyst", "Admin"]);
        assert_eq!(names(json!({ "contains": "analyst" })).await, ["Analyst", "AnalystReadOnly"]);
        assert_eq!(names(json!({ "name": "Analyst", "contains": "x" })).await, ["Analyst"]);
        assert_eq!(names(json!({ "role_ids": ["Admin"], "name": null })).await, ["Admin"]);
    }

    #[tokio::test]
    async fn log_type_access_is_told() {
        let mut world = World::new();
        let log_types = LogTypeAccess::Allow(vec!["AWS.CloudTrail".to_owned()]);
        world.roles = vec![Role { log_types, ..BuiltInRole::AnalystReadOnly.role(fakes::now()) }];
        let answer = fakes::call(ListRoles, &world.context(), json!({})).await.unwrap();
        assert_eq!(answer["roles"][0]["logTypeAccessKind"], "ALLOW");
        assert_eq!(answer["roles"][0]["logTypeAccess"], json!(["AWS.CloudTrail"]));
        assert_eq!(answer["roles"][0]["permissions"][0], "AlertRead");
    }

    #[tokio::test]
    async fn a_bad_direction_is_refused() {
        let error = fakes::refused(ListRoles, &World::new().context(), json!({ "sort_dir": "up" })).await;
        assert_eq!(error.message, "Invalid sort_dir 'up'. Must be one of: asc, desc");
    }
}
