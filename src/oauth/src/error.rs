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
    /// A refresh token that was replaced by one that has been used since (row OF1).
    #[error(
        "this refresh token was replaced by a newer one, which has been used: the connection has ended because there may \
         be a copy of the token. Discard all tokens and ask for authorization again"
    )]
    RefreshReused,
    /// The client did not register the grant type.
    #[error("this client did not register the grant type refresh_token")]
    UnauthorizedClient,
    /// A grant type that is not offered (row OT6).
    #[error("the grant type must be authorization_code or refresh_token")]
    UnsupportedGrantType,
    /// A scope that is not well formed.
    #[error("the scope has characters that no scope has")]
    MalformedScope,
    /// More than was granted (row OF4): which, as a scope.
    #[error("the scope has permissions that were not granted: {0}")]
    ScopeNotGranted(String),
    /// Another resource (row OT7); the one to ask for.
    #[error("resource must be {0}")]
    InvalidTarget(String),
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
    TooManyClients {
        /// When to try again.
        retry_after: Duration,
    },
    /// Storage failed.
    #[error("the server cannot answer now, try again in a moment")]
    Store(#[from] StoreError),
    /// The access token could not be signed.
    #[error("the server could not sign a token")]
    Signing,
}

/// When to try again after storage failed.
const RETRY_STORE: Duration = Duration::from_secs(5);

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
            Self::InvalidGrant | Self::RefreshReused => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::MalformedScope | Self::ScopeNotGranted(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::InvalidRedirectUri(_) => "invalid_redirect_uri",
            Self::InvalidClientMetadata(_) => "invalid_client_metadata",
            Self::TooManyRequests { .. } | Self::TooManyClients { .. } | Self::Store(_) => "temporarily_unavailable",
            Self::Signing => "server_error",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient { .. } => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) | Self::TooManyClients { .. } => StatusCode::SERVICE_UNAVAILABLE,
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
        let retry_after = match self {
            Self::TooManyRequests { retry_after } | Self::TooManyClients { retry_after } => Some(retry_after),
            // What storage needs to come back is not known; seconds are what a person would try.
            Self::Store(_) => Some(RETRY_STORE),
            _ => None,
        };
        if let Some(retry_after) = retry_after {
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
    fn od7_who_has_to_wait_is_told_how_long() {
        let wait = |error: EndpointError| error.into_response().headers().get(RETRY_AFTER).cloned();
        let retry_after = Duration::from_secs(59);
        assert_eq!(wait(EndpointError::TooManyRequests { retry_after }), Some(HeaderValue::from(59)));
        assert_eq!(wait(EndpointError::TooManyClients { retry_after }), Some(HeaderValue::from(59)));
        assert!(wait(EndpointError::from(StoreError::Unavailable(String::new()))).is_some());
        assert_eq!(wait(EndpointError::InvalidGrant), None);
    }

    #[test]
    fn or11_texts_have_only_the_characters_that_the_rfc_allows() {
        for error in [
            EndpointError::InvalidGrant,
            EndpointError::RefreshReused,
            EndpointError::MalformedScope,
            EndpointError::ScopeNotGranted("AlertRead UserRead".to_owned()),
            EndpointError::InvalidTarget("http://[::1]:8080/mcp".to_owned()),
        ] {
            let text = error.to_string();
            assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\'), "{text}");
        }
    }

    #[test]
    fn no_text_from_below_reaches_a_client() {
        let error = EndpointError::from(StoreError::Unavailable("postgres://user:password@host".to_owned()));
        assert_eq!(error.to_string(), "the server cannot answer now, try again in a moment");
        assert_eq!(error.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
