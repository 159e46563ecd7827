//! `GET /oauth/authorize`: checks an authorization request and stores it as a flow, which then waits for the person.
//!
//! What is wrong with client or redirect URI ends on an error page (row OR1). Everything else is told to the client,
//! but only after the person has signed in and the redirect was judged (row OA6): otherwise this address would send
//! anybody anywhere.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Redirect, Response},
};
use margay_domain::{
    client::Client,
    flow::{FLOW_LIFETIME, Flow},
    id::{ClientId, FlowId},
    principal::{Browser, Origin, SignedIn},
    rules::Allowlist,
};

use crate::{
    addresses::{AUTHORIZE, Addresses, Names, flow_page},
    client_document,
    oauth::OAuth,
    page_error::{PageError, redirect_not_registered, request_too_long, too_many_flows, unknown_client},
    params::{Duplicate, Params, is_plausible_id},
    pkce, redirect,
    response::{deliver, sign_in_first},
    scope,
};

/// The longest query, in bytes.
const MAX_QUERY: usize = 8 * 1024;
/// The longest `state`, in bytes.
const MAX_STATE: usize = 2048;

/// What a client is told by a redirect. Codes and texts have only the characters of row OR11.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthorizeError {
    /// The request is not well formed.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// Another response type than `code` (row OR6).
    #[error("response_type must be code")]
    UnsupportedResponseType,
    /// A scope with characters that no scope has (row OR8).
    #[error("scope has characters that no scope has")]
    InvalidScope,
    /// Another resource (row OR7).
    #[error("resource must be {0}")]
    InvalidTarget(String),
    /// A request object (row OR9).
    #[error("request objects are not supported")]
    RequestNotSupported,
    /// A request object by reference (row OR9).
    #[error("request_uri is not supported")]
    RequestUriNotSupported,
    /// `prompt=none`, but consent is always asked for (row OA5).
    #[error("consent is always asked for, so prompt=none cannot succeed")]
    ConsentRequired,
    /// The person denied.
    #[error("the person denied the request")]
    AccessDenied,
}

impl AuthorizeError {
    /// The code on the wire.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ConsentRequired => "consent_required",
            Self::AccessDenied => "access_denied",
        }
    }
}

impl From<Duplicate> for AuthorizeError {
    /// Row OR5.
    fn from(_: Duplicate) -> Self {
        Self::InvalidRequest("a parameter was sent more than once")
    }
}

/// The part of a request that becomes the flow.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    code_challenge: String,
    scope: String,
}

/// Begins a flow.
pub(crate) async fn authorize(
    State(oauth): State<Arc<OAuth>>,
    Extension(browser): Extension<Browser>,
    person: Option<Extension<SignedIn>>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY {
        return Err(request_too_long().into());
    }
    let origin = origin.map(|Extension(origin)| origin).unwrap_or_default();
    // Anybody may come here, and each good request is stored.
    if oauth.flows.check(origin.ip, oauth.ports.clock.monotonic()).is_err() {
        return Err(too_many_flows().into());
    }
    let params = Params::parse(query.as_bytes());
    let here = || format!("{AUTHORIZE}?{}", params.to_query());
    let client = match params.one("client_id") {
        Ok(Some(id)) if client_document::is_url(id) => {
            // Row OI2: only for people who are signed in does this server ask other hosts.
            if person.is_none() {
                return Ok(sign_in_first(&here()));
            }
            oauth.documented_client(id, &origin).await?
        }
        id => oauth.known_client(id.ok().flatten()).await?,
    };
    let redirect_uri = registered_redirect(&client, &params)?;
    // The name by which the client found this server; everything that follows stays on that host.
    let names = oauth.addresses.asked_by(&headers, &uri);
    // The state is read first, so that an error can be told with it.
    let (state, request) = match read_state(&params) {
        Ok(state) => (state, read(&params, &oauth.addresses, names)),
        Err(error) => (None, Err(error)),
    };
    match request {
        Ok(request) => oauth.begin(&browser, &client, names, redirect_uri, state, request).await,
        Err(error) => {
            // Row OA6: nobody is sent anywhere before somebody has signed in; then this request is made again.
            let Some(Extension(person)) = person else { return Ok(sign_in_first(&here())) };
            oauth.check_approval(&client, &person, &origin).await?;
            let target = oauth.judge_redirect(&redirect_uri, &client, &person, &origin).await?;
            let location = error_location(&redirect_uri, &error, state.as_deref(), &names.issuer);
            Ok(deliver(&target, location, &client, false))
        }
    }
}

