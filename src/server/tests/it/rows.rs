//! One story for each row of the specification's checklists, named after the row (docs/ARCHITECTURE.md explains the
//! ids). Each fails if the line that enforces its row is taken out.
//!
//! Rows about metadata documents of clients (OI, A4) have their stories in `client_documents`.

mod accept;
mod codes;
mod metadata;
mod pages;
mod product;
mod refresh;
mod registration;
mod reject;
mod resource;
mod revocation;
mod step_up;
mod token_endpoint;
mod transport;

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use margay_domain::{
    audit::{AuditEvent, AuditQuery, REVOKE_MCP_CONNECTION},
    id::ClientId,
};
use reqwest::{RequestBuilder, StatusCode, header, header::HeaderMap};
use serde_json::{Value, json};

use crate::harness::{Browser, Client, JsonRequest as _, TestServer, Tokens};

const ADMIN: &str = "admin@example.com";
const ANALYST: &str = "analyst@example.com";
const VIEWER: &str = "viewer@example.com";

const DECISION: &str = "/oauth/authorize/decision";
const REGISTER: &str = "/oauth/register";
const REVOKE: &str = "/oauth/revoke";
const TOKEN: &str = "/oauth/token";
const SETTINGS: &str = "/settings/ai-automation/remote-mcp";

/// The heading of the consent page.
const CONSENT: &str = "MCP authorization";
/// The heading of the page that refuses a redirect.
const NOT_ALLOWED: &str = "Redirect URI is not allowed";

/// Like `story!`, for a server with a changed configuration.
macro_rules! configured_story {
    ($(#[$doc:meta])* async fn $name:ident($server:ident) with $change:expr, $body:block) => {
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn story($server: &crate::harness::TestServer) $body

            async fn run(engine: crate::harness::Engine) {
                let change: fn(&mut margay_server::config::Config) = $change;
                crate::harness::TestServer::run_configured(engine, change, async |server| story(server).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(crate::harness::Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(crate::harness::Engine::Postgres).await;
            }
        }
    };
}
pub(crate) use configured_story;

/// An answer for a program, read whole.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("text") }
    }

    /// A header field; empty if it is not there.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{} {error}: {}", self.status, self.text))
    }

    /// Demands an OAuth error: JSON that no cache keeps, with the characters of row OR11 only.
    #[track_caller]
    fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.header("content-type").starts_with("application/json"), "{:?}", self.headers);
        assert_eq!(self.header("cache-control"), "no-store");
        let body = self.json();
        assert_eq!(body["error"], code, "{body}");
        assert!(is_plain(body["error_description"].as_str().unwrap_or_default()), "{body}");
    }
}

/// Whether `text` has only the characters that errors may have (row OR11).
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Sends what it is told to, and follows no redirect. One for all, since making one takes a while; it keeps no
/// connection, because those would end with the runtime of the test that opened them.
fn http() -> reqwest::Client {
    static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        builder.pool_max_idle_per_host(0).build().expect("a client")
    });
    HTTP.clone()
}

/// A `GET` of a program.
async fn get(server: &TestServer, path: &str) -> Reply {
    Reply::of(http().get(format!("{}{path}", server.url))).await
}

/// A form that a program is about to post.
fn form(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    http()
        .post(format!("{}{path}", server.url))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}

/// A form that a program posts.
async fn post_form(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> Reply {
    Reply::of(form(server, path, fields)).await
}

/// A registration (RFC 7591).
async fn register(server: &TestServer, metadata: &Value) -> Reply {
    Reply::of(http().post(format!("{}{REGISTER}", server.url)).json(metadata)).await
}

/// What a client posts for its code.
fn exchange_fields<'a>(client: &'a Client, code: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", client.id.as_str()),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", client.verifier()),
    ]
}

/// The tokens in an answer of the token endpoint.
#[track_caller]
fn tokens((status, body): (StatusCode, Value)) -> Tokens {
    assert_eq!(status, StatusCode::OK, "{body}");
    Tokens::read(&body)
}

/// Demands this error in an answer of the token endpoint.
#[track_caller]
fn assert_refused((status, body): (StatusCode, Value), code: &str) {
    assert_eq!((status.as_u16(), &body["error"]), (400, &json!(code)), "{body}");
}

/// A request for the list of tools, still without a token.
fn list_tools(url: &str) -> RequestBuilder {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta } });
    http()
        .post(format!("{url}/mcp"))
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list")
        .json(&body)
}

/// What the MCP endpoint makes of an access token.
async fn mcp_status(server: &TestServer, access: &str) -> u16 {
    Reply::of(list_tools(&server.url).bearer_auth(access)).await.status.as_u16()
}

/// The header (0) or the claims (1) of a signed token.
fn part_of(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("Base64")).expect("JSON")
}

/// The audit events of this action, oldest first.
async fn events(server: &TestServer, action: &str) -> Vec<AuditEvent> {
    let query = AuditQuery { action: Some(action.to_owned()), limit: 100, ..AuditQuery::default() };
    let mut events = server.parts.store.audit_log().search(&query).await.expect("events");
    events.reverse();
    events
}

/// Why connections were ended by the authorization server, oldest first.
async fn endings(server: &TestServer) -> Vec<String> {
    let events = events(server, REVOKE_MCP_CONNECTION).await;
    events.iter().map(|event| event.action_params["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Saves the redirect allowlist as an admin does; the status of the answer.
async fn save(admin: &Browser, domains: &[&str], schemes: &[&str]) -> StatusCode {
    let page = admin.get(SETTINGS).await.page;
    let mut fields = vec![("csrf", page.input("csrf")), ("revision", page.input("revision"))];
    fields.extend(domains.iter().map(|domain| ("domain", (*domain).to_owned())));
    fields.extend(schemes.iter().map(|scheme| ("scheme", (*scheme).to_owned())));
    admin.post(SETTINGS, &fields).await.status
}

/// The same, for lists that can be saved.
async fn allow(admin: &Browser, domains: &[&str], schemes: &[&str]) {
    assert_eq!(save(admin, domains, schemes).await, StatusCode::SEE_OTHER, "{domains:?} {schemes:?}");
}

/// Whether a redirect URI of this client leads to the consent page. If not, it leads to the page that refuses it.
async fn is_allowed(browser: &Browser, client: &Client, redirect_uri: &str) -> bool {
    let answer = browser.open(&client.authorize_path(&[("redirect_uri", redirect_uri)])).await;
    if answer.status == StatusCode::OK {
        answer.assert_page(CONSENT);
        return true;
    }
    answer.assert_refused(400);
    assert_eq!(answer.page.heading(), NOT_ALLOWED, "{redirect_uri}");
    false
}

/// A client with redirect URIs that nobody checked, as the database of an old version may hold it. It goes on with the
/// first of them.
async fn stored_client(server: &TestServer, redirect_uris: &[&str]) -> Client {
    let mut client = Client::register(server).await;
    let clients = server.parts.store.clients();
    let mut stored = clients.get(&ClientId::new(client.id.as_str())).await.expect("a read").expect("the client");
    stored.id = ClientId::new(format!("{}_stored", client.id));
    stored.redirect_uris = redirect_uris.iter().map(|uri| (*uri).to_owned()).collect();
    clients.create(&stored).await.expect("stored");
    client.id = stored.id.to_string();
    redirect_uris[0].clone_into(&mut client.redirect_uri);
    client
}
