//! A role as the tools show it, with the field names of the API.

use margay_domain::role::{LogTypeAccess, Role};
use schemars::JsonSchema;
use serde::Serialize;

// Doc comments become part of each schema and cost a model's context: none on what speaks for itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleObject {
    id: String,
    name: String,
    permissions: Vec<&'static str>,
    log_type_access_kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_type_access: Vec<String>,
    created_at: String,
    updated_at: String,
}

impl RoleObject {
    pub(crate) fn new(role: &Role) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.name.clone(),
            permissions: role.permissions.api_names(),
            log_type_access_kind: role.log_types.kind(),
            log_type_access: listed(&role.log_types),
            created_at: role.created_at.to_rfc3339(),
            updated_at: role.updated_at.to_rfc3339(),
        }
    }
}

/// The log types that the access names; empty for those that name none.
pub(crate) fn listed(access: &LogTypeAccess) -> Vec<String> {
    match access {
        LogTypeAccess::Allow(listed) | LogTypeAccess::Deny(listed) => listed.clone(),
        LogTypeAccess::AllowAll | LogTypeAccess::DenyAll => Vec::new(),
    }
}
