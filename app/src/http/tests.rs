//! The router with small fakes behind it: what the pages must say and must never contain.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use margay_domain::{
    all_connections::AllConnections,
    audit::{self, ActionResult, Actor, ActorKind, AuditEvent, AuditQuery},
    audit_trail::AuditTrail,
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    connections::Connections,
    grant::{AuthorizationCode, Grant, RefreshToken, RevocationReason},
    id::{AuditEventId, ClientId, FlowId, GrantId, RoleId, UserId},
    ports::{
        AuditLog, Clients, CodeRedemption, Connected, ConsentError, ConsentPage, ConsentView, Grants, RefreshRotation,
        Settings, StoreError, StoreResult, Users,
    },
    principal::{Origin, Principal},
    remote_mcp::RemoteMcp,
    role::BuiltInRole,
    rules::{Allowlist, CustomScheme, DomainPattern, PermissionSet},
    secret::{Secret, SecretHash, SecretKind},
    settings::RemoteMcpSettings,
    testing::{ManualClock, SeededEntropy},
    user::{PasswordHash, User},
};
use tower::ServiceExt as _;

use super::*;
use crate::ui::SetupCheck;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const CSRF: &str = "token-of-this-session";
/// What the secret of the open link is made from.
const OPEN_SEED: u64 = 42;
const ENDPOINT: &str = "http://127.0.0.1:8080/mcp";
const REMOTE_MCP: &str = "/settings/ai-automation/remote-mcp";
/// `Claude` with the Cyrillic letter С.
const LOOKALIKE: &str = "\u{421}laude";
const REMOTE_MCP_ADD: &str = "/settings/ai-automation/remote-mcp?add_domain=chatgpt.com";

/// One fake behind all ports.
struct Fake {
    settings: Mutex<RemoteMcpSettings>,
    clients: Mutex<Vec<Client>>,
    revoked: Mutex<Vec<GrantId>>,
    reasons: Mutex<Vec<RevocationReason>>,
    audited: Mutex<Vec<AuditEvent>>,
}

fn not_here<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable("not part of this test".to_owned()))
}

fn grant() -> Grant {
    Grant {
        id: GrantId::new("grt_1"),
        user_id: UserId::new("usr_1"),
        client_id: ClientId::new("mcp_1"),
        permissions: PermissionSet::grantable(),
        resource: ENDPOINT.to_owned(),
        redirect_uri: "http://127.0.0.1:4321/callback".to_owned(),
        created_at: NOW,
        activated_at: Some(NOW),
        expires_at: NOW.plus(std::time::Duration::from_hours(24)),
        last_used_at: None,
        narrowed_from: None,
        refreshed_from: None,
        revoked: None,
    }
}

fn client() -> Client {
    Client {
        id: ClientId::new("mcp_1"),
        name: "Claude <script>".to_owned(),
        redirect_uris: Vec::new(),
        client_uri: None,
        application_type: None,
        grant_types: Vec::new(),
        source: ClientSource::Registered,
        approval: Approval::Approved,
        document_fresh_until: None,
        created_at: NOW,
        last_authorized_at: None,
    }
}

fn event() -> AuditEvent {
    AuditEvent {
        id: AuditEventId::new("aud_1"),
        timestamp: NOW,
        action_name: "AI_TOOL_INVOKE".to_owned(),
        action_description: "Get alert".to_owned(),
        action_result: ActionResult::Failed,
        action_params: serde_json::json!({ "static": { "toolName": "get_alert" }, "dynamic": { "id": "<b>" } }),
        action_details: serde_json::json!({ "clientName": "Claude", "durationMs": 7 }),
        actor: Actor {
            id: "usr_1".to_owned(),
            kind: ActorKind::User,
            name: "Ana".to_owned(),
            email: Some("ana@example.com".to_owned()),
            role: None,
        },
        errors: Vec::new(),
        source_ip: None,
        user_agent: None,
    }
}

/// A redirect that the allowlist refused.
fn blocked(uri: &str, rule: &str) -> AuditEvent {
    AuditEvent {
        action_name: audit::MCP_REDIRECT_BLOCKED.to_owned(),
        action_params: serde_json::json!({ "redirectUri": uri }),
        action_details: serde_json::json!({ "clientName": "Chat <script>", "clientId": "mcp_2", "rule": rule }),
        ..event()
    }
}

#[async_trait]
impl ConsentPage for Fake {
    async fn view(
        &self,
        flow: &FlowId,
        _: &Browser,
        person: &SignedIn,
        _: &Origin,
    ) -> Result<ConsentView, ConsentError> {
        let held = person.role.permissions;
        let registered = ConsentView {
            flow_id: flow.clone(),
            client_name: "Claude <script>".to_owned(),
            client_id: ClientId::new("mcp_1"),
            unverified: true,
            client_host: None,
            local_only: true,
            redirect_host: "127.0.0.1:4321".to_owned(),
            redirect_uri: "http://127.0.0.1:4321/callback".to_owned(),
            loopback: true,
            selectable: held.intersection(PermissionSet::grantable()),
            console_only: held.difference(PermissionSet::grantable()),
            requested: PermissionSet::EMPTY,
            lifetime_days: 90,
            connected: None,
        };
        // A client with a metadata document, and where its code goes.
        let documented = |redirect_host: &str, loopback: bool, local_only: bool| ConsentView {
            client_id: ClientId::new("https://claude.ai/oauth/client.json"),
            unverified: false,
            client_host: Some("claude.ai".to_owned()),
            local_only,
            redirect_host: redirect_host.to_owned(),
            redirect_uri: format!("{redirect_host}/callback"),
            loopback,
            requested: registered.selectable,
            ..registered.clone()
        };
        match flow.as_str() {
            "flw_1" => Ok(registered),
            "flw_again" => {
                let permissions = PermissionSet::grantable();
                Ok(ConsentView { connected: Some(Connected { since: NOW, permissions }), ..registered })
            }
            "flw_lookalike" => Ok(ConsentView { client_name: LOOKALIKE.to_owned(), ..registered }),
            "flw_long" => Ok(ConsentView { client_name: "W".repeat(200), ..registered }),
            "flw_document" => Ok(documented("claude.ai", false, false)),
            "flw_elsewhere" => Ok(documented("other.example", false, false)),
            "flw_local" => Ok(documented("127.0.0.1", true, true)),
            "flw_mixed" => Ok(documented("localhost", true, false)),
            "flw_app" => Ok(documented("claude://", false, false)),
            _ => Err(ConsentError::Refused(ErrorPage {
                status: 400,
                title: "This request is over".to_owned(),
                message: "It waited too long.".to_owned(),
                advice: "Start again in your client.".to_owned(),
                detail: None,
            })),
        }
    }
}

