//! `POST /oauth/revoke`: a client gives a token back (RFC 7009, row OX1).

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use margay_domain::{
    grant::RevocationReason,
    id::GrantId,
    ports::{StoreResult, TokenVerifier as _},
    principal::Origin,
    secret::{Secret, SecretKind},
};

use crate::{error::EndpointError, oauth::OAuth, params::Params, response::no_store};

/// The largest body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// Ends the grant of a refresh or access token. Access tokens are not stored, so giving one back ends its grant, too
/// (RFC 7009 section 2.1 allows it). Unknown tokens and those of other clients are answered alike: 200, nothing done.
pub(crate) async fn revoke(
    State(oauth): State<Arc<OAuth>>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, EndpointError> {
    let origin = origin.map(|Extension(origin)| origin).unwrap_or_default();
    let params = Params::from_form(&headers, body)?;
    params.check_duplicates(&[])?;
    let client = oauth.calling_client(&headers, &params).await?;
    // token_type_hint is only a hint: what a token is shows in its form.
    let token = params.one("token")?.ok_or(EndpointError::InvalidRequest("token is missing"))?;
    if let Some(grant) = oauth.grant_of_token(token).await?
        && let Some(principal) = oauth.ports.grants.principal(&grant).await?
        && principal.client.id == client.id
    {
        oauth.end_grant(&principal, RevocationReason::Client, &origin).await?;
    }
    Ok(no_store(StatusCode::OK))
}

impl OAuth {
    /// The grant behind a token, if it is one of ours.
    async fn grant_of_token(&self, token: &str) -> StoreResult<Option<GrantId>> {
        if let Some(refresh) = Secret::parse(SecretKind::Refresh, token) {
            let stored = self.ports.grants.refresh_token(&refresh.hash()).await?;
            return Ok(stored.map(|stored| stored.grant_id));
        }
        Ok(self.verify(token, self.ports.clock.now()).ok().map(|verified| verified.grant_id))
    }
}
