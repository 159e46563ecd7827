//! Flows: one authorization attempt of one client in one browser.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    id::{ClientId, FlowId},
    secret::SecretHash,
};

/// How long a person has to sign in and decide (row A12: at most 10 minutes).
pub const FLOW_LIFETIME: Duration = Duration::from_mins(10);

/// A validated authorization request that waits for the person's decision.
///
/// Invariant: exactly one decision. The store enforces it (`decided_at IS NULL` in the `WHERE` clause).
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
    /// The browser in which the flow began (row OP3).
    pub browser: SecretHash,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends undecided.
    pub expires_at: Timestamp,
    /// When the person decided; after that it can do nothing more.
    pub decided_at: Option<Timestamp>,
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