#[async_trait]
impl AuditLog for Fake {
    async fn record(&self, event: AuditEvent) -> StoreResult<()> {
        self.audited.lock().unwrap().push(event);
        Ok(())
    }
    async fn search(&self, query: &AuditQuery) -> StoreResult<Vec<AuditEvent>> {
        if query.action.as_deref() != Some(audit::MCP_REDIRECT_BLOCKED) {
            return Ok(vec![event()]);
        }
        Ok(vec![
            blocked("https://chatgpt.com/cb", "domain_not_listed"),
            blocked("https://chatgpt.com/cb", "domain_not_listed"),
            blocked("vscode://x/cb", "scheme_not_listed"),
            blocked("https://claude.ai/cb", "domain_not_listed"),
            blocked("https://*.com/cb", "domain_not_listed"),
        ])
    }
}

#[async_trait]
impl Clients for Fake {
    async fn create(&self, _: &Client) -> StoreResult<()> {
        not_here()
    }
    async fn get(&self, id: &ClientId) -> StoreResult<Option<Client>> {
        Ok(self.clients.lock().unwrap().iter().find(|client| client.id == *id).cloned())
    }
    async fn list(&self) -> StoreResult<Vec<Client>> {
        Ok(self.clients.lock().unwrap().clone())
    }
    async fn equal(&self, _: &Client) -> StoreResult<Option<Client>> {
        not_here()
    }
    async fn collect_ended(&self, _: Timestamp) -> StoreResult<u64> {
        not_here()
    }
    async fn evict_unused(&self, _: Timestamp, _: Timestamp) -> StoreResult<bool> {
        not_here()
    }
    async fn put_document(&self, _: &Client) -> StoreResult<()> {
        not_here()
    }
    async fn approve(&self, id: &ClientId) -> StoreResult<bool> {
        let mut clients = self.clients.lock().unwrap();
        let waiting = clients.iter_mut().find(|client| client.id == *id && client.approval == Approval::Waiting);
        let Some(client) = waiting else { return Ok(false) };
        client.approval = Approval::Approved;
        Ok(true)
    }
    async fn count_unused(&self) -> StoreResult<u64> {
        not_here()
    }
    async fn authorized(&self, _: &ClientId, _: Timestamp) -> StoreResult<()> {
        not_here()
    }
    async fn collect_unused(&self, _: Timestamp) -> StoreResult<u64> {
        not_here()
    }
}

#[async_trait]
impl Users for Fake {
    async fn create(&self, _: &User, _: Option<&PasswordHash>) -> StoreResult<()> {
        not_here()
    }
    async fn create_first(&self, _: &User, _: &PasswordHash) -> StoreResult<bool> {
        not_here()
    }
    async fn get(&self, id: &UserId) -> StoreResult<Option<User>> {
        Ok(Some(user(BuiltInRole::Analyst)).filter(|user| user.id == *id))
    }
    async fn find_by_email(&self, _: &str) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        not_here()
    }
    async fn list(&self) -> StoreResult<Vec<User>> {
        Ok(vec![user(BuiltInRole::Analyst)])
    }
    async fn count(&self) -> StoreResult<u64> {
        not_here()
    }
    async fn set_role(&self, _: &UserId, _: &RoleId) -> StoreResult<()> {
        not_here()
    }
    async fn set_enabled(&self, _: &UserId, _: bool) -> StoreResult<()> {
        not_here()
    }
    async fn set_password(&self, _: &UserId, _: &PasswordHash) -> StoreResult<()> {
        not_here()
    }
    async fn signed_in(&self, _: &UserId, _: Timestamp) -> StoreResult<()> {
        not_here()
    }
}

#[async_trait]
impl Settings for Fake {
    async fn remote_mcp(&self) -> StoreResult<RemoteMcpSettings> {
        Ok(self.settings.lock().unwrap().clone())
    }
    async fn save_remote_mcp(&self, settings: &RemoteMcpSettings) -> StoreResult<i64> {
        let mut stored = self.settings.lock().unwrap();
        if stored.revision != settings.revision {
            return Err(StoreError::Stale("settings"));
        }
        *stored = RemoteMcpSettings { revision: settings.revision + 1, ..settings.clone() };
        Ok(stored.revision)
    }
    async fn internal(&self, _: &str) -> StoreResult<Option<String>> {
        not_here()
    }
    async fn ensure_internal(&self, _: &str, _: &str) -> StoreResult<String> {
        not_here()
    }
    async fn set_internal(&self, _: &str, _: &str) -> StoreResult<()> {
        not_here()
    }
    async fn take_internal(&self, _: &str, _: &str) -> StoreResult<bool> {
        not_here()
    }
}

