//! Which client calls the token or revocation endpoint. Public clients only name themselves (rows OT2, OT3).

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use margay_domain::{client::Client, id::ClientId};

use crate::{
    error::EndpointError,
    oauth::OAuth,
    params::{Params, is_plausible_client_id},
};

const HAS_SECRET: &str = "this client is public: send client_id and no secret";

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// Nothing that matters here.
    Absent,
    /// Basic with an empty password, which old SDKs send: this client id.
    ClientId(String),
    /// Basic with a password, or unreadable.
    Secret,
}

impl OAuth {
    /// The client that the request names. Unknown ones get `invalid_client`, so that they register anew (row OT2).
    pub(crate) async fn calling_client(&self, headers: &HeaderMap, params: &Params) -> Result<Client, EndpointError> {
        let (id, header_used) = named_client(headers, params)?;
        let unknown = EndpointError::InvalidClient { description: "unknown client: register it anew", header_used };
        if !is_plausible_client_id(&id) {
            return Err(unknown);
        }
        self.ports.clients.get(&ClientId::new(id)).await?.ok_or(unknown)
    }
}

/// The client id, and whether it came in the header.
fn named_client(headers: &HeaderMap, params: &Params) -> Result<(String, bool), EndpointError> {
    let in_body = params.one("client_id")?;
    let secret = params.one("client_secret")?;
    let assertion = params.one("client_assertion")?.or(params.one("client_assertion_type")?);
    let header = basic(headers);
    let header_used = header != Header::Absent;
    // Row OT3: nobody has a secret here. An empty one was dropped with the empty parameters.
    if header == Header::Secret || secret.is_some() || assertion.is_some() {
        return Err(EndpointError::InvalidClient { description: HAS_SECRET, header_used });
    }
    match (header, in_body) {
        (Header::ClientId(id), Some(same)) if id != same => Err(EndpointError::InvalidClient {
            description: "the Authorization header and the body name two clients",
            header_used,
        }),
        (Header::ClientId(id), _) => Ok((id, true)),
        (_, Some(id)) => Ok((id.to_owned(), false)),
        (_, None) => Err(EndpointError::InvalidClient { description: "client_id is missing", header_used }),
    }
}

/// Reads HTTP Basic (RFC 7617). Other schemes are not ours to judge here and prove nothing.
fn basic(headers: &HeaderMap) -> Header {
    let Some(value) = headers.get(AUTHORIZATION) else { return Header::Absent };
    let Ok(value) = value.to_str() else { return Header::Secret };
    let (scheme, credentials) = value.trim().split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Header::Absent;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((id, "")) => Header::ClientId(id.to_owned()),
        _ => Header::Secret,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn named(authorization: Option<&str>, body: &str) -> Result<(String, bool), bool> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        named_client(&headers, &Params::parse(body.as_bytes()))
            .map_err(|error| matches!(error, EndpointError::InvalidClient { .. }))
    }

    fn basic_of(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn ot2_public_clients_name_themselves() {
        let mcp = || "mcp_1".to_owned();
        assert_eq!(named(None, "client_id=mcp_1"), Ok((mcp(), false)));
        assert_eq!(named(Some("Bearer abc"), "client_id=mcp_1"), Ok((mcp(), false)));
        assert_eq!(named(None, ""), Err(true));
        assert_eq!(named(None, "client_id="), Err(true));
        // A duplicate is invalid_request, not invalid_client.
        assert_eq!(named(None, "client_id=mcp_1&client_id=mcp_1"), Err(false));
    }

    #[test]
    fn ot3_secrets_are_refused_and_empty_ones_tolerated() {
        let mcp = || "mcp_1".to_owned();
        assert_eq!(named(None, "client_id=mcp_1&client_secret="), Ok((mcp(), false)));
        assert_eq!(named(Some(&basic_of("mcp_1:")), ""), Ok((mcp(), true)));
        assert_eq!(named(Some(&basic_of("mcp_1:")), "client_id=mcp_1"), Ok((mcp(), true)));
        assert_eq!(named(Some(&basic_of("mcp_1:")), "client_id=mcp_2"), Err(true));
        assert_eq!(named(Some(&basic_of("mcp_1:secret")), "client_id=mcp_1"), Err(true));
        assert_eq!(named(Some(&basic_of("mcp_1")), "client_id=mcp_1"), Err(true));
        assert_eq!(named(Some("basic !!"), "client_id=mcp_1"), Err(true));
        assert_eq!(named(Some("Basic"), "client_id=mcp_1"), Err(true));
        assert_eq!(named(None, "client_id=mcp_1&client_secret=x"), Err(true));
        assert_eq!(named(None, "client_id=mcp_1&client_assertion=x"), Err(true));
        assert_eq!(named(None, "client_id=mcp_1&client_assertion_type=x"), Err(true));
    }
}
