//! `POST /oauth/register`: dynamic client registration (RFC 7591), lenient in what is asked (rows OD1 to OD11).
//!
//! Every client becomes a public one, whatever it asks for; no secret is ever made. Clients without a secret that say
//! the same of themselves cannot be told apart, so they are one client: some register at every start, and each time
//! get the same id, which costs them nothing.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    response::Response,
};
use margay_domain::{
    client::{Client, ClientSource},
    clock::Timestamp,
    id::ClientId,
    ports::StoreError,
    principal::Origin,
};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::{
    config::{RegistrationLimits, RegistrationPolicy},
    error::EndpointError,
    oauth::OAuth,
    params::read_body,
    redirect::check_registrable,
    response::no_store,
    text::one_line,
};

/// What we support, and what a client gets that does not say which it wants.
pub(crate) const GRANT_TYPES: [&str; 2] = [AUTHORIZATION_CODE, REFRESH_TOKEN];
/// The grant type of codes.
pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
/// The grant type of refresh tokens.
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";

/// After how long an unused client is removed once there are too many.
const TIME_TO_BE_USED: Duration = Duration::from_hours(1);
/// After how long it makes room for a newer one, if nobody is about to authorize it: clients open the browser at once.
const TIME_TO_BEGIN: Duration = Duration::from_mins(2);
/// How often room is looked for, when others take it.
const TRIES: u32 = 3;

/// What a client says of itself, after checking.
#[derive(Debug, PartialEq, Eq)]
struct Registration {
    name: String,
    redirect_uris: Vec<String>,
    client_uri: Option<String>,
    application_type: Option<String>,
    grant_types: Vec<String>,
}

/// The answer (row OD1): everything that was registered, defaults included; never a null, never a secret.
#[derive(Debug, Serialize)]
struct Registered<'a> {
    client_id: &'a ClientId,
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_name: &'a str,
    redirect_uris: &'a [String],
    grant_types: &'a [String],
    response_types: [&'static str; 1],
    /// Row OD2: `none`, whatever was asked for.
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<&'a str>,
}

