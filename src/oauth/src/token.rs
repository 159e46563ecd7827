//! `POST /oauth/token`: exchanges a code or a refresh token for tokens (rows OT1 to OT7).

mod code_grant;
mod refresh_grant;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, Uri},
    response::Response,
};
use margay_domain::{
    clock::Timestamp,
    grant::{RefreshToken, RevocationReason},
    principal::{Origin, Principal},
    rules::PermissionSet,
    secret::Secret,
};
use serde::Serialize;

use crate::{
    error::EndpointError,
    oauth::OAuth,
    params::Params,
    register::{AUTHORIZATION_CODE, REFRESH_TOKEN},
    response::no_store,
};

/// The largest body, in bytes (row OT1).
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// The answer (row OT4). Does not print itself.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What is in effect, always sent (row OT4): consent decides, not what the client asked for.
    scope: String,
}

/// Exchanges a code or a refresh token.
pub(crate) async fn token(
    State(oauth): State<Arc<OAuth>>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, EndpointError> {
    let origin = origin.map(|Extension(origin)| origin).unwrap_or_default();
    let params = Params::from_form(&headers, body)?;
    // Row OT1. RFC 8707 lets the resource repeat.
    params.check_duplicates(&["resource"])?;
    let grant_type = params.one("grant_type")?.ok_or(EndpointError::InvalidRequest("grant_type is missing"))?;
    let is_refresh = match grant_type {
        AUTHORIZATION_CODE => false,
        REFRESH_TOKEN => true,
        // Row OT6: no password, no client credentials, nothing implicit.
        _ => return Err(EndpointError::UnsupportedGrantType),
    };
    let client = oauth.calling_client(&headers, &params).await?;
    // Row OT7: the one resource or none. Looked at before anything is used up.
    if params.all("resource").any(|resource| !resource.is_empty() && !oauth.addresses.is_resource(resource)) {
        return Err(EndpointError::InvalidTarget(oauth.addresses.asked_by(&headers, &uri).resource.clone()));
    }
    let answer = if is_refresh {
        oauth.exchange_refresh_token(&client, &params, &origin).await?
    } else {
        oauth.exchange_code(&client, &params, &origin).await?
    };
    Ok(no_store(Json(answer)))
}

impl OAuth {
    /// Row OF5, promise 3: the person is enabled, the grant lives, and the role still covers all of it; else the
    /// grant ends here.
    async fn still_covered(&self, principal: &Principal, origin: &Origin) -> Result<(), EndpointError> {
        if !principal.user.enabled {
            self.end_grant(principal, RevocationReason::UserDisabled, origin).await?;
            return Err(EndpointError::InvalidGrant);
        }
        if principal.effective() != principal.grant.permissions {
            self.end_grant(principal, RevocationReason::RoleReduced, origin).await?;
            return Err(EndpointError::InvalidGrant);
        }
        // The configured resource may have changed since: its tokens would be refused by everybody.
        if principal.grant.resource != self.addresses.own.resource {
            return Err(EndpointError::InvalidGrant);
        }
        Ok(())
    }

    /// The refresh token as it is stored. Its idle end never lies beyond the grant's absolute one (row OF6).
    fn stored_refresh_token(&self, principal: &Principal, secret: &Secret, now: Timestamp) -> RefreshToken {
        RefreshToken {
            hash: secret.hash(),
            grant_id: principal.grant.id.clone(),
            issued_at: now,
            expires_at: now.plus(self.config.refresh_idle_lifetime).min(principal.grant.expires_at),
            superseded_at: None,
            successor: None,
            successor_used_at: None,
        }
    }

    /// The answer with a new access token, which never outlives the grant.
    fn answer(
        &self,
        principal: &Principal,
        narrowed: Option<PermissionSet>,
        refresh_token: Option<&Secret>,
        now: Timestamp,
    ) -> Result<TokenResponse, EndpointError> {
        let expires_at = now.plus(self.config.access_token_lifetime).min(principal.grant.expires_at);
        Ok(TokenResponse {
            access_token: self.sign_access_token(principal, narrowed, now, expires_at)?,
            token_type: "Bearer",
            expires_in: expires_at.since(now).as_secs(),
            refresh_token: refresh_token.map(|secret| secret.expose().to_owned()),
            scope: narrowed.unwrap_or(principal.grant.permissions).to_scope(),
        })
    }
}