/// The redirect URI with the error, its text, the client's state and our name appended (rows OA8, A3).
pub(crate) fn error_location(redirect_uri: &str, error: &AuthorizeError, state: Option<&str>, issuer: &str) -> String {
    let description = error.to_string();
    let mut parameters = vec![("error", error.code()), ("error_description", description.as_str())];
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    redirect::append(redirect_uri, &parameters)
}

impl OAuth {
    /// The client, if exactly one is named (`id` is `None` if not) and known (row OR1).
    async fn known_client(&self, id: Option<&str>) -> Result<Client, PageError> {
        let Some(id) = id else { return Err(unknown_client(None).into()) };
        if !is_plausible_id(id) {
            return Err(unknown_client(Some(id)).into());
        }
        let found = self.ports.clients.get(&ClientId::new(id)).await?;
        found.ok_or_else(|| unknown_client(Some(id)).into())
    }

    /// Stores the flow, bound to the browser (row OP3), and goes on to its page.
    async fn begin(
        &self,
        browser: &Browser,
        client: &Client,
        names: &Names,
        redirect_uri: String,
        state: Option<String>,
        request: Request,
    ) -> Result<Response, PageError> {
        let now = self.ports.clock.now();
        let flow = Flow {
            id: FlowId::generate(now, self.ports.entropy.as_ref()),
            client_id: client.id.clone(),
            redirect_uri,
            state,
            code_challenge: request.code_challenge,
            scope: request.scope,
            // Whatever name the client used: tokens are for the resource as it is configured.
            resource: self.addresses.own.resource.clone(),
            // Row A3: the redirect names the issuer that the client discovered (RFC 9207 section 2.4).
            issuer: Some(names.issuer.clone()),
            browser: browser.hash,
            created_at: now,
            expires_at: now.plus(FLOW_LIFETIME),
            decided_at: None,
            decision: None,
        };
        self.ports.flows.create(&flow).await?;
        Ok(Redirect::to(&flow_page(flow.id.as_str())).into_response())
    }
}

/// The redirect URI of the request, if the client registered it (rows OA3, OR1). It may be left out if the client has
/// only one. What no allowlist could ever allow ends here, too (row OR10).
fn registered_redirect(client: &Client, params: &Params) -> Result<String, PageError> {
    let refused = |asked: &str| redirect_not_registered(client, asked);
    let Ok(asked) = params.one("redirect_uri") else { return Err(refused("").into()) };
    let uri = match (asked, client.redirect_uris.as_slice()) {
        (Some(asked), registered) => {
            if !registered.iter().any(|known| redirect::matches_registered(known, asked)) {
                return Err(refused(asked).into());
            }
            asked
        }
        (None, [only]) => only.as_str(),
        (None, _) => return Err(refused("").into()),
    };
    match redirect::judge(&Allowlist::default(), uri) {
        Err(blocked) if blocked.is_final() => Err(blocked.page(uri).into()),
        _ => Ok(uri.to_owned()),
    }
}

/// The client's `state`, which is opaque and goes back as it came.
fn read_state(params: &Params) -> Result<Option<String>, AuthorizeError> {
    let Some(state) = params.one("state")? else { return Ok(None) };
    if state.len() > MAX_STATE {
        return Err(AuthorizeError::InvalidRequest("state is longer than 2048 bytes"));
    }
    // U+FFFD stands for bytes that are not UTF-8 and could not be returned as they came.
    if state.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(AuthorizeError::InvalidRequest("state has characters that cannot be returned"));
    }
    Ok(Some(state.to_owned()))
}

