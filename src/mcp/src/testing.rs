//! A world for tests: two people, three connections, a handful of tools, and an audit log that can be held or broken.
//! What the tools of these tests never read is in `nothing`.

mod nothing;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use margay_domain::{
    audit::{AuditEvent, AuditQuery},
    client::{Approval, Client, ClientSource},
    clock::{Clock, Timestamp},
    grant::{AuthorizationCode, Grant, RefreshToken, RevocationReason},
    id::{ClientId, GrantId, RoleId, UserId},
    ports::{AuditLog, CodeRedemption, Grants, RefreshRotation, StoreResult, TokenError, TokenVerifier, VerifiedToken},
    principal::Principal,
    role::{LogTypeAccess, Role},
    rules::{Permission, PermissionSet},
    secret::SecretHash,
    testing::{ManualClock, SeededEntropy},
    user::User,
};
use margay_tools::{Hints, JsonObject, Provenance, Registry, Requirement, Tool, ToolContext, ToolError, ToolOutput};
use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::{
    call::Calls,
    config::{McpConfig, McpState},
    in_flight::InFlight,
    invocation::Recorder,
    limits::McpLimits,
};
use nothing::{ports, unavailable};

/// The present.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The host of the endpoint.
pub(crate) const HOST: &str = "127.0.0.1:8080";

/// The settings of the endpoint in tests.
pub(crate) fn config() -> McpConfig {
    McpConfig {
        resource: format!("http://{HOST}/mcp"),
        resource_metadata_url: format!("http://{HOST}/.well-known/oauth-protected-resource/mcp"),
        resource_metadata_aliases: vec![(
            "localhost:8080".to_owned(),
            "http://localhost:8080/.well-known/oauth-protected-resource/mcp".to_owned(),
        )],
        allowed_hosts: vec!["localhost".to_owned()],
        allowed_origins: vec!["http://localhost:*".to_owned()],
        max_body_bytes: 64 * 1024,
        call_timeout: Duration::from_secs(310),
        limits: McpLimits::default(),
        server_version: "1.2.3".to_owned(),
    }
}

/// Lets tasks that are ready go on.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Everything around the endpoint.
pub(crate) struct World {
    audit: Arc<FakeAudit>,
    grants: Arc<FakeGrants>,
    clock: Arc<ManualClock>,
    started: Arc<Notify>,
    in_flight: InFlight,
    shutdown: CancellationToken,
    limits: McpLimits,
}

impl World {
    pub(crate) fn new() -> Self {
        let held = [Permission::AlertRead, Permission::RuleRead, Permission::DataAnalyticsRead];
        let granted = [Permission::AlertRead, Permission::RuleRead];
        let people = [("grt_1", "usr_1", "ana"), ("grt_2", "usr_2", "bob"), ("grt_3", "usr_1", "ana")];
        let principals = people
            .into_iter()
            .map(|(grant, user, name)| {
                (
                    grant.to_owned(),
                    principal(grant, user, name, held.into_iter().collect(), granted.into_iter().collect()),
                )
            })
            .collect();
        Self {
            audit: Arc::default(),
            grants: Arc::new(FakeGrants {
                principals: Mutex::new(principals),
                broken: AtomicBool::new(false),
                uses: AtomicUsize::new(0),
            }),
            clock: Arc::new(ManualClock::new(NOW)),
            started: Arc::default(),
            in_flight: InFlight::default(),
            shutdown: CancellationToken::new(),
            limits: McpLimits::default(),
        }
    }

    /// The same with other limits.
    pub(crate) fn limited(limits: McpLimits) -> Self {
        Self { limits, ..Self::new() }
    }

    /// Ana with her first connection.
    pub(crate) fn principal(&self) -> Principal {
        self.grants.principals.lock().unwrap()["grt_1"].clone()
    }

    /// Changes what the store says about a connection.
    pub(crate) fn change(&self, grant: &str, change: impl FnOnce(&mut Principal)) {
        change(self.grants.principals.lock().unwrap().get_mut(grant).unwrap());
    }

    /// The store knows this connection no more, or not as one of a person with a role.
    pub(crate) fn forget(&self, grant: &str) {
        self.grants.principals.lock().unwrap().remove(grant);
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) fn break_store(&self) {
        self.grants.broken.store(true, Ordering::SeqCst);
    }

