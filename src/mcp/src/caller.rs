//! Who is behind an access token, read anew for every request.

use std::sync::Arc;

use margay_domain::{
    clock::Clock,
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
        let found = self.grants.principal(&verified.grant_id).await.map_err(|error| {
            tracing::error!(%error, "cannot read the grant behind an access token");
            Refusal::Unavailable
        })?;
        let Some(mut principal) = found else { return Err(Refusal::InvalidToken) };
        // Row OP6: an ended grant and a disabled person count from this very request on.
        if !principal.grant.is_active(now) || !principal.user.enabled {
            tracing::debug!(grant = %principal.grant.id, "refused the token of an ended grant or a disabled person");
            return Err(Refusal::InvalidToken);
        }
        // Row OF4: a token may be narrower than its grant, never wider.
        principal.token_scope = verified.scope;
        Ok((principal, TokenId(verified.token_id)))
    }
}