/// Checks everything else.
fn read(params: &Params, addresses: &Addresses, names: &Names) -> Result<Request, AuthorizeError> {
    // Row OR5.
    params.check_duplicates(&["resource"])?;
    // Row OR9: never dereferenced.
    if params.one("request")?.is_some() {
        return Err(AuthorizeError::RequestNotSupported);
    }
    if params.one("request_uri")?.is_some() {
        return Err(AuthorizeError::RequestUriNotSupported);
    }
    match params.one("response_type")? {
        Some("code") => {}
        Some(_) => return Err(AuthorizeError::UnsupportedResponseType),
        None => return Err(AuthorizeError::InvalidRequest("response_type is missing")),
    }
    if params.one("response_mode")?.is_some_and(|mode| mode != "query") {
        return Err(AuthorizeError::InvalidRequest("response_mode must be query"));
    }
    let challenge = params.one("code_challenge")?;
    let method = params.one("code_challenge_method")?;
    // Row OR2.
    let Some(code_challenge) = challenge else {
        return Err(AuthorizeError::InvalidRequest("code_challenge is missing"));
    };
    // Row OR3: a missing method would mean plain.
    if method != Some(pkce::S256) {
        return Err(AuthorizeError::InvalidRequest("code_challenge_method must be S256"));
    }
    // Row OR4.
    if !pkce::is_challenge(code_challenge) {
        return Err(AuthorizeError::InvalidRequest("code_challenge must be 43 base64url characters"));
    }
    // Row OR7. RFC 8707 lets it repeat, so it is no duplicate; left out it means ours.
    if params.all("resource").any(|resource| !resource.is_empty() && !addresses.is_resource(resource)) {
        return Err(AuthorizeError::InvalidTarget(names.resource.clone()));
    }
    let scope = params.one("scope")?.unwrap_or_default();
    // Row OR8.
    if !scope::is_well_formed(scope) {
        return Err(AuthorizeError::InvalidScope);
    }
    // Row OA11: consent, login and unknown values change nothing, because consent is always asked for.
    if params.one("prompt")?.is_some_and(|prompt| prompt.split(' ').any(|value| value == "none")) {
        return Err(AuthorizeError::ConsentRequired);
    }
    Ok(Request { code_challenge: code_challenge.to_owned(), scope: scope.to_owned() })
}

