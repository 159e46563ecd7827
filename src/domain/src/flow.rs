//! Flows: one authorization attempt of one client in one browser.

use std::time::Duration;

use margay_rules::PermissionSet;

use crate::{
    clock::Timestamp,
    grant::CODE_LIFETIME,
    id::{ClientId, FlowId, UserId},
    secret::SecretHash,
};

/// How long a person has to sign in and decide (row A12: at most 10 minutes).
pub const FLOW_LIFETIME: Duration = Duration::from_mins(10);

/// A validated authorization request that waits for the person's decision.
///
/// Invariant: exactly one decision. The store enforces it (`decided_at IS NULL` in the `WHERE` clause). The same
/// decision once more changes nothing and gets the same answer, while that can be of use ([`Decision::repeats`]).
#[derive(Clone, Debug)]
pub struct Flow {
    /// The id; not a secret: the browser binding is.
    pub id: FlowId,
    /// The client that asked.
    pub client_id: ClientId,
    /// Where the code goes; matched against the registration already.
    pub redirect_uri: String,
    /// The client's `state`, returned as it came.
    pub state: Option<String>,
    /// The S256 challenge (RFC 7636).
    pub code_challenge: String,
    /// What the client asked for, as it came; empty if it asked for nothing.
    pub scope: String,
    /// The resource the tokens are for (RFC 8707).
    pub resource: String,
    /// The issuer under the name by which the client found it, if that is another than the configured one: a loopback
    /// server has several. It goes back as `iss` (RFC 9207).
    pub issuer: Option<String>,
    /// The browser in which the flow began (row OP3).
    pub browser: SecretHash,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends undecided.
    pub expires_at: Timestamp,
    /// When the person decided; after that it can do nothing more.
    pub decided_at: Option<Timestamp>,
    /// What was decided; `None` for an open flow, and for one that a version decided which did not keep it.
    pub decision: Option<Decision>,
}

/// A person's decision about a flow. It is kept so that a second click finds the way that the first one was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who decided.
    pub by: UserId,
    /// What.
    pub answer: Answer,
    /// Whether the audit event of the decision is on disk. Until then nobody is sent on.
    pub recorded: bool,
}

/// What a person answers to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These permissions.
    Allow {
        /// What was selected.
        permissions: PermissionSet,
        /// The hash of the code that the client gets.
        code: SecretHash,
    },
    /// Nothing.
    Deny,
}

impl Decision {
    /// Whether the same person, who allows `allowed` (or denies, if it is `None`) at `now`, repeats this decision while
    /// its code lives (row OC1: a minute).
    pub fn repeats(&self, by: &UserId, allowed: Option<PermissionSet>, now: Timestamp) -> bool {
        let same = match self.answer {
            Answer::Allow { permissions, .. } => allowed == Some(permissions),
            Answer::Deny => allowed.is_none(),
        };
        same && self.by == *by && now < self.at.plus(CODE_LIFETIME)
    }
}

/// Where a flow is in its life. `Open` leads to `Decided` or `Over`, which are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowState {
    /// The person can decide.
    Open,
    /// The person decided.
    Decided,
    /// Nobody decided in time.
    Over,
}

impl Flow {
    /// Where the flow is in its life.
    pub fn state(&self, now: Timestamp) -> FlowState {
        match self.decided_at {
            Some(_) => FlowState::Decided,
            None if now >= self.expires_at => FlowState::Over,
            None => FlowState::Open,
        }
    }

    /// Whether a decision is still possible.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state(now) == FlowState::Open
    }
}

#[cfg(test)]
mod tests {
    use margay_rules::Permission;

    use super::*;

    #[test]
    fn only_the_same_decision_of_the_same_person_within_the_minute_repeats() {
        let one: PermissionSet = [Permission::AlertRead].into_iter().collect();
        let two: PermissionSet = [Permission::AlertRead, Permission::RuleRead].into_iter().collect();
        let (ana, bo) = (UserId::new("usr_ana"), UserId::new("usr_bo"));
        let at = Timestamp::from_seconds;
        let answer = Answer::Allow { permissions: one, code: SecretHash::from_bytes([1; 32]) };
        let allowed = Decision { at: at(100), by: ana.clone(), answer, recorded: true };
        assert!(allowed.repeats(&ana, Some(one), at(100)) && allowed.repeats(&ana, Some(one), at(159)));
        assert!(!allowed.repeats(&ana, Some(one), at(160)), "the code is over");
        assert!(!allowed.repeats(&ana, Some(two), at(101)) && !allowed.repeats(&ana, None, at(101)));
        assert!(!allowed.repeats(&bo, Some(one), at(101)), "somebody else");
        let denied = Decision { answer: Answer::Deny, ..allowed };
        assert!(denied.repeats(&ana, None, at(101)) && !denied.repeats(&ana, Some(one), at(101)));
    }
}
