//! Clients, flows, grants, tokens, settings.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use margay_rules::PermissionSet;

use super::{StoreError, StoreResult};
use crate::{
    client::Client,
    clock::Timestamp,
    flow::{Decision, Flow},
    grant::{AuthorizationCode, Grant, RefreshToken, RevocationReason},
    id::{ClientId, FlowId, GrantId, UserId},
    page::ErrorPage,
    principal::{Browser, Origin, Principal, SignedIn},
    secret::SecretHash,
    settings::RemoteMcpSettings,
};

/// Clients.
#[async_trait]
pub trait Clients: Send + Sync {
    /// Adds a client. One that registered itself conflicts with an equal one, see [`Self::equal`].
    async fn create(&self, client: &Client) -> StoreResult<()>;
    /// The client that registered itself with the same name, home page, kind, grant types and redirect URIs, in
    /// whatever order; there is at most one.
    async fn equal(&self, client: &Client) -> StoreResult<Option<Client>>;
    /// By id.
    async fn get(&self, id: &ClientId) -> StoreResult<Option<Client>>;
    /// All, newest first.
    async fn list(&self) -> StoreResult<Vec<Client>>;
    /// Stores what a metadata document says: a new client, or the one of the same id with name, redirect URIs, home page,
    /// kind, grant types and freshness replaced. Approval and dates of a known client stay as they are.
    async fn put_document(&self, client: &Client) -> StoreResult<()>;
    /// Lets people authorize a client; `true` if it was waiting for that. One statement.
    async fn approve(&self, id: &ClientId) -> StoreResult<bool>;
    /// How many clients came by themselves and were never authorized by anybody.
    async fn count_unused(&self) -> StoreResult<u64>;
    /// Notes an authorization.
    async fn authorized(&self, id: &ClientId, at: Timestamp) -> StoreResult<()>;
    /// Removes clients registered before `before` that nobody ever authorized; how many.
    async fn collect_unused(&self, before: Timestamp) -> StoreResult<u64>;
    /// Removes clients whose last connection ended before `before`, with their ended connections; how many clients.
    /// Those that an admin added stay.
    async fn collect_ended(&self, before: Timestamp) -> StoreResult<u64>;
    /// Removes the client that has waited longest to be authorized for the first time, of those that registered before
    /// `before` and that nobody is about to authorize at `now` (it has no open flow); whether there was one.
    async fn evict_unused(&self, before: Timestamp, now: Timestamp) -> StoreResult<bool>;
}

/// Flows.
#[async_trait]
pub trait Flows: Send + Sync {
    /// Stores a new flow.
    async fn create(&self, flow: &Flow) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &FlowId) -> StoreResult<Option<Flow>>;
    /// Decides it without a grant; `false` if it was decided already or is over. One statement (row A12: single use).
    async fn decide(&self, id: &FlowId, decision: &Decision) -> StoreResult<bool>;
    /// Decides it and stores the grant (not yet active) with its code, in one transaction: all or nothing. Every other
    /// grant of this person to this client that has not ended is narrowed to what the new one holds, and ended if
    /// nothing is left; the answer says which. `None` if the flow was decided already or is over.
    async fn allow(
        &self,
        id: &FlowId,
        decision: &Decision,
        grant: &Grant,
        code: &AuthorizationCode,
    ) -> StoreResult<Option<Vec<ReplacedGrant>>>;
    /// Notes that the audit event of the decision is on disk.
    async fn recorded(&self, id: &FlowId) -> StoreResult<()>;
    /// Removes flows that ended before `before`; how many.
    async fn collect(&self, before: Timestamp) -> StoreResult<u64>;
}

/// What a new decision left of an older grant of the same person to the same client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedGrant {
    /// The older grant.
    pub id: GrantId,
    /// What it held until now.
    pub before: PermissionSet,
    /// What it holds now; empty if it ended.
    pub after: PermissionSet,
}

/// What became of a presented code.
#[derive(Clone, Debug)]
pub enum CodeRedemption {
    /// It was fresh and is used now; the caller still has to check client, redirect URI and verifier.
    Fresh(AuthorizationCode),
    /// It had been used before.
    Replayed(AuthorizationCode),
    /// Unknown, or over.
    Unknown,
}