/// Everything that reads a query; the redirect URI that errors and codes would go to, if there is one.
#[cfg(test)]
pub(crate) fn fuzz(params: &Params, addresses: &Addresses, registered: &[&str]) -> Option<String> {
    let _ = (
        read_state(params),
        read(params, addresses, &addresses.own),
        params.one("client_id").map(|id| id.map(is_plausible_id)),
    );
    let client = tests::client(registered);
    registered_redirect(&client, params).ok()
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        client::{Approval, ClientSource},
        clock::Timestamp,
    };

    use super::*;
    use crate::config::OAuthConfig;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// A good request with some parameters replaced (an empty value means omitted), and `extra` behind.
    fn read_with(replaced: &[(&str, &str)], extra: &str) -> Result<Request, AuthorizeError> {
        let mut pairs = vec![
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("scope", "AlertRead offline_access"),
            ("resource", "https://api.example.com/mcp"),
            ("prompt", "consent"),
        ];
        for &(name, value) in replaced {
            pairs.retain(|(present, _)| *present != name);
            pairs.push((name, value));
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        let query = format!("{}{extra}", query.finish());
        let config = OAuthConfig::new("https://api.example.com", "https://api.example.com/mcp");
        let addresses = Addresses::check(&config).unwrap();
        read(&Params::parse(query.as_bytes()), &addresses, &addresses.own)
    }

    fn code(replaced: &[(&str, &str)], extra: &str) -> &'static str {
        read_with(replaced, extra).unwrap_err().code()
    }

    pub(super) fn client(redirect_uris: &[&str]) -> Client {
        Client {
            id: ClientId::new("mcp_1"),
            name: "Claude".to_owned(),
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::default(),
            last_authorized_at: None,
        }
    }

    fn redirect(registered: &[&str], query: &str) -> Result<String, u16> {
        registered_redirect(&client(registered), &Params::parse(query.as_bytes())).map_err(|error| match error {
            PageError::Refused(page) => page.status,
            PageError::Store(_) => 0,
        })
    }

    #[test]
    fn oa2_a_good_request_is_read() {
        let request = read_with(&[], "&unknown=1&iss=x").unwrap();
        assert_eq!(request.code_challenge, CHALLENGE);
        assert_eq!(request.scope, "AlertRead offline_access");
        assert!(read_with(&[("resource", ""), ("scope", ""), ("prompt", "login something")], "").is_ok());
        assert!(read_with(&[], "&resource=https%3A%2F%2FAPI.example.com%2Fmcp%2F").is_ok());
        // The bare origin can mean nothing else here.
        assert!(
            read_with(&[("resource", "https://api.example.com")], "&resource=HTTPS%3A%2F%2Fapi.example.com%2F").is_ok()
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_its_code() {
        for (name, value, expected) in [
            ("code_challenge", "", "invalid_request"),
            ("code_challenge", "short", "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("code_challenge_method", "s256", "invalid_request"),
            ("response_type", "", "invalid_request"),
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "code id_token", "unsupported_response_type"),
            ("response_mode", "fragment", "invalid_request"),
            ("resource", "https://evil.example/mcp", "invalid_target"),
            ("resource", "https://api.example.com/mcp#x", "invalid_target"),
            ("resource", "/mcp", "invalid_target"),
            ("scope", "Alert\"Read", "invalid_scope"),
            ("request", "eyJ", "request_not_supported"),
            ("request_uri", "https://evil.example/request", "request_uri_not_supported"),
            ("prompt", "none", "consent_required"),
        ] {
            assert_eq!(code(&[(name, value)], ""), expected, "{name}={value}");
        }
        for extra in
            ["&response_type=code", "&scope=AlertRead", "&code_challenge=x", "&prompt=login", "&nonce=1&nonce=1"]
        {
            assert_eq!(code(&[], extra), "invalid_request", "{extra}");
        }
        let target = read_with(&[], "&resource=https%3A%2F%2Fevil.example").unwrap_err();
        assert_eq!(target.code(), "invalid_target");
        assert_eq!(target.to_string(), "resource must be https://api.example.com/mcp");
    }

    #[test]
    fn state_goes_back_as_it_came_or_not_at_all() {
        let state = |query: &str| read_state(&Params::parse(query.as_bytes()));
        assert_eq!(state("state=a+b%26%C3%A9"), Ok(Some("a b&é".to_owned())));
        assert_eq!(state("state="), Ok(None));
        assert_eq!(state(&format!("state={}", "a".repeat(2048))).map(|state| state.is_some()), Ok(true));
        for query in [format!("state={}", "a".repeat(2049)), "state=%FF".to_owned(), "state=a%00".to_owned()] {
            assert!(state(&query).is_err(), "{query}");
        }
        assert!(state("state=a&state=a").is_err());
    }

    #[test]
    fn or1_only_a_registered_redirect_gets_anywhere() {
        let two = ["https://claude.ai/cb", "http://127.0.0.1/cb"];
        let ok = |uri: &str| Ok::<_, u16>(uri.to_owned());
        assert_eq!(redirect(&two, "redirect_uri=https%3A%2F%2Fclaude.ai%2Fcb"), ok("https://claude.ai/cb"));
        assert_eq!(redirect(&two, "redirect_uri=http%3A%2F%2F127.0.0.1%3A5%2Fcb"), ok("http://127.0.0.1:5/cb"));
        assert_eq!(redirect(&["https://claude.ai/cb"], ""), ok("https://claude.ai/cb"));
        assert_eq!(redirect(&two, ""), Err(400));
        assert_eq!(redirect(&two, "redirect_uri=https%3A%2F%2Fevil.example%2Fcb"), Err(400));
        let twice = "redirect_uri=https%3A%2F%2Fclaude.ai%2Fcb&redirect_uri=https%3A%2F%2Fclaude.ai%2Fcb";
        assert_eq!(redirect(&two, twice), Err(400));
    }

    #[test]
    fn or10_dangerous_redirects_are_refused_even_when_stored() {
        for uri in ["javascript:alert(1)", "data:text/html,x", "http://evil.example/cb", "file:///etc/passwd"] {
            assert_eq!(redirect(&[uri], ""), Err(400), "{uri}");
        }
    }

    #[test]
    fn or11_texts_have_only_the_characters_that_the_rfc_allows() {
        for error in [
            AuthorizeError::UnsupportedResponseType,
            AuthorizeError::InvalidScope,
            AuthorizeError::InvalidTarget("http://[::1]:8080/mcp".to_owned()),
            AuthorizeError::RequestNotSupported,
            AuthorizeError::RequestUriNotSupported,
            AuthorizeError::ConsentRequired,
            AuthorizeError::AccessDenied,
        ] {
            let text = format!("{}{error}", error.code());
            assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\'), "{text}");
        }
    }
}
