//! Audit events: who did what, when, from where, with what result.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{clock::Timestamp, id::AuditEventId};

/// The action of a tool call.
pub const AI_TOOL_INVOKE: &str = "AI_TOOL_INVOKE";
/// The action of reading a resource of the MCP endpoint.
pub const AI_RESOURCE_READ: &str = "AI_RESOURCE_READ";
/// The action of a sign-in.
pub const SIGN_IN: &str = "SIGN_IN";
/// The action of a decision on the consent page.
pub const MCP_AUTHORIZATION: &str = "MCP_AUTHORIZATION";
/// The action of ending a connection.
pub const REVOKE_MCP_CONNECTION: &str = "REVOKE_MCP_CONNECTION";
/// The action of a refused redirect.
pub const MCP_REDIRECT_BLOCKED: &str = "MCP_REDIRECT_BLOCKED";
/// The action of saving the Remote MCP settings.
pub const UPDATE_REMOTE_MCP_SETTINGS: &str = "UPDATE_REMOTE_MCP_SETTINGS";
/// The action of making a new key that signs access tokens.
pub const ROTATE_SIGNING_KEYS: &str = "ROTATE_SIGNING_KEYS";
/// The action of letting people authorize a client that waited for it.
pub const APPROVE_MCP_CLIENT: &str = "APPROVE_MCP_CLIENT";
/// The action of adding a person.
pub const CREATE_USER: &str = "CREATE_USER";
/// The action of changing a person.
pub const UPDATE_USER: &str = "UPDATE_USER";

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActionResult {
    /// It did what was asked.
    Succeeded,
    /// It did nothing.
    Failed,
    /// It did part of it.
    PartiallyFailed,
}

impl ActionResult {
    /// The name in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::PartiallyFailed => "PARTIALLY_FAILED",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed, Self::PartiallyFailed].into_iter().find(|r| r.as_str() == text)
    }
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user id, or a fixed word such as `command-line`.
    pub id: String,
    /// `USER` or `SYSTEM`.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// The display name.
    pub name: String,
    /// E-mail address, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Role name at the time, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActorKind {
    /// A person.
    User,
    /// The command line or the server itself.
    System,
}

impl Actor {
    /// A person.
    pub fn user(user: &crate::user::User, role: &crate::role::Role) -> Self {
        Self {
            id: user.id.to_string(),
            kind: ActorKind::User,
            name: user.display_name(),
            email: Some(user.email.clone()),
            role: Some(role.name.clone()),
        }
    }

    /// The person at the command line of the server's machine.
    pub fn command_line() -> Self {
        Self {
            id: "command-line".to_owned(),
            kind: ActorKind::System,
            name: "Command line".to_owned(),
            email: None,
            role: None,
        }
    }
}

/// One audit event. `params` and `details` never hold secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// The id; sorts by time.
    pub id: AuditEventId,
    /// When it ended.
    pub timestamp: Timestamp,
    /// What was done, for example `AI_TOOL_INVOKE`.
    pub action_name: String,
    /// The same in words.
    pub action_description: String,
    /// How it ended.
    pub action_result: ActionResult,
    /// What was asked.
    pub action_params: Value,
    /// What else is known: client, grant, duration, counts.
    pub action_details: Value,
    /// Who.
    pub actor: Actor,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<AuditError>,
    /// From where.
    #[serde(rename = "sourceIP", default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// One reason of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditError {
    /// The sentence.
    pub message: String,
}

/// What to look for. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Exactly this actor, by id or by e-mail address.
    pub actor: Option<String>,
    /// Exactly this tool (`AI_TOOL_INVOKE` only).
    pub tool: Option<String>,
    /// Exactly this result.
    pub result: Option<ActionResult>,
    /// Only events older than this one (for the next page).
    pub before: Option<AuditEventId>,
    /// At most so many, newest first.
    pub limit: u32,
}
