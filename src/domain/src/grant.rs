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
    /// What was granted. Never more than the role held at the decision, and less afterwards if the person allows the
    /// same client less: its older grants are narrowed to what the newest decision selects.
    pub permissions: PermissionSet,
    /// What was granted at first, if a later decision about the same client has taken some of it away.
    pub narrowed_from: Option<PermissionSet>,
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
    /// The address from which its refresh token was last exchanged, as text; `None` before, or if it is unknown.
    pub refreshed_from: Option<String>,
    /// When and why it ended early.
    pub revoked: Option<(Timestamp, RevocationReason)>,
}

/// Where a grant is in its life. `Pending` leads to `Active`; both lead to `Revoked` or `Expired`, which are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// The person decided; the code was not exchanged yet.
    Pending,
    /// Its tokens are good.
    Active,
    /// It ended early.
    Revoked(RevocationReason),
    /// It reached its absolute end.
    Expired,
}

impl Grant {
    /// Where the grant is in its life.
    pub fn state(&self, now: Timestamp) -> GrantState {
        match (self.revoked, self.activated_at) {
            (Some((_, reason)), _) => GrantState::Revoked(reason),
            _ if now >= self.expires_at => GrantState::Expired,
            (None, None) => GrantState::Pending,
            (None, Some(_)) => GrantState::Active,
        }
    }

    /// Whether tokens of this grant are good for anything.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.state(now) == GrantState::Active
    }

    /// What was granted at first, before any later decision took something away.
    pub fn granted_at_first(&self) -> PermissionSet {
        self.narrowed_from.unwrap_or(self.permissions)
    }

    /// Whether `other` is an earlier sign-in of the same person with the same client, which this grant replaced: it
    /// holds at most what was selected for this one.
    pub fn replaces(&self, other: &Self) -> bool {
        self.id != other.id
            && self.user_id == other.user_id
            && self.client_id == other.client_id
            && (other.created_at, other.id.as_str()) < (self.created_at, self.id.as_str())
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
    /// A superseded refresh token was presented whose successor had been used: somebody has a copy (row OF1).
    RefreshReuse,
    /// A used code was presented again (row OC3).
    CodeReuse,
    /// The role no longer covers what was granted (row OF5).
    RoleReduced,
    /// The person was disabled.
    UserDisabled,
    /// The password was reset, which is done when somebody else may know the old one (row OF6).
    PasswordReset,
    /// The person connected the client again and selected nothing of what this grant held.
    Replaced,
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
            Self::PasswordReset => "password_reset",
            Self::Replaced => "replaced",
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
            Self::PasswordReset,
            Self::Replaced,
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
            Self::PasswordReset => "Your password was reset. Reconnect to go on.",
            Self::Replaced => "You connected the client again, with other permissions.",
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

/// Where a code is in its life. `Fresh` leads to `Used` or `Over`, which are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// It can be exchanged.
    Fresh,
    /// It was exchanged, or tried with the wrong verifier. Presented again, it is a replay (row OC3).
    Used,
    /// Its time has passed unused.
    Over,
}

impl AuthorizationCode {
    /// Where the code is in its life.
    pub fn state(&self, now: Timestamp) -> CodeState {
        match self.consumed_at {
            Some(_) => CodeState::Used,
            None if now >= self.expires_at => CodeState::Over,
            None => CodeState::Fresh,
        }
    }
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
    /// When the successor was exchanged itself; until then nobody is known to have received it.
    pub successor_used_at: Option<Timestamp>,
}

/// Where a refresh token is in its life. `Current` leads to `Superseded` or `Over`, `Superseded` to `Replayed` or
/// `Over`, `Over` to `Replayed` if the successor is used later; `Replayed` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// It can be exchanged.
    Current,
    /// It was exchanged moments ago, or its successor was never used: an answer got lost, or another window of the
    /// client is late. Presented again, it gets the same successor (row OF2).
    Superseded,
    /// It was exchanged longer ago than that, and the successor was used. Presented again, it betrays a copy (row OF1).
    Replayed,
    /// Its time has passed unused.
    Over,
}