#[async_trait]
impl Grants for Fake {
    async fn create(&self, _: &Grant, _: &AuthorizationCode) -> StoreResult<()> {
        not_here()
    }
    async fn get(&self, _: &GrantId) -> StoreResult<Option<Grant>> {
        not_here()
    }
    async fn principal(&self, id: &GrantId) -> StoreResult<Option<Principal>> {
        let principal = Principal {
            user: Arc::new(user(BuiltInRole::Analyst)),
            role: Arc::new(BuiltInRole::Analyst.role(NOW)),
            grant: Arc::new(grant()),
            client: Arc::new(client()),
            token_scope: None,
        };
        Ok(Some(principal).filter(|principal| principal.grant.id == *id))
    }
    async fn list_for_user(&self, _: &UserId) -> StoreResult<Vec<(Grant, Client)>> {
        Ok(vec![(grant(), client())])
    }
    async fn list_all(&self) -> StoreResult<Vec<(Grant, Client)>> {
        Ok(vec![(grant(), client())])
    }
    async fn redeem_code(&self, _: &SecretHash, _: Timestamp) -> StoreResult<CodeRedemption> {
        not_here()
    }
    async fn activate(&self, _: &GrantId, _: Option<&RefreshToken>, _: Timestamp) -> StoreResult<bool> {
        not_here()
    }
    async fn discard(&self, _: &GrantId) -> StoreResult<()> {
        not_here()
    }
    async fn refresh_token(&self, _: &SecretHash) -> StoreResult<Option<RefreshToken>> {
        not_here()
    }
    async fn rotate(
        &self,
        _: &SecretHash,
        _: &RefreshToken,
        _: Timestamp,
        _: std::time::Duration,
        _: Option<std::net::IpAddr>,
    ) -> StoreResult<RefreshRotation> {
        not_here()
    }
    async fn revoke(&self, id: &GrantId, reason: RevocationReason, _: Timestamp) -> StoreResult<bool> {
        self.revoked.lock().unwrap().push(id.clone());
        self.reasons.lock().unwrap().push(reason);
        Ok(true)
    }
    async fn revoke_all_of(&self, _: &UserId, reason: RevocationReason, _: Timestamp) -> StoreResult<u64> {
        self.reasons.lock().unwrap().push(reason);
        Ok(3)
    }
    async fn used(&self, _: &GrantId, _: Timestamp) -> StoreResult<()> {
        not_here()
    }
    async fn collect(&self, _: Timestamp) -> StoreResult<u64> {
        not_here()
    }
}

#[async_trait]
impl SetupCheck for Fake {
    async fn is_open(&self, token: &str) -> bool {
        let open = Secret::generate(SecretKind::Setup, &SeededEntropy::new(OPEN_SEED));
        token == "mgs_open" || token == open.expose()
    }
}

/// The router under test, with what stands behind it.
struct Pages {
    fake: Arc<Fake>,
    state: UiState,
}