/// Registers a client.
pub(crate) async fn register(
    State(oauth): State<Arc<OAuth>>,
    origin: Option<Extension<Origin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, EndpointError> {
    let now = oauth.ports.clock.now();
    let ip = origin.and_then(|Extension(origin)| origin.ip);
    let body = read_body(body)?;
    let Ok(Value::Object(metadata)) = serde_json::from_slice(&body) else {
        return Err(EndpointError::InvalidClientMetadata("the body must be a JSON object"));
    };
    let registration = read(&metadata, &oauth.config.registration)?;
    check_policy(&oauth.config.registration_policy, &registration)?;
    let client = Client {
        // Row OD9: never begins with https://.
        id: ClientId::generate(now, oauth.ports.entropy.as_ref()),
        name: registration.name,
        redirect_uris: registration.redirect_uris,
        client_uri: registration.client_uri,
        application_type: registration.application_type,
        grant_types: registration.grant_types,
        source: ClientSource::Registered,
        approval: oauth.first_approval(),
        document_fresh_until: None,
        created_at: now,
        last_authorized_at: None,
    };
    let asked = client.redirect_uris.clone();
    let known = oauth.known_or_new(client, ip).await?;
    // The port of a loopback address does not count, and programs look for the one that they listen on.
    let client = Client { redirect_uris: asked, ..known };
    // RFC 7591 section 3.2.1: 201, also for a client that is known.
    Ok(no_store((StatusCode::CREATED, Json(answer(&client)))))
}

impl OAuth {
    /// The client that says the same of itself, as it is, waiting for approval or not; else `client`, newly stored.
    /// Row OD7: only what is stored counts against the limits.
    async fn known_or_new(&self, client: Client, ip: Option<IpAddr>) -> Result<Client, EndpointError> {
        let clients = &self.ports.clients;
        if let Some(known) = clients.equal(&client).await? {
            return Ok(known);
        }
        let counted = self.registrations.check(ip, self.ports.clock.monotonic());
        counted.map_err(|retry_after| EndpointError::TooManyRequests { retry_after })?;
        self.make_room(client.created_at).await?;
        match clients.create(&client).await {
            Ok(()) => Ok(client),
            // An equal one came at the same moment.
            Err(StoreError::Conflict(what)) => {
                clients.equal(&client).await?.ok_or_else(|| StoreError::Conflict(what).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Row OD7: however many addresses somebody has, unused registrations do not fill the disk. Those that had an hour
    /// to be used go first, then the oldest ones that nobody is about to use, so that a flood keeps nobody else out.
    async fn make_room(&self, now: Timestamp) -> Result<(), EndpointError> {
        let (clients, most) = (&self.ports.clients, self.config.registration.max_unused_clients);
        if clients.count_unused().await? < most {
            return Ok(());
        }
        clients.collect_unused(now.minus(TIME_TO_BE_USED)).await?;
        for _ in 0..TRIES {
            if clients.count_unused().await? < most {
                return Ok(());
            }
            if !clients.evict_unused(now.minus(TIME_TO_BEGIN), now).await? {
                break;
            }
        }
        if clients.count_unused().await? < most {
            return Ok(());
        }
        Err(EndpointError::TooManyClients { retry_after: TIME_TO_BEGIN })
    }
}

fn answer(client: &Client) -> Registered<'_> {
    Registered {
        client_id: &client.id,
        client_id_issued_at: client.created_at.as_seconds(),
        client_name: &client.name,
        redirect_uris: &client.redirect_uris,
        grant_types: &client.grant_types,
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        client_uri: client.client_uri.as_deref(),
        application_type: client.application_type.as_deref(),
    }
}

/// Reads client metadata. Unknown members, `scope`, `jwks`, `software_statement` and logos are ignored (rows OD2, OD6,
/// OD11); null means absent.
fn read(metadata: &Map<String, Value>, limits: &RegistrationLimits) -> Result<Registration, EndpointError> {
    // Row OD5: unsupported ones are dropped; who names none gets all.
    let asked = strings(metadata, "grant_types")?.filter(|asked| !asked.is_empty());
    let grant_types: Vec<String> = GRANT_TYPES
        .into_iter()
        .filter(|own| asked.as_ref().is_none_or(|asked| asked.contains(own)))
        .map(str::to_owned)
        .collect();
    if !grant_types.iter().any(|own| own == AUTHORIZATION_CODE) {
        return Err(EndpointError::InvalidClientMetadata("grant_types must have authorization_code"));
    }
    if strings(metadata, "response_types")?.is_some_and(|asked| !asked.is_empty() && !asked.contains(&"code")) {
        return Err(EndpointError::InvalidClientMetadata("response_types must have code"));
    }
    Ok(Registration {
        name: one_line(string(metadata, "client_name")?.unwrap_or_default(), limits.max_name_length),
        redirect_uris: redirect_uris(metadata, limits)?,
        client_uri: string(metadata, "client_uri")?.filter(|uri| is_web_page(uri, limits)).map(str::to_owned),
        application_type: string(metadata, "application_type")?
            .filter(|kind| matches!(*kind, "native" | "web"))
            .map(str::to_owned),
        grant_types,
    })
}

/// Row OD3. A set may mix addresses of which some are not on the allowlist (row OD4).
fn redirect_uris(metadata: &Map<String, Value>, limits: &RegistrationLimits) -> Result<Vec<String>, EndpointError> {
    let invalid = EndpointError::InvalidRedirectUri;
    let Some(Value::Array(given)) = metadata.get("redirect_uris") else {
        return Err(invalid("redirect_uris must be a list of at least one URI"));
    };
    if given.is_empty() {
        return Err(invalid("redirect_uris must be a list of at least one URI"));
    }
    if given.len() > limits.max_redirect_uris {
        return Err(invalid("redirect_uris has too many entries"));
    }
    let mut accepted: Vec<String> = Vec::with_capacity(given.len());
    for uri in given {
        let uri = uri.as_str().ok_or(invalid("redirect_uris must be a list of texts"))?;
        if uri.len() > limits.max_uri_length {
            return Err(invalid("a redirect URI is too long"));
        }
        check_registrable(uri).map_err(invalid)?;
        if !accepted.iter().any(|known| known == uri) {
            accepted.push(uri.to_owned());
        }
    }
    Ok(accepted)
}

/// Whether the operator lets such a client come by itself.
fn check_policy(policy: &RegistrationPolicy, registration: &Registration) -> Result<(), EndpointError> {
    let RegistrationPolicy::VerifiedDomains(domains) = policy else { return Ok(()) };
    let verified = |uri: &String| {
        Url::parse(uri).is_ok_and(|url| {
            url.scheme() == "https"
                && url.host_str().is_some_and(|host| domains.iter().any(|pattern| pattern.matches(host)))
        })
    };
    if registration.redirect_uris.iter().all(verified) {
        Ok(())
    } else {
        Err(EndpointError::InvalidRedirectUri(
            "this server registers only clients whose redirect URIs are https on a domain that its operator listed",
        ))
    }
}

/// Row OD8: kept only if it can be shown as a link; it is never fetched.
pub(crate) fn is_web_page(uri: &str, limits: &RegistrationLimits) -> bool {
    uri.len() <= limits.max_uri_length
        && uri.bytes().all(|b| b.is_ascii_graphic())
        && Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

fn string<'a>(metadata: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, EndpointError> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(EndpointError::InvalidClientMetadata("a member that has to be a text is something else")),
    }
}

fn strings<'a>(metadata: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, EndpointError> {
    match metadata.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Array(values)) => values.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(Some),
        Some(_) => None,
    }
    .ok_or(EndpointError::InvalidClientMetadata("a member that has to be a list of texts is something else"))
}

/// Everything that reads a registration; the redirect URIs, if it is accepted.
#[cfg(test)]
pub(crate) fn fuzz(metadata: &Map<String, Value>, limits: &RegistrationLimits) -> Result<Vec<String>, EndpointError> {
    read(metadata, limits).map(|registration| registration.redirect_uris)
}