impl RefreshToken {
    /// Where the token is in its life, with this much `grace`.
    pub fn state(&self, now: Timestamp, grace: Duration) -> RefreshState {
        match self.superseded_at {
            // A copy stays a copy, also when the token's own time has passed.
            Some(at) if self.successor_used_at.is_some() && now.since(at) > grace => RefreshState::Replayed,
            _ if now >= self.expires_at => RefreshState::Over,
            Some(_) => RefreshState::Superseded,
            None => RefreshState::Current,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(45);
    const ALL: [i64; 9] = [0, 9, 10, 11, 55, 56, 99, 100, 500];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn grant() -> Grant {
        Grant {
            id: GrantId::new("grt_1"),
            user_id: UserId::new("usr_1"),
            client_id: ClientId::new("mcp_1"),
            permissions: PermissionSet::EMPTY,
            narrowed_from: None,
            resource: String::new(),
            redirect_uri: String::new(),
            created_at: at(0),
            activated_at: None,
            expires_at: at(100),
            last_used_at: None,
            refreshed_from: None,
            revoked: None,
        }
    }

    #[test]
    fn a_newer_grant_replaces_older_ones_of_the_same_person_and_client() {
        let (old, new) = (grant(), Grant { id: GrantId::new("grt_2"), created_at: at(5), ..grant() });
        assert!(new.replaces(&old) && !old.replaces(&new) && !new.replaces(&new));
        let of_another = Grant { user_id: UserId::new("usr_2"), ..old.clone() };
        let with_another = Grant { client_id: ClientId::new("mcp_2"), ..old };
        assert!(!new.replaces(&of_another) && !new.replaces(&with_another));
    }

    #[test]
    fn a_grant_ends_once_and_for_all() {
        let pending = grant();
        let active = Grant { activated_at: Some(at(5)), ..grant() };
        let revoked = Grant { revoked: Some((at(10), RevocationReason::User)), ..active.clone() };
        for seconds in ALL {
            let over = seconds >= 100;
            let state = |grant: &Grant| grant.state(at(seconds));
            assert_eq!(state(&pending), if over { GrantState::Expired } else { GrantState::Pending });
            assert_eq!(state(&active), if over { GrantState::Expired } else { GrantState::Active });
            assert_eq!(state(&revoked), GrantState::Revoked(RevocationReason::User));
            assert!(!pending.is_active(at(seconds)) && !revoked.is_active(at(seconds)));
            assert_eq!(active.is_active(at(seconds)), !over);
        }
    }

    #[test]
    fn a_code_is_used_or_over() {
        let fresh = AuthorizationCode {
            hash: SecretHash::from_bytes([0; 32]),
            grant_id: GrantId::new("grt_1"),
            client_id: ClientId::new("mcp_1"),
            redirect_uri: String::new(),
            code_challenge: String::new(),
            expires_at: at(60),
            consumed_at: None,
        };
        let used = AuthorizationCode { consumed_at: Some(at(5)), ..fresh.clone() };
        for seconds in ALL {
            assert_eq!(fresh.state(at(seconds)), if seconds < 60 { CodeState::Fresh } else { CodeState::Over });
            assert_eq!(used.state(at(seconds)), CodeState::Used, "however late");
        }
    }

    #[test]
    fn a_superseded_token_becomes_a_copy() {
        let current = RefreshToken {
            hash: SecretHash::from_bytes([0; 32]),
            grant_id: GrantId::new("grt_1"),
            issued_at: at(0),
            expires_at: at(100),
            superseded_at: None,
            successor: None,
            successor_used_at: None,
        };
        let superseded =
            RefreshToken { superseded_at: Some(at(10)), successor_used_at: Some(at(11)), ..current.clone() };
        for seconds in ALL {
            let over = seconds >= 100;
            assert_eq!(
                current.state(at(seconds), GRACE),
                if over { RefreshState::Over } else { RefreshState::Current }
            );
            let expected = if seconds <= 55 { RefreshState::Superseded } else { RefreshState::Replayed };
            assert_eq!(superseded.state(at(seconds), GRACE), expected, "{seconds}");
        }
        let late = RefreshToken { superseded_at: Some(at(90)), successor_used_at: Some(at(91)), ..current };
        assert_eq!(late.state(at(100), GRACE), RefreshState::Over, "within the grace, but its time has passed");
    }

    #[test]
    fn a_superseded_token_whose_successor_was_never_used_is_no_copy() {
        let unused = RefreshToken {
            hash: SecretHash::from_bytes([0; 32]),
            grant_id: GrantId::new("grt_1"),
            issued_at: at(0),
            expires_at: at(100),
            superseded_at: Some(at(10)),
            successor: Some(SecretHash::from_bytes([1; 32])),
            successor_used_at: None,
        };
        for seconds in ALL.into_iter().filter(|seconds| *seconds >= 10) {
            let expected = if seconds < 100 { RefreshState::Superseded } else { RefreshState::Over };
            assert_eq!(unused.state(at(seconds), GRACE), expected, "{seconds}");
        }
    }
}