/// What became of a presented refresh token.
#[derive(Clone, Debug)]
pub enum RefreshRotation {
    /// It was current; the successor is current now.
    Rotated,
    /// It was superseded by this very successor, moments ago or without anybody having used the successor: an answer got
    /// lost, or two of the client's processes refresh (row OF2).
    Repeated,
    /// It was superseded before the grace window, and its successor was used: somebody has a copy (row OF1).
    Reused,
    /// It was superseded by another successor than the given one; the caller's key is not the one that was
    /// used. Nothing was changed.
    Other,
    /// Unknown, over, or of an ended grant.
    Unknown,
}

/// Grants, codes and refresh tokens.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Stores a new grant (not yet active) with its code, in one transaction.
    async fn create(&self, grant: &Grant, code: &AuthorizationCode) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &GrantId) -> StoreResult<Option<Grant>>;
    /// The person, role, grant and client behind an access token, in one read. `None` if any is missing.
    /// The caller checks that the grant is active and the person enabled.
    async fn principal(&self, id: &GrantId) -> StoreResult<Option<Principal>>;
    /// A person's grants that were ever active, newest first, with their clients.
    async fn list_for_user(&self, user: &UserId) -> StoreResult<Vec<(Grant, Client)>>;
    /// Everyone's grants that were ever active, newest first, with their clients.
    async fn list_all(&self) -> StoreResult<Vec<(Grant, Client)>>;
    /// Uses up a code: `UPDATE … WHERE consumed_at IS NULL`, one row decides (row OC1).
    async fn redeem_code(&self, code: &SecretHash, now: Timestamp) -> StoreResult<CodeRedemption>;
    /// Makes the grant active and stores its first refresh token, if any. `false` if the grant has ended meanwhile.
    async fn activate(&self, id: &GrantId, refresh: Option<&RefreshToken>, now: Timestamp) -> StoreResult<bool>;
    /// Removes a grant that never became active, with its code; nothing happens to any other.
    async fn discard(&self, id: &GrantId) -> StoreResult<()>;
    /// The stored refresh token, whatever its state.
    async fn refresh_token(&self, hash: &SecretHash) -> StoreResult<Option<RefreshToken>>;
    /// Exchanges `presented` for `successor`: `UPDATE … WHERE superseded_at IS NULL`, one row decides (row OF1).
    /// Within `grace` of a first exchange, and as long as the successor was not used, the same successor is accepted
    /// again (row OF2). The grant notes `from`, the address of the exchange.
    async fn rotate(
        &self,
        presented: &SecretHash,
        successor: &RefreshToken,
        now: Timestamp,
        grace: Duration,
        from: Option<IpAddr>,
    ) -> StoreResult<RefreshRotation>;
    /// Ends a grant and all its tokens; `false` if it had ended already.
    async fn revoke(&self, id: &GrantId, reason: RevocationReason, now: Timestamp) -> StoreResult<bool>;
    /// Ends every grant of a person; how many.
    async fn revoke_all_of(&self, user: &UserId, reason: RevocationReason, now: Timestamp) -> StoreResult<u64>;
    /// Notes that a grant was used; may be skipped when the last note is younger than a minute.
    async fn used(&self, id: &GrantId, now: Timestamp) -> StoreResult<()>;
    /// Removes what has ended: never-used codes after their time, used codes and superseded refresh tokens with their
    /// grant's end (until then a replay has to be noticed, rows OC3 and OF1), and grants that never became active; how
    /// many rows.
    async fn collect(&self, now: Timestamp) -> StoreResult<u64>;
}

/// The Remote MCP settings.
#[async_trait]
pub trait Settings: Send + Sync {
    /// The current ones; the default if never saved.
    async fn remote_mcp(&self) -> StoreResult<RemoteMcpSettings>;
    /// Saves if the stored revision is `settings.revision`, and counts it up; else `Stale`. Returns the new revision.
    async fn save_remote_mcp(&self, settings: &RemoteMcpSettings) -> StoreResult<i64>;
    /// A value the server keeps for itself (the address form, a first-admin link's hash).
    async fn internal(&self, key: &str) -> StoreResult<Option<String>>;
    /// Such a value; `value` if there was none, which is stored then. Of several at once all get the same.
    async fn ensure_internal(&self, key: &str, value: &str) -> StoreResult<String>;
    /// Sets such a value.
    async fn set_internal(&self, key: &str, value: &str) -> StoreResult<()>;
    /// Removes such a value if it is `expected`; whether it was (single use).
    async fn take_internal(&self, key: &str, expected: &str) -> StoreResult<bool>;
}

