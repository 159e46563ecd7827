//! Which client calls the token or revocation endpoint. Public clients only name themselves (rows OT2, OT3).

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use margay_domain::{client::Client, id::ClientId};

use crate::{
    client_document,
    error::EndpointError,
    oauth::OAuth,
    params::{Params, is_plausible_client_id},
};

const HAS_SECRET: &str = "this client is public: send client_id and no secret";
const UNKNOWN: &str = "unknown client: register it anew";
/// A client with a metadata document cannot register; it becomes known when somebody authorizes it.
const UNKNOWN_DOCUMENT: &str = "unknown client: begin with an authorization request, which reads its metadata document";

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// Nothing that matters here.
    Absent,
    /// Basic without a password, as clients send it that know no other way: this client id.
    ClientId(String),
    /// Basic with a password, or unreadable.
    Secret,
}

impl OAuth {
    /// The client that the request names. Unknown ones get `invalid_client`, so that they begin anew (row OT2).
    pub(crate) async fn calling_client(&self, headers: &HeaderMap, params: &Params) -> Result<Client, EndpointError> {
        let (id, header_used) = named_client(headers, params)?;
        let description = if client_document::is_url(&id) { UNKNOWN_DOCUMENT } else { UNKNOWN };
        let unknown = EndpointError::InvalidClient { description, header_used };
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
    let has_secret = secret.is_some_and(|secret| !is_no_secret(secret));
    if header == Header::Secret || has_secret || assertion.is_some() {
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
    let value = value.trim();
    let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Header::Absent;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = decoded.filter(|text| !text.is_empty()) else { return Header::Secret };
    let (id, password) = if client_document::is_url(&text) { split_url(&text) } else { split_encoded(&text) };
    if id.is_empty() || !is_no_secret(&password) { Header::Secret } else { Header::ClientId(id) }
}

/// A client id as it is and a password, which may be missing with its colon. The id is an address: its own colons come
/// first, and the one in front of the port is followed by a path.
fn split_url(text: &str) -> (String, String) {
    match text.rsplit_once(':') {
        Some((id, password)) if !password.contains('/') => (id.to_owned(), password.to_owned()),
        _ => (text.to_owned(), String::new()),
    }
}

/// A client id and a password, each encoded as in a form (RFC 6749 section 2.3.1), so that the first colon is the one
/// between them. Ids of ours look the same with and without.
fn split_encoded(text: &str) -> (String, String) {
    let (id, password) = text.split_once(':').unwrap_or((text, ""));
    (decode(id), decode(password))
}

fn decode(text: &str) -> String {
    // Only encoded text has neither of these.
    if text.contains(['&', '=']) {
        return text.to_owned();
    }
    url::form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// Whether what stands in the place of a secret is none: programs without one write their word for nothing there.
fn is_no_secret(text: &str) -> bool {
    matches!(text, "" | "undefined" | "null")
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
        assert_eq!(named(Some(&basic_of("mcp_1:sec:ret")), ""), Err(true));
        assert_eq!(named(Some(&basic_of("mcp_1:undefined&x=y")), ""), Err(true));
        assert_eq!(named(Some(&basic_of(":")), "client_id=mcp_1"), Err(true));
        assert_eq!(named(Some(&basic_of("")), "client_id=mcp_1"), Err(true));
        assert_eq!(named(Some("basic !!"), "client_id=mcp_1"), Err(true));
        assert_eq!(named(Some("Basic"), "client_id=mcp_1"), Err(true));
        assert_eq!(named(None, "client_id=mcp_1&client_secret=x"), Err(true));
        assert_eq!(named(None, "client_id=mcp_1&client_assertion=x"), Err(true));
        assert_eq!(named(None, "client_id=mcp_1&client_assertion_type=x"), Err(true));
    }

    #[test]
    fn ot3_a_word_for_nothing_is_no_secret() {
        for password in ["", "undefined", "null"] {
            assert_eq!(named(Some(&basic_of(&format!("mcp_1:{password}"))), ""), Ok(("mcp_1".to_owned(), true)));
            assert!(named(None, &format!("client_id=mcp_1&client_secret={password}")).is_ok(), "{password}");
        }
        assert_eq!(named(Some(&basic_of("mcp_1")), "client_id=mcp_1"), Ok(("mcp_1".to_owned(), true)));
    }

    #[test]
    fn a_client_id_that_is_an_address_is_read_encoded_and_as_it_is() {
        let body =
            |id: &str| url::form_urlencoded::Serializer::new(String::new()).append_pair("client_id", id).finish();
        for id in
            ["https://desk.example/client.json", "https://localhost:8143/d", "https://desk.example:8443/a%20b?c=d"]
        {
            let encoded: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
            for text in [encoded.clone(), encoded.to_lowercase(), id.to_owned()] {
                for password in ["", ":", ":undefined", ":null"] {
                    let header = basic_of(&format!("{text}{password}"));
                    assert_eq!(named(Some(&header), ""), Ok((id.to_owned(), true)), "{text}{password}");
                    assert_eq!(named(Some(&header), &body(id)), Ok((id.to_owned(), true)), "{text}{password}");
                    assert_eq!(named(Some(&header), "client_id=mcp_1"), Err(true), "{text}{password}");
                }
                assert_eq!(named(Some(&basic_of(&format!("{text}:secret"))), &body(id)), Err(true), "{text}");
            }
        }
    }
}
