//! *Clients waiting for approval* on the page Remote MCP, where the registration policy demands it.

use margay_domain::audit::{APPROVE_MCP_CLIENT, AuditQuery};
use margay_server::config::Registration;
use reqwest::StatusCode;

use crate::harness::{Browser, Client, Engine, TestServer};

const PATH: &str = "/settings/ai-automation/remote-mcp";

async fn an_admin_lets_people_connect_a_client(server: &TestServer) {
    let viewer = Browser::signed_in(server, "viewer@example.com").await;
    let admin = Browser::signed_in(server, "admin@example.com").await;
    assert!(!admin.get(PATH).await.page.text().contains("Clients waiting for approval"), "there is none");
    let client = Client::register(server).await;
    let refused = viewer.open(&client.authorize_path(&[])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.page.text());

    let page = admin.get(PATH).await.page;
    let text = page.text();
    assert!(text.contains("Clients waiting for approval") && text.contains("Test client"), "{text}");
    assert!(
        text.contains(&client.id) && text.contains("http://127.0.0.1") && text.contains("Name not verified"),
        "{text}"
    );
    assert_eq!(page.input("client"), client.id);

    // Neither a reader nor a forged form can do it.
    let approve = format!("{PATH}/approve");
    let reader = viewer.get(PATH).await.page;
    assert!(reader.text().contains("Clients waiting for approval") && !reader.0.contains(&approve));
    let fields = [("csrf", reader.input("csrf")), ("client", client.id.clone())];
    assert_eq!(viewer.post(&approve, &fields).await.status, StatusCode::FORBIDDEN);
    let forged = [("csrf", "x".to_owned()), ("client", client.id.clone())];
    assert_eq!(admin.post(&approve, &forged).await.status, StatusCode::FORBIDDEN);
    assert_eq!(viewer.open(&client.authorize_path(&[])).await.status, StatusCode::FORBIDDEN);

    let fields = [("csrf", page.input("csrf")), ("client", client.id.clone())];
    // The second click, or a second admin, changes nothing.
    for _ in 0..2 {
        let approved = admin.post(&approve, &fields).await;
        assert_eq!(approved.status, StatusCode::SEE_OTHER, "{}", approved.page.text());
        let page = admin.get(&approved.location).await.page.text();
        assert!(page.contains("Approved.") && !page.contains("Clients waiting for approval"), "{page}");
    }
    let unknown = [("csrf", page.input("csrf")), ("client", "mcp_unknown".to_owned())];
    assert_eq!(admin.post(&approve, &unknown).await.status, StatusCode::NOT_FOUND);
    let query = AuditQuery { action: Some(APPROVE_MCP_CLIENT.to_owned()), limit: 10, ..AuditQuery::default() };
    let events = server.parts.store.audit_log().search(&query).await.expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].actor.email.as_deref(), Some("admin@example.com"));
    assert_eq!(events[0].action_params["clientId"], client.id);

    let tokens = client.connect(&viewer, &["AlertRead"]).await;
    assert_eq!(tokens.scope, "AlertRead");
}

async fn run(engine: Engine) {
    let change = |config: &mut margay_server::config::Config| config.oauth.registration = Registration::AdminApproval;
    TestServer::run_configured(engine, change, async |server| an_admin_lets_people_connect_a_client(server).await)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    run(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    run(Engine::Postgres).await;
}
