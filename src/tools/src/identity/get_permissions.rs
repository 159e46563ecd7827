//! `get_permissions`.

use async_trait::async_trait;
use margay_domain::rules::PermissionSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::role_object;
use crate::tool::{Requirement, ToolContext, ToolError, TypedTool};

/// Tells what this connection may do now.
pub(crate) struct GetPermissions;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Output {
    permissions: Vec<PermissionObject>,
    /// Granted, but no longer held.
    no_longer_in_role: Vec<PermissionObject>,
    /// Granted and held, but not in the token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_in_token: Vec<PermissionObject>,
    user_email: String,
    role: String,
    client: String,
    connection_expires_at: String,
    log_type_access: LogTypes,
}

#[derive(Serialize, JsonSchema)]
struct PermissionObject {
    name: &'static str,
    title: &'static str,
}

/// Which log types queries and events may show.
#[derive(Serialize, JsonSchema)]
struct LogTypes {
    /// ALLOW_ALL, ALLOW, DENY or DENY_ALL.
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_types: Vec<String>,
}

#[async_trait]
impl TypedTool for GetPermissions {
    const NAME: &'static str = "get_permissions";
    const TITLE: &'static str = "Get permissions";
    const DESCRIPTION: &'static str = "Tells for whom you act, with which permissions now, and until when. Call it when a tool is missing or refuses. Permissions are what the person granted and the role still holds; for more the person has to connect again.";
    const REQUIRES: Requirement = Requirement::Nothing;
    type Input = Input;
    type Output = Output;

    async fn run(context: &ToolContext, _input: Input) -> Result<Output, ToolError> {
        let principal = &context.principal;
        let effective = principal.effective();
        let lost = principal.grant.permissions.difference(principal.role.permissions);
        let narrowed = principal.grant.permissions.difference(lost).difference(effective);
        Ok(Output {
            permissions: objects(effective),
            no_longer_in_role: objects(lost),
            not_in_token: if principal.token_scope.is_some() { objects(narrowed) } else { Vec::new() },
            user_email: principal.user.email.clone(),
            role: principal.role.name.clone(),
            client: principal.client.display_name().to_owned(),
            connection_expires_at: principal.grant.expires_at.to_rfc3339(),
            log_type_access: LogTypes {
                kind: principal.role.log_types.kind(),
                log_types: role_object::listed(&principal.role.log_types),
            },
        })
    }
}

fn objects(permissions: PermissionSet) -> Vec<PermissionObject> {
    permissions
        .iter()
        .map(|permission| PermissionObject { name: permission.api_name(), title: permission.title() })
        .collect()
}

#[cfg(test)]
mod tests {
    use margay_domain::{role::LogTypeAccess, rules::Permission};
    use serde_json::json;

    use super::*;
    use crate::fakes::{self, World};

    fn set(permissions: &[Permission]) -> PermissionSet {
        permissions.iter().copied().collect()
    }

    #[tokio::test]
    async fn it_tells_what_is_in_effect_and_what_was_lost() {
        let world = World {
            granted: set(&[Permission::AlertRead, Permission::RuleRead, Permission::UserRead]),
            held: set(&[Permission::AlertRead, Permission::RuleRead, Permission::LookupRead]),
            token_scope: Some(set(&[Permission::AlertRead])),
            log_types: LogTypeAccess::Deny(vec!["Okta.SystemLog".to_owned()]),
            ..World::new()
        };
        let answer = fakes::call(GetPermissions, &world.context(), json!({})).await.unwrap();
        assert_eq!(
            answer,
            json!({
                "permissions": [{ "name": "AlertRead", "title": "Read Alerts" }],
                "no_longer_in_role": [{ "name": "UserRead", "title": "Read User Info" }],
                "not_in_token": [{ "name": "RuleRead", "title": "View Rules" }],
                "user_email": "ana@example.com",
                "role": "Analyst",
                "client": "Test client",
                "connection_expires_at": "2026-03-11T12:00:00.000Z",
                "log_type_access": { "kind": "DENY", "log_types": ["Okta.SystemLog"] },
            })
        );
    }

    #[tokio::test]
    async fn it_takes_no_arguments() {
        let error = fakes::refused(GetPermissions, &World::new().context(), json!({ "user": "x" })).await;
        assert_eq!(error.code, "invalid_argument");
    }
}
