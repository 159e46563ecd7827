//! Who is behind an access token, read anew for every request.

use std::sync::Arc;

use margay_domain::{
    clock::{Clock, Timestamp},
    id::GrantId,
    ports::{Grants, TokenVerifier},
    principal::Principal,
};

use crate::refusal::Refusal;

/// The id of the presented access token (`jti`), for the audit event. Travels in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenId(pub(crate) String);

/// Finds the caller.
pub(crate) struct Callers {
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) grants: Arc<dyn Grants>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Callers {
    /// The person, role and grant behind `token`, as they are now (promise 1; rows R4, R8).
    ///
    /// Every reason to refuse looks the same from outside. Storage that does not answer is no reason to throw the
    /// token away: the client is told to come again.
    pub(crate) async fn identify(&self, token: &str) -> Result<(Principal, TokenId), Refusal> {
        let now = self.clock.now();
        let verified = self.verifier.verify(token, now).map_err(|error| {
            tracing::debug!(%error, "refused an access token");
            Refusal::InvalidToken
        })?;
        let mut principal = self.current(&verified.grant_id).await?;
        // Row OF4: a token may be narrower than its grant, never wider.
        principal.token_scope = verified.scope;
        Ok((principal, TokenId(verified.token_id)))
    }

    /// The caller as they are now, for a later message of the same request.
    pub(crate) async fn again(&self, before: &Principal) -> Result<Principal, Refusal> {
        let mut principal = self.current(&before.grant.id).await?;
        principal.token_scope = before.token_scope;
        Ok(principal)
    }

    async fn current(&self, grant: &GrantId) -> Result<Principal, Refusal> {
        let now = self.clock.now();
        let found = self.grants.principal(grant).await.map_err(|error| {
            tracing::error!(%error, "cannot read the grant behind an access token");
            Refusal::Unavailable
        })?;
        let Some(principal) = found else { return Err(Refusal::InvalidToken) };
        // Row OP6: an ended grant and a disabled person count from this very request on.
        if !is_usable(&principal, now) {
            tracing::debug!(grant = %principal.grant.id, "refused the token of an ended grant or a disabled person");
            return Err(Refusal::InvalidToken);
        }
        Ok(principal)
    }

    /// Whether a connection still is one. Storage that does not answer is no reason to end anything.
    pub(crate) async fn is_alive(&self, grant: &GrantId) -> bool {
        match self.grants.principal(grant).await {
            Ok(found) => found.is_some_and(|principal| is_usable(&principal, self.clock.now())),
            Err(error) => {
                tracing::warn!(%error, "cannot look whether a connection still is one");
                true
            }
        }
    }
}

fn is_usable(principal: &Principal, now: Timestamp) -> bool {
    principal.grant.is_active(now) && principal.user.enabled
}