/// What came back.
struct Page {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    html: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Pages {
    fn new() -> Self {
        let allowlist = Allowlist {
            domains: vec![DomainPattern::parse("claude.ai").unwrap()],
            schemes: vec![CustomScheme::parse("cursor").unwrap()],
        };
        let fake = Arc::new(Fake {
            settings: Mutex::new(RemoteMcpSettings { allowlist, revision: 7, updated_at: None, updated_by: None }),
            clients: Mutex::default(),
            revoked: Mutex::default(),
            reasons: Mutex::default(),
            audited: Mutex::default(),
        });
        let clock = Arc::new(ManualClock::new(NOW));
        let entropy = Arc::new(SeededEntropy::new(1));
        let ui = Ui {
            consent: fake.clone(),
            connections: Connections {
                grants: fake.clone(),
                audit: fake.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
            all_connections: AllConnections {
                grants: fake.clone(),
                users: fake.clone(),
                audit: fake.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
            remote_mcp: RemoteMcp {
                settings: fake.clone(),
                clients: fake.clone(),
                audit: fake.clone(),
                clock: clock.clone(),
                entropy,
            },
            audit: AuditTrail { audit: fake.clone() },
            setup: fake.clone(),
            clock,
            endpoint: ENDPOINT.to_owned(),
            notice: Some("This is a demo.".to_owned()),
            asset_version: "test".to_owned(),
        };
        let leptos = LeptosOptions::builder().output_name("margay").build();
        Self { fake, state: UiState { leptos, ui } }
    }

    async fn send(&self, mut request: Request, role: Option<BuiltInRole>) -> Page {
        let extensions = request.extensions_mut();
        extensions.insert(Browser { hash: SecretHash::from_bytes([7; 32]), csrf: CSRF.to_owned() });
        extensions.insert(Origin::default());
        if let Some(role) = role {
            extensions.insert(SignedIn { user: user(role), role: role.role(NOW) });
        }
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Page { status: parts.status, headers: parts.headers, html: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str, role: Option<BuiltInRole>) -> Page {
        self.send(request_for(path), role).await
    }

    async fn post(&self, path: &str, body: &str, role: BuiltInRole) -> Page {
        let mut request = request_for(path);
        *request.method_mut() = axum::http::Method::POST;
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        *request.body_mut() = Body::from(body.to_owned());
        self.send(request, Some(role)).await
    }
}

fn user(role: BuiltInRole) -> User {
    User {
        id: UserId::new("usr_1"),
        email: "ana@example.com".to_owned(),
        given_name: "Ana".to_owned(),
        family_name: "Silva".to_owned(),
        role_id: role.role(NOW).id,
        enabled: true,
        created_at: NOW,
        last_signed_in_at: None,
    }
}

const ADMIN: Option<BuiltInRole> = Some(BuiltInRole::Admin);

/// The opening tags of check boxes.
fn check_boxes(html: &str) -> Vec<&str> {
    html.split("<input")
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
        .filter(|tag| tag.contains("checkbox"))
        .collect()
}

#[tokio::test]
async fn the_consent_page_offers_all_that_the_role_holds() {
    let pages = Pages::new();
    let page = pages.get("/oauth/authorize/flw_1", Some(BuiltInRole::Analyst)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.html.contains("<title>MCP authorization \u{2013} Margay</title>"), "{}", page.html);
    let boxes = check_boxes(&page.html);
    let held = BuiltInRole::Analyst.permissions();
    let selectable = held.intersection(PermissionSet::grantable());
    assert_eq!(boxes.len(), usize::try_from(selectable.len()).unwrap());
    for permission in selectable.iter() {
        let value = format!("value=\"{permission}\"");
        let tag = boxes.iter().find(|tag| tag.contains(&value)).unwrap();
        assert!(tag.contains("name=\"permission\"") && tag.contains(" checked"), "{tag}");
    }
    for permission in held.difference(PermissionSet::grantable()).iter() {
        assert!(page.html.contains(permission.sentence()), "{permission}");
    }
    for text in ["Name not verified", "127.0.0.1:4321", "mcp_1", "ana@example.com", "Switch account", "Allow access"] {
        assert!(page.html.contains(text), "{text}");
    }
    assert!(page.html.contains("Claude &lt;script&gt;") && !page.html.contains("Claude <script>"));
}

#[tokio::test]
async fn the_consent_page_leaves_the_way_to_the_client_open() {
    let pages = Pages::new();
    let consent = pages.get("/oauth/authorize/flw_1", ADMIN).await;
    let policy = consent.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("form-action"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert!(consent.html.contains(&format!("nonce=\"{nonce}\"")));
    assert_eq!(consent.header("referrer-policy"), "no-referrer");
    assert_eq!(consent.header("cache-control"), "no-store");
    let connections = pages.get("/connections", ADMIN).await;
    assert!(connections.header("content-security-policy").contains("form-action 'self'"));
    assert_eq!(connections.header("x-frame-options"), "DENY");
}

#[tokio::test]
async fn a_refused_flow_is_an_error_page() {
    let page = Pages::new().get("/oauth/authorize/flw_over", ADMIN).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.html.contains("This request is over") && page.html.contains("Start again in your client."));
}

#[tokio::test]
async fn no_page_has_a_style_attribute() {
    let pages = Pages::new();
    for (path, role) in [
        ("/sign-in?error=invalid", None),
        ("/setup/mgs_open?error=password", None),
        ("/setup/mgs_used", None),
        ("/oauth/authorize/flw_1", ADMIN),
        ("/oauth/authorize/flw_elsewhere", ADMIN),
        ("/connections?disconnected=1", ADMIN),
        ("/connections/grt_1", ADMIN),
        ("/connections/grt_2", ADMIN),
        ("/settings/connections?person=ana%40example.com&disconnected=2", ADMIN),
        ("/settings/connections?state=ended", ADMIN),
        ("/settings/connections/grt_1", ADMIN),
        ("/settings/connections/grt_2", ADMIN),
        (REMOTE_MCP_ADD, ADMIN),
        (REMOTE_MCP, ADMIN),
        (REMOTE_MCP, Some(BuiltInRole::AnalystReadOnly)),
        ("/audit", ADMIN),
        ("/audit", Some(BuiltInRole::Analyst)),
    ] {
        let page = pages.get(path, role).await;
        assert!(page.html.starts_with("<!DOCTYPE html>"), "{path}: {}", page.html);
        assert!(page.html.contains("<h1>"), "{path}");
        assert!(!page.html.contains(" style="), "{path}");
        assert!(!page.html.contains("<textarea"), "{path}");
    }
}

#[tokio::test]
async fn statuses_say_what_happened() {
    let pages = Pages::new();
    assert_eq!(pages.get("/connections/grt_2", ADMIN).await.status, StatusCode::NOT_FOUND);
    assert_eq!(pages.get("/audit", Some(BuiltInRole::Analyst)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(pages.get("/setup/mgs_used", None).await.status, StatusCode::NOT_FOUND);
    let missing = not_found(State(pages.state.clone())).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn people_without_a_session_sign_in_first() {
    let pages = Pages::new();
    let page = pages.get("/oauth/authorize/flw_1", None).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(page.header("location"), "/sign-in?next=/oauth/authorize/flw_1");
    let home = pages.get("/", None).await;
    assert_eq!((home.status, home.header("location")), (StatusCode::SEE_OTHER, "/connections"));
    let again = pages.get("/sign-in?next=/audit", ADMIN).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, "/audit"));
}

#[tokio::test]
async fn what_was_entered_survives_a_refused_save() {
    let pages = Pages::new();
    let body =
        format!("csrf={CSRF}&revision=7&domain=chatgpt.com&domain=https%3A%2F%2Fbad.example&domain=&scheme=javascript");
    let page = pages.post(REMOTE_MCP, &body, BuiltInRole::Admin).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "value=\"chatgpt.com\"",
        "value=\"https://bad.example\"",
        "value=\"javascript\"",
        "href=\"#domain-1\"",
        "href=\"#scheme-0\"",
        "Enter only the host, without https://.",
        "name=\"revision\" value=\"7\"",
    ] {
        assert!(page.html.contains(text), "{text}\n{}", page.html);
    }
    assert_eq!(pages.fake.settings.lock().unwrap().revision, 7);
}

#[tokio::test]
async fn a_stale_save_keeps_the_draft_and_offers_the_new_revision() {
    let pages = Pages::new();
    let page = pages.post(REMOTE_MCP, &format!("csrf={CSRF}&revision=6&domain=chatgpt.com"), BuiltInRole::Admin).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.html.contains("value=\"chatgpt.com\"") && page.html.contains("name=\"revision\" value=\"7\""));
}

#[tokio::test]
async fn a_save_needs_the_token_and_the_permission() {
    let pages = Pages::new();
    let forged = pages.post(REMOTE_MCP, "csrf=other&revision=7&domain=evil.example", BuiltInRole::Admin).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let body = format!("csrf={CSRF}&revision=7&domain=evil.example");
    let reader = pages.post(REMOTE_MCP, &body, BuiltInRole::AnalystReadOnly).await;
    assert_eq!(reader.status, StatusCode::FORBIDDEN);
    assert!(reader.html.contains("Edit Settings &amp; SAML Preferences"), "{}", reader.html);
    assert_eq!(pages.fake.settings.lock().unwrap().revision, 7);

    let saved = pages.post(REMOTE_MCP, &format!("csrf={CSRF}&revision=7&domain=&scheme="), BuiltInRole::Admin).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (StatusCode::SEE_OTHER, "/settings/ai-automation/remote-mcp?saved=1")
    );
    assert!(pages.fake.settings.lock().unwrap().allowlist.domains.is_empty());
}

#[tokio::test]
async fn ending_a_connection_needs_the_token_and_is_audited() {
    let pages = Pages::new();
    let forged = pages.post("/connections/grt_1/revoke", "csrf=", BuiltInRole::Analyst).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(forged.html.contains("This form is too old"));
    assert!(pages.fake.revoked.lock().unwrap().is_empty());

    let body = format!("csrf={CSRF}");
    let ended = pages.post("/connections/grt_1/revoke", &body, BuiltInRole::Analyst).await;
    assert_eq!((ended.status, ended.header("location")), (StatusCode::SEE_OTHER, "/connections?disconnected=1"));
    assert_eq!(*pages.fake.revoked.lock().unwrap(), [GrantId::new("grt_1")]);
    assert_eq!(pages.fake.audited.lock().unwrap().len(), 1);
    assert_eq!(
        pages.post("/connections/grt_9/revoke", &body, BuiltInRole::Analyst).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn error_and_continue_pages_of_other_crates_are_drawn() {
    let pages = Pages::new();
    let page = ErrorPage {
        status: 400,
        title: "Redirect URI is not allowed".to_owned(),
        message: "It is not on the list.".to_owned(),
        advice: "Ask an admin.".to_owned(),
        detail: Some("https://evil.example/<b>".to_owned()),
    };
    let onward = ContinuePage {
        target: "cursor://cb?code=1&state=2".to_owned(),
        client_name: "Cursor".to_owned(),
        allowed: true,
    };
    let other = Router::new()
        .route("/oauth/authorize", get(move || async move { refuse(page) }))
        .route("/oauth/done", get(move || async move { (Extension(onward), "go on") }));
    // Drawing needs the executor that building the pages' router sets up.
    let _pages = router(pages.state.clone());
    let app = draw(other, pages.state.clone());

    let refused = app.clone().oneshot(request_for("/oauth/authorize")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.headers().contains_key("x-frame-options"));
    let html = String::from_utf8(refused.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(html.contains("<h1>Redirect URI is not allowed</h1>") && html.contains("evil.example/&lt;b&gt;"), "{html}");

    let done = app.oneshot(request_for("/oauth/done")).await.unwrap();
    assert_eq!(done.status(), StatusCode::OK);
    let html = String::from_utf8(done.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(html.contains("http-equiv=\"refresh\"") && html.contains("You can close this window."), "{html}");
    assert!(html.contains("href=\"cursor://cb?code=1&amp;state=2\""), "{html}");
}

#[tokio::test]
async fn a_metadata_document_vouches_for_its_client() {
    let pages = Pages::new();
    let page = pages.get("/oauth/authorize/flw_document", ADMIN).await;
    assert!(page.html.contains("vouches for this client") && !page.html.contains("Name not verified"), "{}", page.html);
    assert!(!page.html.contains("another site") && !page.html.contains("can pose as this client"));
    assert!(page.html.contains("https://claude.ai/oauth/client.json"), "its id is shown whole");
    assert!(page.html.contains("Requested"), "the marks of what it asked for stay");
    // Who registered itself is not vouched for, and gets no warning besides the mark.
    let registered = pages.get("/oauth/authorize/flw_1", ADMIN).await;
    assert!(!registered.html.contains("vouches for") && !registered.html.contains("can pose as this client"));
}

#[tokio::test]
async fn what_a_host_cannot_vouch_for_is_a_warning() {
    let pages = Pages::new();
    let elsewhere = pages.get("/oauth/authorize/flw_elsewhere", ADMIN).await;
    assert!(elsewhere.html.contains("Access is sent to another site."), "{}", elsewhere.html);
    assert!(elsewhere.html.contains("banner--warning") && elsewhere.html.contains("other.example"));
    for flow in ["flw_local", "flw_app"] {
        let page = pages.get(&format!("/oauth/authorize/{flow}"), ADMIN).await;
        assert!(page.html.contains("Any program on this computer can pose as this client."), "{flow}: {}", page.html);
    }
    let mixed = pages.get("/oauth/authorize/flw_mixed", ADMIN).await;
    assert!(!mixed.html.contains("banner--warning"), "loopback is no other site");
    assert!(mixed.html.contains("Go on only if you started it yourself."));
}

#[tokio::test]
async fn blocked_redirects_come_with_what_would_allow_them() {
    let pages = Pages::new();
    let page = pages.get(REMOTE_MCP, ADMIN).await;
    for text in [
        "Recently blocked",
        "Chat &lt;script&gt;",
        "2 times",
        "ana@example.com",
        "?add_domain=chatgpt.com#domain-1",
        "?add_scheme=vscode#scheme-1",
        "Allowed now",
        "No setting can allow this.",
    ] {
        assert!(page.html.contains(text), "{text}\n{}", page.html);
    }
    assert!(!page.html.contains("add_domain=*") && !page.html.contains("add_domain=%2A"), "a star is never proposed");

    let added = pages.get(REMOTE_MCP_ADD, ADMIN).await;
    assert!(
        added.html.contains("value=\"chatgpt.com\"") && added.html.contains("Proposed, not saved"),
        "{}",
        added.html
    );
    assert_eq!(pages.fake.settings.lock().unwrap().revision, 7, "a link saves nothing");
    let foreign = pages.get(&format!("{REMOTE_MCP}?add_domain=evil.example"), ADMIN).await;
    assert!(!foreign.html.contains("value=\"evil.example\""), "only what was blocked is put into a row");

    let reader = pages.get(REMOTE_MCP_ADD, Some(BuiltInRole::AnalystReadOnly)).await;
    assert!(reader.html.contains("Recently blocked") && reader.html.contains("2 times"));
    assert!(!reader.html.contains("add_domain") && !reader.html.contains("value=\"chatgpt.com\""), "{}", reader.html);
    assert!(!reader.html.contains("ana@example.com"), "who tried is part of the audit log");
}

#[tokio::test]
async fn an_admin_approves_a_client_that_waits() {
    let pages = Pages::new();
    assert!(!pages.get(REMOTE_MCP, ADMIN).await.html.contains("Clients waiting for approval"), "none waits");
    let redirect_uris = vec!["https://claude.ai/cb".to_owned(), "cursor://x/cb".to_owned()];
    let waiting = Client { approval: Approval::Waiting, redirect_uris, ..client() };
    pages.fake.clients.lock().unwrap().push(waiting);
    let page = pages.get(REMOTE_MCP, ADMIN).await;
    for text in
        ["Clients waiting for approval", "Claude &lt;script&gt;", "mcp_1", "claude.ai, cursor://", "Name not verified"]
    {
        assert!(page.html.contains(text), "{text}\n{}", page.html);
    }
    let approve = format!("{REMOTE_MCP}/approve");
    assert!(page.html.contains(&format!("action=\"{approve}\"")));
    let reader = pages.get(REMOTE_MCP, Some(BuiltInRole::AnalystReadOnly)).await;
    assert!(reader.html.contains("Clients waiting for approval") && !reader.html.contains(&approve));

    let forged = pages.post(&approve, "csrf=&client=mcp_1", BuiltInRole::Admin).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let body = format!("csrf={CSRF}&client=mcp_1");
    assert_eq!(pages.post(&approve, &body, BuiltInRole::AnalystReadOnly).await.status, StatusCode::FORBIDDEN);
    assert!(pages.fake.audited.lock().unwrap().is_empty());
    let approved = pages.post(&approve, &body, BuiltInRole::Admin).await;
    assert_eq!(approved.status, StatusCode::SEE_OTHER);
    assert!(pages.get(approved.header("location"), ADMIN).await.html.contains("Approved. People can connect"));
    assert_eq!(pages.fake.audited.lock().unwrap()[0].action_name, audit::APPROVE_MCP_CLIENT);
    let unknown = pages.post(&approve, &format!("csrf={CSRF}&client=mcp_9"), BuiltInRole::Admin).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_admin_sees_and_ends_everyones_connections() {
    let pages = Pages::new();
    let list = pages.get("/settings/connections", ADMIN).await;
    assert_eq!(list.status, StatusCode::OK);
    for text in
        ["Claude &lt;script&gt;", "ana@example.com", "Name not verified", "/settings/connections/grt_1", "Disconnect"]
    {
        assert!(list.html.contains(text), "{text}\n{}", list.html);
    }
    assert!(!list.html.contains("revoke-all"), "one person has to be chosen first");
    let one = pages.get("/settings/connections?person=ana%40example.com", ADMIN).await;
    assert!(one.html.contains("revoke-all") && one.html.contains("value=\"usr_1\""), "{}", one.html);
    assert!(pages.get("/settings/connections?client=cursor", ADMIN).await.html.contains("No connection matches"));

    let body = format!("csrf={CSRF}&user=usr_1");
    for path in ["/settings/connections/grt_1/revoke", "/settings/connections/revoke-all"] {
        assert_eq!(pages.post(path, "csrf=&user=usr_1", BuiltInRole::Admin).await.status, StatusCode::FORBIDDEN);
        assert_eq!(pages.post(path, &body, BuiltInRole::Analyst).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(pages.fake.reasons.lock().unwrap().is_empty());

    let ended = pages.post("/settings/connections/grt_1/revoke", &body, BuiltInRole::Admin).await;
    let back = "/settings/connections?person=ana%40example.com&disconnected=1";
    assert_eq!((ended.status, ended.header("location")), (StatusCode::SEE_OTHER, back));
    let ended = pages.post("/settings/connections/revoke-all", &body, BuiltInRole::Admin).await;
    assert_eq!(ended.header("location"), "/settings/connections?person=ana%40example.com&disconnected=3");
    assert_eq!(*pages.fake.reasons.lock().unwrap(), [RevocationReason::Admin, RevocationReason::Admin]);
    let audited = pages.fake.audited.lock().unwrap().clone();
    assert_eq!(audited.len(), 2);
    for event in &audited {
        assert_eq!(event.action_name, audit::REVOKE_MCP_CONNECTION);
        assert_eq!(event.action_details["userEmail"], "ana@example.com");
    }
    let unknown = pages.post("/settings/connections/grt_9/revoke", &body, BuiltInRole::Admin).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_reads_people_sees_connections_and_nobody_else_does() {
    let pages = Pages::new();
    // An analyst holds Read User Info, and not Manage Users.
    let analyst = Some(BuiltInRole::Analyst);
    let list = pages.get("/settings/connections", analyst).await;
    assert!(list.html.contains("Details") && !list.html.contains("Disconnect"), "{}", list.html);
    let one = pages.get("/settings/connections/grt_1", analyst).await;
    assert!(one.status == StatusCode::OK && !one.html.contains("/revoke"), "{}", one.html);
    assert_eq!(pages.get("/settings/connections/grt_9", analyst).await.status, StatusCode::NOT_FOUND);

    let mut role = BuiltInRole::Analyst.role(NOW);
    role.permissions.remove(margay_domain::rules::Permission::UserRead);
    for path in ["/settings/connections", "/settings/connections/grt_1", "/connections"] {
        let mut request = request_for(path);
        request.extensions_mut().insert(SignedIn { user: user(BuiltInRole::Analyst), role: role.clone() });
        let page = pages.send(request, None).await;
        let expected = if path == "/connections" { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(page.status, expected, "{path}");
        assert!(!page.html.contains("\"/settings/connections\""), "no link to what cannot be opened");
    }
}

#[tokio::test]
async fn the_setup_form_comes_back_with_what_was_entered() {
    let pages = Pages::new();
    let first = pages.get("/setup/mgs_open", None).await;
    let inputs: Vec<&str> = first.html.split("<input").skip(1).filter_map(|rest| rest.split('>').next()).collect();
    let input = |name: &str| *inputs.iter().find(|tag| tag.contains(&format!("name=\"{name}\""))).unwrap();
    assert!(input("email").contains(" required") && input("password").contains(" required"));
    assert!(!input("given_name").contains(" required") && !input("family_name").contains(" required"));

    let again = |token: Secret| margay_domain::page::SetupAgain {
        browser: Browser { hash: SecretHash::from_bytes([7; 32]), csrf: CSRF.to_owned() },
        token,
        error: "email",
        email: "ana@\"><b>".to_owned(),
        given_name: "Ana".to_owned(),
        family_name: "Silva".to_owned(),
    };
    // Drawing needs the executor that building the pages' router sets up.
    let _pages = router(pages.state.clone());
    for (is_open, status) in [(true, StatusCode::UNPROCESSABLE_ENTITY), (false, StatusCode::NOT_FOUND)] {
        let token = Secret::generate(SecretKind::Setup, &SeededEntropy::new(if is_open { OPEN_SEED } else { 9 }));
        let page = again(token);
        let other = Router::new()
            .route("/setup", get(move || async move { (StatusCode::UNPROCESSABLE_ENTITY, Extension(page), "text") }));
        let answer = draw(other, pages.state.clone()).oneshot(request_for("/setup")).await.unwrap();
        assert_eq!(answer.status(), status);
        let html = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert_eq!(html.contains("value=\"Ana\"") && html.contains("value=\"Silva\""), is_open, "{html}");
        assert!(!html.contains("<b>") && !html.contains("type=\"password\" value"), "{html}");
    }
}

#[tokio::test]
async fn the_way_from_sign_in_to_a_client_is_open_in_browsers() {
    let pages = Pages::new();
    let policy = async |path: &str| pages.get(path, None).await.header("content-security-policy").to_owned();
    let request = "/sign-in?next=%2Foauth%2Fauthorize%3Fresponse_type%3Dtoken";
    for path in [request, "/sign-in?error=expired&next=%2Foauth%2Fauthorize%2Fflw_1"] {
        let policy = policy(path).await;
        assert!(policy.contains("default-src 'none'") && !policy.contains("form-action"), "{path}: {policy}");
    }
    for path in ["/sign-in", "/sign-in?next=%2Fconnections", "/sign-in?next=%2F%2Fevil.example%2Foauth%2Fauthorize"] {
        let policy = policy(path).await;
        assert!(policy.contains("form-action 'self'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_keeps_the_address_and_the_way_on() {
    let pages = Pages::new();
    // Drawing needs the executor that building the pages' router sets up.
    let _pages = router(pages.state.clone());
    for (error, status, sentence) in [("invalid", 422_u16, "is not right"), ("limited", 429, "too many attempts")] {
        let again = SignInAgain {
            browser: Browser { hash: SecretHash::from_bytes([7; 32]), csrf: CSRF.to_owned() },
            status,
            error,
            email: "ana@example.com\"><b>".to_owned(),
            next: "/oauth/authorize?response_type=token&state=a+b".to_owned(),
        };
        let answer = (StatusCode::SEE_OTHER, [(header::LOCATION, "/sign-in?error=invalid")], Extension(again));
        let other = Router::new().route("/sign-in", get(move || async move { answer }));
        let answer = draw(other, pages.state.clone()).oneshot(request_for("/sign-in")).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().get(header::LOCATION)), (status, None));
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("form-action"), "{policy}");
        let html = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(html.contains(sentence) && html.contains("value=\"ana@example.com&quot;"), "{html}");
        assert!(!html.contains("<b>") && !html.contains("type=\"password\" value"), "{html}");
        assert!(html.contains("value=\"/oauth/authorize?response_type=token&amp;state=a+b\""), "{html}");
        let inputs: Vec<&str> = html.split("<input").skip(1).filter_map(|rest| rest.split('>').next()).collect();
        let focused: Vec<bool> = inputs.iter().map(|tag| tag.contains(" autofocus")).collect();
        assert_eq!(focused, [false, false, false, true], "the password is what has to be entered again: {inputs:?}");
    }
}

#[tokio::test]
async fn the_first_button_of_a_form_that_decides_decides_nothing() {
    let pages = Pages::new();
    let first_button = |html: &str, action: &str| {
        let form = html.split("<form").find(|form| form.contains(&format!("action=\"{action}\""))).unwrap();
        let tag = form.split("<button").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
        tag.to_owned()
    };
    let consent = pages.get("/oauth/authorize/flw_1", ADMIN).await;
    let button = first_button(&consent.html, "/oauth/authorize/decision");
    assert!(button.contains("value=\"none\"") && button.contains("type=\"submit\""), "{button}");
    let settings = pages.get(REMOTE_MCP, ADMIN).await;
    let button = first_button(&settings.html, REMOTE_MCP);
    assert!(button.contains("name=\"check\"") && button.contains("type=\"submit\""), "{button}");
}

#[tokio::test]
async fn a_form_without_a_decision_comes_back_with_what_was_left_selected() {
    let page = Pages::new().get("/oauth/authorize/flw_1?undecided=AlertRead+RuleRead+UserModify+Root", ADMIN).await;
    assert!(page.html.contains("Nothing was decided. Choose Allow access or Cancel."), "{}", page.html);
    let checked: Vec<&str> = check_boxes(&page.html).into_iter().filter(|tag| tag.contains(" checked")).collect();
    assert_eq!(checked.len(), 2, "{checked:?}");
    assert!(checked.iter().all(|tag| tag.contains("AlertRead") || tag.contains("RuleRead")), "{checked:?}");
    let none = Pages::new().get("/oauth/authorize/flw_1?undecided=", ADMIN).await;
    assert!(check_boxes(&none.html).iter().all(|tag| !tag.contains(" checked")));
}

#[tokio::test]
async fn a_name_that_imitates_another_is_flagged_in_words() {
    let pages = Pages::new();
    let sentence = "This name imitates Claude. It mixes letters of two scripts: \u{421} (Cyrillic).";
    let consent = pages.get("/oauth/authorize/flw_lookalike", ADMIN).await;
    assert!(consent.html.contains("banner--error") && consent.html.contains(sentence), "{}", consent.html);
    let ordinary = pages.get("/oauth/authorize/flw_1", ADMIN).await;
    assert!(!ordinary.html.contains("imitates") && !ordinary.html.contains("banner--error"));

    let waiting = Client { approval: Approval::Waiting, name: LOOKALIKE.to_owned(), ..client() };
    pages.fake.clients.lock().unwrap().push(waiting);
    let settings = pages.get(REMOTE_MCP, ADMIN).await;
    assert!(settings.html.contains("Imitates Claude") && settings.html.contains(sentence), "{}", settings.html);
}

#[tokio::test]
async fn connecting_again_says_what_it_replaces() {
    let pages = Pages::new();
    let page = pages.get("/oauth/authorize/flw_again", ADMIN).await;
    let count = PermissionSet::grantable().len();
    for text in ["You connected this client on", "Allowing access replaces that connection"] {
        assert!(page.html.contains(text), "{text}\n{}", page.html);
    }
    assert!(page.html.contains(&format!("with {count} permissions")), "{}", page.html);
    assert!(!pages.get("/oauth/authorize/flw_1", ADMIN).await.html.contains("replaces that connection"));
}

#[tokio::test]
async fn a_long_name_is_cut_by_the_style_sheet_and_whole_in_a_fold() {
    let page = Pages::new().get("/oauth/authorize/flw_long", ADMIN).await;
    let name = "W".repeat(200);
    assert!(page.html.contains(&format!("<bdi title=\"{name}\" class=\"client-name\">")), "{}", page.html);
    assert!(page.html.contains("Whole name"));
}

#[tokio::test]
async fn the_settings_page_says_what_entries_mean() {
    let pages = Pages::new();
    let page = pages.get(REMOTE_MCP, ADMIN).await;
    for text in [
        "<h3 class=\"fieldset__title\">Allowed redirect domains</h3>",
        "<h3 class=\"fieldset__title\">Allowed custom schemes</h3>",
        "What a domain entry matches",
        "notcursor.com",
    ] {
        assert!(page.html.contains(text), "{text}\n{}", page.html);
    }
    // Enter in an input: judged and not saved, for those who could save.
    let body =
        format!("csrf={CSRF}&revision=7&check=1&domain=*.github.io&domain=*example.org&domain=1.2.3.4&scheme=intent");
    let checked = pages.post(REMOTE_MCP, &body, BuiltInRole::Admin).await;
    assert_eq!(checked.status, StatusCode::OK);
    for text in [
        "Not saved yet.",
        "github.io is shared: anyone can make a subdomain there and receive codes.",
        "*example.org also matches notexample.org, which anyone can register. Write *.example.org",
        "This is a network address",
        "This scheme is reserved",
    ] {
        assert!(checked.html.contains(text), "{text}\n{}", checked.html);
    }
    assert_eq!(pages.fake.settings.lock().unwrap().revision, 7);
    let reader = pages.post(REMOTE_MCP, &body, BuiltInRole::AnalystReadOnly).await;
    assert_eq!(reader.status, StatusCode::FORBIDDEN);

    pages.fake.settings.lock().unwrap().allowlist = Allowlist::default();
    let empty = pages.get(REMOTE_MCP, Some(BuiltInRole::AnalystReadOnly)).await;
    assert_eq!(empty.html.matches("None: only this computer.").count(), 2, "{}", empty.html);
}
