//! The use cases with small fakes behind them.

use std::{
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;

use super::*;
use crate::{
    client::ClientSource,
    id::UserId,
    ports::StoreResult,
    remote_mcp::blocked::Remedy,
    role::BuiltInRole,
    testing::{ManualClock, SeededEntropy},
    user::User,
};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// One fake behind all ports.
#[derive(Default)]
struct Fake {
    settings: Mutex<RemoteMcpSettings>,
    clients: Mutex<Vec<Client>>,
    events: Mutex<Vec<AuditEvent>>,
    queries: Mutex<Vec<AuditQuery>>,
}

fn not_here<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable("not part of this test".to_owned()))
}

#[async_trait]
impl Settings for Fake {
    async fn remote_mcp(&self) -> StoreResult<RemoteMcpSettings> {
        Ok(self.settings.lock().unwrap().clone())
    }
    async fn save_remote_mcp(&self, _: &RemoteMcpSettings) -> StoreResult<i64> {
        not_here()
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
impl AuditLog for Fake {
    async fn record(&self, event: AuditEvent) -> StoreResult<()> {
        self.events.lock().unwrap().push(event);
        Ok(())
    }
    async fn search(&self, query: &AuditQuery) -> StoreResult<Vec<AuditEvent>> {
        self.queries.lock().unwrap().push(query.clone());
        Ok(self.events.lock().unwrap().clone())
    }
}

fn client(id: &str, approval: Approval) -> Client {
    Client {
        id: ClientId::new(id),
        name: "Claude".to_owned(),
        redirect_uris: vec!["https://claude.ai/cb".to_owned()],
        client_uri: None,
        application_type: None,
        grant_types: Vec::new(),
        source: ClientSource::Registered,
        approval,
        document_fresh_until: None,
        created_at: NOW,
        last_authorized_at: None,
    }
}

fn person(role: BuiltInRole) -> SignedIn {
    let role = role.role(NOW);
    let user = User {
        id: UserId::new("usr_1"),
        email: "ana@example.com".to_owned(),
        given_name: "Ana".to_owned(),
        family_name: String::new(),
        role_id: role.id.clone(),
        enabled: true,
        created_at: NOW,
        last_signed_in_at: None,
    };
    SignedIn { user, role }
}

fn service(fake: &Arc<Fake>) -> RemoteMcp {
    RemoteMcp {
        settings: fake.clone(),
        clients: fake.clone(),
        audit: fake.clone(),
        clock: Arc::new(ManualClock::new(NOW)),
        entropy: Arc::new(SeededEntropy::new(1)),
    }
}

/// The fakes answer at once, so one look is enough.
fn done<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the fakes answer at once"),
    }
}

#[test]
fn who_tried_is_told_to_readers_of_the_audit_log_only() {
    let fake = Arc::new(Fake::default());
    let service = service(&fake);
    let admin = person(BuiltInRole::Admin);
    fake.events.lock().unwrap().push(AuditEvent {
        action_name: audit::MCP_REDIRECT_BLOCKED.to_owned(),
        action_params: json!({ "redirectUri": "https://claude.ai/cb" }),
        action_details: json!({ "clientName": "Claude", "rule": "domain_not_listed" }),
        ..service.event(NOW, &admin, &Origin::default())
    });
    let groups = done(service.recently_blocked(&admin)).unwrap();
    assert_eq!(groups[0].people, ["ana@example.com"]);
    assert!(matches!(&groups[0].remedy, Remedy::AddDomain(domain) if domain.as_str() == "claude.ai"));
    // An analyst sees the settings, but not who did what.
    let groups = done(service.recently_blocked(&person(BuiltInRole::Analyst))).unwrap();
    assert_eq!((groups[0].count, groups[0].people.len()), (1, 0));
    let query = fake.queries.lock().unwrap()[0].clone();
    assert_eq!(query.action.as_deref(), Some(audit::MCP_REDIRECT_BLOCKED));
    assert_eq!(query.from, Some(NOW.minus(BLOCKED_WITHIN)));
}

#[test]
fn everything_here_needs_its_permission() {
    let service = service(&Arc::new(Fake::default()));
    let mut nobody = person(BuiltInRole::AnalystReadOnly);
    let id = ClientId::new("mcp_1");
    let refused = done(service.approve(&nobody, &id, &Origin::default())).unwrap_err();
    assert!(matches!(refused, RemoteMcpError::Forbidden(Permission::GeneralSettingsModify)));
    nobody.role.permissions.remove(Permission::GeneralSettingsRead);
    let refused = done(service.recently_blocked(&nobody)).unwrap_err();
    assert!(matches!(refused, RemoteMcpError::Forbidden(Permission::GeneralSettingsRead)));
    let refused = done(service.waiting_clients(&nobody)).unwrap_err();
    assert!(matches!(refused, RemoteMcpError::Forbidden(Permission::GeneralSettingsRead)));
}

#[test]
fn a_client_is_approved_once_and_that_is_one_event() {
    let fake = Arc::new(Fake::default());
    let service = service(&fake);
    let admin = person(BuiltInRole::Admin);
    *fake.clients.lock().unwrap() = vec![client("mcp_1", Approval::Waiting), client("mcp_2", Approval::Approved)];
    let waiting = done(service.waiting_clients(&admin)).unwrap();
    assert_eq!(waiting.iter().map(|client| client.id.as_str()).collect::<Vec<_>>(), ["mcp_1"]);

    for id in ["mcp_1", "mcp_1", "mcp_2"] {
        done(service.approve(&admin, &ClientId::new(id), &Origin::default())).unwrap();
    }
    assert!(done(service.waiting_clients(&admin)).unwrap().is_empty());
    let events = fake.events.lock().unwrap().clone();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action_name, audit::APPROVE_MCP_CLIENT);
    assert_eq!(events[0].actor.email.as_deref(), Some("ana@example.com"));
    assert_eq!(events[0].action_details["redirectUris"], json!(["https://claude.ai/cb"]));

    let unknown = done(service.approve(&admin, &ClientId::new("mcp_3"), &Origin::default())).unwrap_err();
    assert!(matches!(unknown, RemoteMcpError::UnknownClient));
}