    pub(crate) fn break_audit(&self) {
        self.audit.broken.store(true, Ordering::SeqCst);
    }

    /// No event is written until the guard is dropped.
    pub(crate) async fn hold_audit(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.audit.gate).lock_owned().await
    }

    /// Waits until an event is about to be written.
    pub(crate) async fn audit_waits(&self) {
        self.audit.arrived.notified().await;
    }

    /// Waits until a tool runs.
    pub(crate) async fn started(&self) {
        self.started.notified().await;
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// How often the use of a grant was noted.
    pub(crate) fn uses(&self) -> usize {
        self.grants.uses.load(Ordering::SeqCst)
    }

    pub(crate) fn events(&self) -> Vec<AuditEvent> {
        self.audit.events.lock().unwrap().clone()
    }

    /// The outcomes of all events, in order.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let events = self.events();
        events.iter().filter_map(|event| event.action_details["outcome"].as_str()).map(str::to_owned).collect()
    }

    pub(crate) fn calls(&self) -> Calls {
        let state = self.state();
        Calls {
            registry: state.registry,
            ports: state.ports,
            grants: state.grants,
            recorder: Recorder {
                audit: state.audit,
                clock: Arc::clone(&state.clock),
                entropy: state.entropy,
                in_flight: state.in_flight,
            },
            clock: state.clock,
            timeout: state.config.call_timeout,
        }
    }

    pub(crate) fn server(&self) -> Server {
        Server(crate::router(self.state(), self.shutdown.clone()))
    }

    fn state(&self) -> McpState {
        let clock: Arc<dyn Clock> = self.clock.clone();
        McpState {
            config: McpConfig { limits: self.limits, ..config() },
            verifier: Arc::new(FakeVerifier),
            grants: self.grants.clone(),
            audit: self.audit.clone(),
            registry: self.registry(),
            ports: ports(&clock),
            clock,
            entropy: Arc::new(SeededEntropy::new(1)),
            in_flight: self.in_flight.clone(),
        }
    }

    fn registry(&self) -> Registry {
        let tool = |name, title, requires, behaviour| -> Arc<dyn Tool> {
            Arc::new(FakeTool { name, title, requires, behaviour, started: Arc::clone(&self.started) })
        };
        Registry::of(vec![
            tool("slow", "Slow", Requirement::Nothing, Behaviour::Slow),
            tool("echo", "Echo", Requirement::Nothing, Behaviour::Echo),
            tool("fails", "Fails", Requirement::Nothing, Behaviour::Fails),
            tool("huge", "Huge", Requirement::Nothing, Behaviour::Huge),
            tool("patient", "Patient", Requirement::All(&[Permission::AlertRead]), Behaviour::Patient),
            tool("changes", "Changes", Requirement::All(&[Permission::RuleRead]), Behaviour::Changes),
            tool("panics", "Panics", Requirement::Nothing, Behaviour::Panics),
            tool("alerts", "Alerts", Requirement::All(&[Permission::AlertRead]), Behaviour::Echo),
            tool("data", "Data", Requirement::All(&[Permission::DataAnalyticsRead]), Behaviour::Echo),
            tool("people", "People", Requirement::All(&[Permission::UserRead]), Behaviour::Echo),
        ])
    }
}

fn principal(grant: &str, user: &str, name: &str, held: PermissionSet, granted: PermissionSet) -> Principal {
    let role_id = RoleId::new("rol_1");
    Principal {
        user: Arc::new(User {
            id: UserId::new(user),
            email: format!("{name}@example.com"),
            given_name: name.to_owned(),
            family_name: String::new(),
            role_id: role_id.clone(),
            enabled: true,
            created_at: NOW,
            last_signed_in_at: None,
        }),
        role: Arc::new(Role {
            id: role_id,
            name: "Tester".to_owned(),
            permissions: held,
            log_types: LogTypeAccess::AllowAll,
            built_in: false,
            created_at: NOW,
            updated_at: NOW,
        }),
        grant: Arc::new(Grant {
            id: GrantId::new(grant),
            user_id: UserId::new(user),
            client_id: ClientId::new("mcp_1"),
            permissions: granted,
            resource: config().resource,
            redirect_uri: "http://127.0.0.1:1/callback".to_owned(),
            created_at: NOW,
            activated_at: Some(NOW),
            expires_at: NOW.plus(Duration::from_hours(24)),
            last_used_at: None,
            narrowed_from: None,
            refreshed_from: None,
            revoked: None,
        }),
        client: Arc::new(Client {
            id: ClientId::new("mcp_1"),
            name: "Test client".to_owned(),
            redirect_uris: Vec::new(),
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: NOW,
            last_authorized_at: None,
        }),
        token_scope: None,
    }
}