/// A signing key as stored. `Debug` hides the private part.
#[derive(Clone)]
pub struct StoredSigningKey {
    /// The key id in JWT headers and in the JWKS.
    pub id: String,
    /// The Ed25519 private key, PKCS #8 DER; sealed if a master key is configured.
    pub private_der: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it no longer signs, which may lie ahead; it still verifies until its last token has expired.
    pub retired_at: Option<Timestamp>,
}

impl std::fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Keys that sign access tokens.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All, newest first.
    async fn list(&self) -> StoreResult<Vec<StoredSigningKey>>;
    /// Stores `key` if there is none that is not retired, atomically (several nodes may start at once); the one that is
    /// not retired.
    async fn ensure_current(&self, key: &StoredSigningKey) -> StoreResult<StoredSigningKey>;
    /// Retires the one that is not retired, with effect from `from`, and stores `key` in its place, in one transaction.
    async fn rotate(&self, key: &StoredSigningKey, from: Timestamp) -> StoreResult<()>;
    /// Replaces the stored form of a private key, if it is still `before`; whether it was.
    async fn reseal(&self, id: &str, before: &[u8], after: &[u8]) -> StoreResult<bool>;
    /// Removes keys that were retired before `before`; how many.
    async fn collect(&self, before: Timestamp) -> StoreResult<u64>;
}

/// What a valid access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The grant it belongs to.
    pub grant_id: GrantId,
    /// Its own id (`jti`), for the audit event.
    pub token_id: String,
    /// What it is limited to, if its scope was narrowed at a refresh.
    pub scope: Option<PermissionSet>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why an access token is refused. The client learns only `invalid_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of ours: form, type, algorithm, key or signature.
    #[error("the token is not one of this server")]
    Invalid,
    /// Past its time.
    #[error("the token has expired")]
    Expired,
    /// For another audience or from another issuer.
    #[error("the token is for another resource")]
    WrongAudience,
}

/// Checks access tokens; implemented by `oauth`, used by `mcp`.
pub trait TokenVerifier: Send + Sync {
    /// Checks signature, type, issuer, audience and time (rows R8, OX3).
    fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError>;
}

/// What the consent page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentView {
    /// The flow.
    pub flow_id: FlowId,
    /// What the client calls itself.
    pub client_name: String,
    /// Its id.
    pub client_id: ClientId,
    /// Whether nobody vouched for the name (always, for self-registered clients; row OD8).
    pub unverified: bool,
    /// The host of its metadata document, which vouches for what the client says of itself (row OI6).
    pub client_host: Option<String>,
    /// Whether all of its redirect URIs lead to programs on the person's own computer, where others could pose as it
    /// (row A6).
    pub local_only: bool,
    /// Where the code goes: host, or `scheme://` for custom schemes; shown whole (row OP4).
    pub redirect_host: String,
    /// The whole redirect URI.
    pub redirect_uri: String,
    /// Whether the code goes to a program on the person's own computer.
    pub loopback: bool,
    /// What the role holds now and a tool uses: selectable, all pre-selected.
    pub selectable: PermissionSet,
    /// What the role holds now but only the console uses: shown, never selectable.
    pub console_only: PermissionSet,
    /// What the client asked for; marked "requested".
    pub requested: PermissionSet,
    /// How long the connection lasts at most, in days.
    pub lifetime_days: u32,
    /// The connection that the person has with this client already, which allowing replaces.
    pub connected: Option<Connected>,
}

/// A connection that a person has already with the client that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected {
    /// When the newest of its sign-ins was made.
    pub since: Timestamp,
    /// What all its sign-ins together hold.
    pub permissions: PermissionSet,
}

/// Why there is no consent page.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConsentError {
    /// An error page, with status and advice.
    #[error("{}", .0.title)]
    Refused(ErrorPage),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The consent page's data; implemented by `oauth`.
#[async_trait]
pub trait ConsentPage: Send + Sync {
    /// Checks the flow, the browser binding and the redirect (against the live allowlist), and says what to show.
    /// `origin` is for the audit event of a refused redirect.
    async fn view(
        &self,
        flow: &FlowId,
        browser: &Browser,
        person: &SignedIn,
        origin: &Origin,
    ) -> Result<ConsentView, ConsentError>;
}
