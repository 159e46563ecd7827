//! `get_role`.

use async_trait::async_trait;
use margay_domain::{id::RoleId, role::Role, rules::Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::role_object::RoleObject;
use crate::{
    arguments,
    tool::{Requirement, ToolContext, ToolError, TypedTool},
};

/// Shows one role.
pub(crate) struct GetRole;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An id or a name, for example Admin.
    #[schemars(length(min = 1))]
    role_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    role: RoleObject,
}

#[async_trait]
impl TypedTool for GetRole {
    const NAME: &'static str = "get_role";
    const TITLE: &'static str = "Get a role";
    const DESCRIPTION: &'static str =
        "Shows one role by id or name, with its permissions (API names) and log-type access. list_roles shows all.";
    const REQUIRES: Requirement = Requirement::All(&[Permission::UserRead]);
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, input: Input) -> Result<Output, ToolError> {
        let wanted = arguments::required("role_id", &input.role_id)?;
        let role = find(context, wanted).await?.ok_or_else(|| {
            ToolError::not_found(format!(
                "No role found with ID: {}. list_roles shows ids and names.",
                arguments::shown(wanted)
            ))
        })?;
        Ok(Output { role: RoleObject::new(&role) })
    }

    fn rows(_output: &Output) -> Option<u64> {
        Some(1)
    }
}

async fn find(context: &ToolContext, wanted: &str) -> Result<Option<Role>, ToolError> {
    let by_id = context.ports.roles.get(&RoleId::new(wanted)).await?;
    if by_id.is_some() {
        return Ok(by_id);
    }
    Ok(context.ports.roles.find_by_name(wanted).await?)
}

#[cfg(test)]
mod tests {
    use margay_domain::role::BuiltInRole;
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    #[tokio::test]
    async fn by_id_or_by_name() {
        let mut world = World::new();
        world.roles = vec![Role { id: RoleId::new("rol_1"), ..BuiltInRole::Analyst.role(fakes::now()) }];
        let context = world.context();
        for wanted in ["rol_1", "Analyst"] {
            let answer = fakes::call(GetRole, &context, json!({ "role_id": wanted })).await.unwrap();
            assert_eq!(answer["role"]["id"], "rol_1");
            assert_eq!(answer["role"]["logTypeAccessKind"], "ALLOW_ALL");
        }
        let error = fakes::refused(GetRole, &context, json!({ "role_id": "Nobody" })).await;
        assert_eq!(error.code, "not_found");
        assert!(error.message.starts_with("No role found with ID: Nobody"));
    }
}
