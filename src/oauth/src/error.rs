//! Every error of the endpoints for machines, and the one mapping to JSON (rows OT5, OD3; RFC 6749 section 5.2).

use std::time::Duration;

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use margay_domain::ports::StoreError;
use serde::Serialize;

use crate::{
    params::{Duplicate, FormError},
    response::no_store,
};

/// Why registration, token or revocation endpoint refuse. The texts reach clients: plain ASCII, no quotes (row OR11).
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// The request is not well formed.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The body is not a form.
    #[error("the body must be a form: application/x-www-form-urlencoded")]
    NotAForm,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge,
    /// No, an unknown or a confidential client (rows OT2, OT3).
    #[error("{description}")]
    InvalidClient {
        /// What is wrong.
        description: &'static str,
        /// Whether the client used the `Authorization` header.
        header_used: bool,
    },
    /// The code or refresh token is good for nothing. It is not said why.
    #[error("the code or refresh token is invalid, expired, revoked or was issued to another client")]
    InvalidGrant,
    /// The client did not register the grant type.
    #[error("this client did not register the grant type refresh_token")]
    UnauthorizedClient,
    /// A grant type that is not offered (row OT6).
    #[error("the grant type must be authorization_code or refresh_token")]
    UnsupportedGrantType,
    /// More than was granted (row OF4).
    #[error("the scope has characters that no scope has, or more than was granted")]
    InvalidScope,
    /// Another resource (row OT7).
    #[error("tokens are issued for the resource of this server only")]
    InvalidTarget,
    /// A redirect URI that cannot be registered (row OD3).
    #[error("{0}")]
    InvalidRedirectUri(&'static str),
    /// Other client metadata that cannot be registered (row OD3).
    #[error("{0}")]
    InvalidClientMetadata(&'static str),
    /// Too many registrations from one address (row OD7).
    #[error("too many registrations from this address, try again later")]
    TooManyRequests {
        /// When to try again.
        retry_after: Duration,
    },
    /// So many clients are registered and unused that no more is taken (row OD7).
    #[error("too many clients are registered here and were never used, try again later")]
    TooManyClients,
    /// Storage failed.
    #[error("the server cannot answer now, try again in a moment")]
    Store(#[from] StoreError),
    /// The access token could not be signed.
    #[error("the server could not sign a token")]
    Signing,
}

/// The body.
#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: String,
}

impl EndpointError {
    /// The code on the wire (rows OT5, OD3).
    const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::NotAForm | Self::TooLarge => "invalid_request",
            Self::InvalidClient { .. } => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidRedirectUri(_) => "invalid_redirect_uri",
            Self::InvalidClientMetadata(_) => "invalid_client_metadata",
            Self::TooManyRequests { .. } | Self::TooManyClients | Self::Store(_) => "temporarily_unavailable",
            Self::Signing => "server_error",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient { .. } => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) | Self::TooManyClients => StatusCode::SERVICE_UNAVAILABLE,
            Self::Signing => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<Duplicate> for EndpointError {
    fn from(_: Duplicate) -> Self {
        Self::InvalidRequest("a parameter was sent more than once")
    }
}

impl From<FormError> for EndpointError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::NotAForm => Self::NotAForm,
            FormError::TooLarge => Self::TooLarge,
            FormError::Unreadable => Self::InvalidRequest("the body could not be read"),
        }
    }
}

impl IntoResponse for EndpointError {
    fn into_response(self) -> Response {
        if let Self::Store(error) = &self {
            tracing::error!(%error, "store failed under an OAuth endpoint");
        }
        let body = Body { error: self.code(), error_description: self.to_string() };
        let mut response = no_store((self.status(), Json(body)));
        let headers = response.headers_mut();
        if let Self::InvalidClient { header_used: true, .. } = self {
            // Row OT2: only if the header was used, so that browsers do not ask people for a password.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"margay\""));
        }
        if let Self::TooManyRequests { retry_after } = self {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::{CACHE_CONTROL, PRAGMA};

    use super::*;

    #[test]
    fn ot5_errors_have_status_and_are_never_stored() {
        let response = EndpointError::InvalidGrant.into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[PRAGMA], "no-cache");
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    }

    #[test]
    fn ot2_a_challenge_only_for_those_who_used_the_header() {
        let response = |header_used| {
            EndpointError::InvalidClient { description: "unknown", header_used }
                .into_response()
                .headers()
                .contains_key(WWW_AUTHENTICATE)
        };
        assert!(response(true));
        assert!(!response(false));
    }

    #[test]
    fn no_text_from_below_reaches_a_client() {
        let error = EndpointError::from(StoreError::Unavailable("postgres://user:password@host".to_owned()));
        assert_eq!(error.to_string(), "the server cannot answer now, try again in a moment");
        assert_eq!(error.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