#[cfg(test)]
mod tests {
    use margay_domain::client::Approval;
    use serde_json::json;

    use super::*;

    fn read_json(metadata: Value) -> Result<Registration, EndpointError> {
        read(metadata.as_object().unwrap(), &RegistrationLimits::default())
    }

    fn code(metadata: Value) -> String {
        let error = read_json(metadata).unwrap_err();
        match error {
            EndpointError::InvalidRedirectUri(_) => "invalid_redirect_uri".to_owned(),
            EndpointError::InvalidClientMetadata(_) => "invalid_client_metadata".to_owned(),
            other => other.to_string(),
        }
    }

    #[test]
    fn od2_a_client_that_wants_a_secret_is_registered_without_one() {
        let registration = read_json(json!({
            "client_name": "Claude",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token", "implicit"],
            "response_types": ["code"],
            "scope": "AlertRead something:else",
            "logo_uri": "https://evil.example/logo.png",
            "jwks": { "keys": [] },
            "software_statement": "eyJ",
            "unknown": { "a": [1, null] },
            "tos_uri": null,
        }))
        .unwrap();
        let client = Client {
            id: ClientId::new("mcp_1"),
            name: registration.name,
            redirect_uris: registration.redirect_uris,
            client_uri: registration.client_uri,
            application_type: registration.application_type,
            grant_types: registration.grant_types,
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::from_seconds(1_800_000_000),
            last_authorized_at: None,
        };
        insta::assert_json_snapshot!(answer(&client), @r#"
        {
          "client_id": "mcp_1",
          "client_id_issued_at": 1800000000,
          "client_name": "Claude",
          "redirect_uris": [
            "https://claude.ai/api/mcp/auth_callback"
          ],
          "grant_types": [
            "authorization_code",
            "refresh_token"
          ],
          "response_types": [
            "code"
          ],
          "token_endpoint_auth_method": "none"
        }
        "#);
    }

    #[test]
    fn od4_mixed_sets_and_native_clients_are_accepted() {
        let registration = read_json(json!({
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
                "http://localhost:8787/callback",
            ],
            "application_type": "native",
            "client_uri": "https://cursor.com",
            "client_name": null,
        }))
        .unwrap();
        assert_eq!(registration.redirect_uris.len(), 3);
        assert_eq!(registration.application_type.as_deref(), Some("native"));
        assert_eq!(registration.client_uri.as_deref(), Some("https://cursor.com"));
        assert_eq!(registration.grant_types, GRANT_TYPES);
        assert_eq!(registration.name, "");
    }

    #[test]
    fn od3_bad_redirect_uris_are_named() {
        for redirect_uris in [
            json!(null),
            json!([]),
            json!("https://claude.ai/cb"),
            json!([1]),
            json!(["/cb"]),
            json!(["https://claude.ai/cb#x"]),
            json!(["https://ana@claude.ai/cb"]),
            json!(["http://claude.ai/cb"]),
            json!(["https://claude.ai/cb", "javascript:alert(1)"]),
            json!([format!("https://claude.ai/{}", "a".repeat(2000))]),
            json!((0..11).map(|n| format!("https://claude.ai/{n}")).collect::<Vec<_>>()),
        ] {
            assert_eq!(code(json!({ "redirect_uris": redirect_uris })), "invalid_redirect_uri", "{redirect_uris}");
        }
        assert_eq!(code(json!({})), "invalid_redirect_uri");
    }

    #[test]
    fn od5_grant_and_response_types_must_fit() {
        let with = |name: &str, value: Value| {
            let mut metadata = json!({ "redirect_uris": ["https://claude.ai/cb"] });
            metadata[name] = value;
            metadata
        };
        let only_code = read_json(with("grant_types", json!(["authorization_code"]))).unwrap();
        assert_eq!(only_code.grant_types, ["authorization_code"]);
        assert!(read_json(with("grant_types", json!([]))).is_ok());
        assert!(read_json(with("response_types", json!(["code", "token"]))).is_ok());
        for (name, value) in [
            ("grant_types", json!(["client_credentials"])),
            ("grant_types", json!(["refresh_token"])),
            ("grant_types", json!("authorization_code")),
            ("grant_types", json!([1])),
            ("response_types", json!(["token"])),
            ("client_name", json!({ "en": "Claude" })),
        ] {
            assert_eq!(code(with(name, value)), "invalid_client_metadata");
        }
    }

    #[test]
    fn od8_names_are_cleaned_and_links_are_web_pages() {
        let registration = read_json(json!({
            "redirect_uris": ["https://claude.ai/cb"],
            "client_name": "Cl\u{202e}aude\n<b>",
            "client_uri": "javascript:alert(1)",
            "application_type": "strange",
        }))
        .unwrap();
        assert_eq!(registration.name, "Claude <b>");
        assert_eq!(registration.client_uri, None);
        assert_eq!(registration.application_type, None);
    }
}
