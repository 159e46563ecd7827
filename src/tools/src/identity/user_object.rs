//! A person as the tools show it, with the field names of the API.

use std::collections::BTreeMap;

use margay_domain::{clock::Timestamp, role::Role, user::User};
use schemars::JsonSchema;
use serde::Serialize;

// Doc comments become part of each schema and cost a model's context: none on what speaks for itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserObject {
    id: String,
    email: String,
    given_name: String,
    family_name: String,
    enabled: bool,
    role: RoleRef,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_logged_in_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct RoleRef {
    id: String,
    name: String,
}

impl UserObject {
    pub(crate) fn new(user: &User, roles: &RoleNames) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.clone(),
            given_name: user.given_name.clone(),
            family_name: user.family_name.clone(),
            enabled: user.enabled,
            role: RoleRef { id: user.role_id.to_string(), name: roles.name(user.role_id.as_str()) },
            created_at: user.created_at.to_rfc3339(),
            last_logged_in_at: user.last_signed_in_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// The names of roles by id.
pub(crate) struct RoleNames(BTreeMap<String, String>);

impl RoleNames {
    pub(crate) fn new(roles: Vec<Role>) -> Self {
        Self(roles.into_iter().map(|role| (role.id.into_string(), role.name)).collect())
    }

    /// The name, or the id of a role that is gone.
    fn name(&self, id: &str) -> String {
        self.0.get(id).map_or(id, String::as_str).to_owned()
    }
}
