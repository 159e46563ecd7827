//! Grants (connections), authorization codes and refresh tokens.

use std::time::Duration;

use margay_rules::PermissionSet;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{ClientId, GrantId, UserId},
    secret::SecretHash,
};

/// How long a code lives (row OC1).
pub const CODE_LIFETIME: Duration = Duration::from_mins(1);

/// A person's standing consent to one client. Called a connection in the UI.
///
/// Life: created by the decision (not yet active), active from the code exchange
/// on, ended by revocation or expiry. An ended grant never becomes active again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The id; it stands in access tokens.
    pub id: GrantId,
    /// Who consented.
    pub user_id: UserId,
    /// To which client.
    pub client_id: ClientId,
    /// What was granted. Never more than the role held at the decision.
    pub permissions: PermissionSet,
    /// The resource the tokens are for.
    pub resource: String,
    /// Where the code was sent; shown on the connections page.
    pub redirect_uri: String,
    /// When the person decided.
    pub created_at: Timestamp,
    /// When the code was exchanged; `None` while that is outstanding.
    pub activated_at: Option<Timestamp>,
    /// The absolute end.
    pub expires_at: Timestamp,
    /// The last tool call or refresh.
    pub last_used_at: Option<Timestamp>,
    /// When and why it ended early.
    pub revoked: Option<(Timestamp, RevocationReason)>,
}

impl Grant {
    /// Whether tokens of this grant are good for anything.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.activated_at.is_some() && self.revoked.is_none() && now < self.expires_at
    }
}

/// Why a grant ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// The person ended it on the connections page.
    User,
    /// An admin ended it.
    Admin,
    /// The client gave its token back (RFC 7009).
    Client,
    /// A superseded refresh token was presented: somebody has a copy (row OF1).
    RefreshReuse,
    /// A used code was presented again (row OC3).
    CodeReuse,
    /// The role no longer covers what was granted (row OF5).
    RoleReduced,
    /// The person was disabled.
    UserDisabled,
}

impl RevocationReason {
    /// The name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Client => "client",
            Self::RefreshReuse => "refresh_reuse",
            Self::CodeReuse => "code_reuse",
            Self::RoleReduced => "role_reduced",
            Self::UserDisabled => "user_disabled",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::User,
            Self::Admin,
            Self::Client,
            Self::RefreshReuse,
            Self::CodeReuse,
            Self::RoleReduced,
            Self::UserDisabled,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == text)
    }

    /// One sentence for the connections page.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::User => "You disconnected it.",
            Self::Admin => "An admin disconnected it.",
            Self::Client => "The client signed out.",
            Self::RefreshReuse => "An old token was used again, so somebody may have a copy. Reconnect to go on.",
            Self::CodeReuse => "A sign-in code was used twice, so somebody may have a copy. Reconnect to go on.",
            Self::RoleReduced => "Your role no longer covers what you granted. Reconnect to choose again.",
            Self::UserDisabled => "The account was disabled.",
        }
    }
}

/// An authorization code as stored (rows OC1, OC2).
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    /// Its hash.
    pub hash: SecretHash,
    /// The grant it activates.
    pub grant_id: GrantId,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// The S256 challenge.
    pub code_challenge: String,
    /// Its end.
    pub expires_at: Timestamp,
    /// When it was used.
    pub consumed_at: Option<Timestamp>,
}

/// A refresh token as stored.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Its hash.
    pub hash: SecretHash,
    /// Its family, which is the grant.
    pub grant_id: GrantId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends unused.
    pub expires_at: Timestamp,
    /// When it was exchanged for a successor.
    pub superseded_at: Option<Timestamp>,
    /// The successor's hash.
    pub successor: Option<SecretHash>,
}