/// The endpoint.
pub(crate) struct Server(Router);

impl Server {
    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request and leaves the body unread.
    pub(crate) async fn open(&self, request: Request<Body>) -> axum::response::Response {
        self.0.clone().oneshot(request).await.unwrap()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The one message in the answer, in whichever of the two formats it came.
    pub(crate) fn json(&self) -> Value {
        let is_stream = self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let text = if is_stream {
            let mut messages = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
            let first = messages.next().unwrap_or_else(|| panic!("no message in {}", self.body));
            assert_eq!(messages.next(), None, "one message only");
            first
        } else {
            self.body.as_str()
        };
        serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

/// A request with the headers that every well-behaved client sends.
pub(crate) fn request(
    method: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri("/mcp");
    let mut all = BTreeMap::from([
        ("host", HOST),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ]);
    all.extend(headers.iter().copied());
    for (name, value) in all {
        request = request.header(name, value);
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(body.into()).unwrap()
}

/// A request of the older era.
pub(crate) fn legacy(token: &str, session: Option<&str>, method: &str, params: &Value) -> Request<Body> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let headers: Vec<(&str, &str)> = session.map(|session| ("mcp-session-id", session)).into_iter().collect();
    request("POST", Some(token), &headers, body.to_string())
}

/// A request of the newer era.
pub(crate) fn modern(token: &str, method: &str, params: &Value) -> Request<Body> {
    let mut params = params.clone();
    let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": "one", "method": method, "params": params });
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
    request("POST", Some(token), &headers, body.to_string())
}

struct FakeVerifier;

impl TokenVerifier for FakeVerifier {
    fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let (grant, scope) = match token {
            "token-ana" => ("grt_1", None),
            "token-bob" => ("grt_2", None),
            "token-ana-other" => ("grt_3", None),
            "token-narrow" => ("grt_1", Some([Permission::RuleRead].into_iter().collect())),
            "token-gone" => ("grt_9", None),
            "token-old" => return Err(TokenError::Expired),
            _ => return Err(TokenError::Invalid),
        };
        let expires_at = now.plus(Duration::from_hours(1));
        Ok(VerifiedToken { grant_id: GrantId::new(grant), token_id: format!("id-of-{token}"), scope, expires_at })
    }
}

#[derive(Default)]
struct FakeAudit {
    events: Mutex<Vec<AuditEvent>>,
    broken: AtomicBool,
    gate: Arc<tokio::sync::Mutex<()>>,
    arrived: Notify,
}

#[async_trait]
impl AuditLog for FakeAudit {
    async fn record(&self, event: AuditEvent) -> StoreResult<()> {
        self.arrived.notify_one();
        let _gate = self.gate.lock().await;
        if self.broken.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        self.events.lock().unwrap().push(event);
        Ok(())
    }

    async fn search(&self, _query: &AuditQuery) -> StoreResult<Vec<AuditEvent>> {
        Ok(self.events.lock().unwrap().clone())
    }
}

struct FakeGrants {
    principals: Mutex<BTreeMap<String, Principal>>,
    broken: AtomicBool,
    uses: AtomicUsize,
}

#[async_trait]
impl Grants for FakeGrants {
    async fn create(&self, _grant: &Grant, _code: &AuthorizationCode) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &GrantId) -> StoreResult<Option<Grant>> {
        Err(unavailable())
    }
    async fn principal(&self, id: &GrantId) -> StoreResult<Option<Principal>> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        Ok(self.principals.lock().unwrap().get(id.as_str()).cloned())
    }
    async fn list_for_user(&self, _user: &UserId) -> StoreResult<Vec<(Grant, Client)>> {
        Err(unavailable())
    }
    async fn list_all(&self) -> StoreResult<Vec<(Grant, Client)>> {
        Err(unavailable())
    }
    async fn redeem_code(&self, _code: &SecretHash, _now: Timestamp) -> StoreResult<CodeRedemption> {
        Err(unavailable())
    }
    async fn activate(&self, _id: &GrantId, _refresh: Option<&RefreshToken>, _now: Timestamp) -> StoreResult<bool> {
        Err(unavailable())
    }
    async fn discard(&self, _id: &GrantId) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn refresh_token(&self, _hash: &SecretHash) -> StoreResult<Option<RefreshToken>> {
        Err(unavailable())
    }
    async fn rotate(
        &self,
        _presented: &SecretHash,
        _successor: &RefreshToken,
        _now: Timestamp,
        _grace: Duration,
        _from: Option<std::net::IpAddr>,
    ) -> StoreResult<RefreshRotation> {
        Err(unavailable())
    }
    async fn revoke(&self, _id: &GrantId, _reason: RevocationReason, _now: Timestamp) -> StoreResult<bool> {
        Err(unavailable())
    }
    async fn revoke_all_of(&self, _user: &UserId, _reason: RevocationReason, _now: Timestamp) -> StoreResult<u64> {
        Err(unavailable())
    }
    async fn used(&self, _id: &GrantId, _now: Timestamp) -> StoreResult<()> {
        self.uses.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    async fn collect(&self, _now: Timestamp) -> StoreResult<u64> {
        Err(unavailable())
    }
}

#[derive(Clone, Copy)]
enum Behaviour {
    Echo,
    Fails,
    Panics,
    Slow,
    Patient,
    Changes,
    Huge,
}

struct FakeTool {
    name: &'static str,
    title: &'static str,
    requires: Requirement,
    behaviour: Behaviour,
    started: Arc<Notify>,
}

#[async_trait]
impl Tool for FakeTool {
    fn name(&self) -> &'static str {
        self.name
    }
    fn title(&self) -> &'static str {
        self.title
    }
    fn description(&self) -> &'static str {
        "A tool for tests."
    }
    fn hints(&self) -> Hints {
        if matches!(self.behaviour, Behaviour::Changes) { Hints::SET } else { Hints::READ }
    }
    fn requires(&self) -> Requirement {
        self.requires
    }
    fn input_schema(&self) -> JsonObject {
        [("type".to_owned(), json!("object"))].into_iter().collect()
    }
    fn output_schema(&self) -> JsonObject {
        self.input_schema()
    }
    async fn call(&self, context: &ToolContext, arguments: JsonObject) -> Result<ToolOutput, ToolError> {
        self.started.notify_one();
        match self.behaviour {
            Behaviour::Echo => Ok(ToolOutput {
                structured: arguments,
                text: format!("for {}", context.principal.user.email),
                rows: Some(1),
                provenance: Provenance::Own,
                partial: false,
            }),
            Behaviour::Fails => Err(ToolError::not_found("There is nothing by that name.")),
            Behaviour::Huge => Ok(ToolOutput {
                structured: [("text".to_owned(), json!("x".repeat(600_000)))].into_iter().collect(),
                text: String::new(),
                rows: Some(1),
                provenance: Provenance::Own,
                partial: false,
            }),
            Behaviour::Panics => panic!("a tool that panics on purpose"),
            Behaviour::Patient => {
                tokio::time::sleep(Duration::from_mins(1)).await;
                Ok(ToolOutput {
                    structured: arguments,
                    text: "at last".to_owned(),
                    rows: Some(1),
                    provenance: Provenance::Own,
                    partial: false,
                })
            }
            Behaviour::Changes => {
                tokio::time::sleep(Duration::from_mins(1)).await;
                Ok(ToolOutput {
                    structured: arguments,
                    text: String::new(),
                    rows: Some(1),
                    provenance: Provenance::Own,
                    partial: true,
                })
            }
            Behaviour::Slow => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                Err(ToolError::not_found("This was never reached."))
            }
        }
    }
}
