//! The link that `margay serve` prints where nobody can sign in yet.

use margay_domain::audit::{AuditQuery, CREATE_USER};
use reqwest::StatusCode;

use crate::harness::{Browser, Engine, Html, PASSWORD, TestServer};

/// Posts the form; status and page that the person sees then, whether or not a redirect leads there, and its address.
async fn send(browser: &Browser, fields: &[(&str, String)]) -> (StatusCode, Html, String) {
    let answer = browser.post("/setup", fields).await;
    if !answer.status.is_redirection() {
        return (answer.status, answer.page, answer.location);
    }
    let landed = browser.get(&answer.location).await;
    (landed.status, landed.page, answer.location)
}

/// Sends the form as it stands on the page.
async fn fill_in(browser: &Browser, page: &Html, email: &str, password: &str) -> (StatusCode, Html, String) {
    let fields = [
        ("csrf", page.input("csrf")),
        ("token", page.input("token")),
        ("email", email.to_owned()),
        ("given_name", "Ana".to_owned()),
        ("family_name", "Example".to_owned()),
        ("password", password.to_owned()),
    ];
    send(browser, &fields).await
}

async fn the_link_makes_one_admin_and_is_dead(server: &TestServer) {
    let replaced = server.setup_link().await.expect("nobody can sign in");
    let link = server.setup_link().await.expect("nobody can sign in");
    let browser = Browser::new(server);
    assert_eq!(browser.get(&replaced).await.status, StatusCode::NOT_FOUND, "a new link replaces the one before");
    let page = browser.get(&link).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.page.text());
    assert_eq!(page.page.heading(), "Create the first admin");

    // A mistake leads back to the form, and does not use the link up.
    let (_, page, _) = fill_in(&browser, &page.page, "ana@example.com", "short").await;
    assert_eq!(page.heading(), "Create the first admin");
    assert!(page.text().contains("at least 12 characters"), "{}", page.text());
    assert_eq!(server.parts.store.users().count().await.expect("a count"), 0);

    let (status, home, place) = fill_in(&browser, &page, "Ana@Example.com", PASSWORD).await;
    assert_eq!((status, place.as_str()), (StatusCode::OK, "/connections"), "{}", home.text());
    assert!(home.text().contains("Ana Example") || home.text().contains("ana@example.com"), "{}", home.text());
    assert_eq!(browser.get("/settings/ai-automation/remote-mcp").await.status, StatusCode::OK);

    let stranger = Browser::new(server);
    let closed = stranger.get(&link).await;
    assert_eq!(closed.status, StatusCode::NOT_FOUND);
    assert_eq!(closed.page.heading(), "This link does not work any more");
    // Whoever kept the form open gets no second admin out of it.
    let token = link.rsplit('/').next().unwrap_or_default().to_owned();
    let fields = [
        ("csrf", stranger.get("/sign-in").await.page.input("csrf")),
        ("token", token),
        ("email", "eve@example.com".to_owned()),
        ("password", PASSWORD.to_owned()),
    ];
    let (status, late, _) = send(&stranger, &fields).await;
    assert!(status.is_client_error(), "{status}: {}", late.text());
    assert_eq!(stranger.get("/connections").await.status, StatusCode::SEE_OTHER, "and is not signed in");

    let people = server.parts.store.users().list().await.expect("people");
    let people: Vec<_> = people.iter().map(|person| (person.email.as_str(), person.role_id.as_str())).collect();
    assert_eq!(people, [("ana@example.com", "Admin")]);
    let query = AuditQuery { action: Some(CREATE_USER.to_owned()), limit: 10, ..AuditQuery::default() };
    let events = server.parts.store.audit_log().search(&query).await.expect("events");
    assert_eq!(events.len(), 1);
    let event = serde_json::to_string(&events).expect("JSON");
    assert!(event.contains("ana@example.com") && !event.contains(PASSWORD) && !event.contains(&fields[1].1));
    assert_eq!(server.setup_link().await, None, "there is somebody who can sign in");
    Browser::signed_in(server, "ana@example.com").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    TestServer::run_empty(Engine::Sqlite, async |server| the_link_makes_one_admin_and_is_dead(server).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    TestServer::run_empty(Engine::Postgres, async |server| the_link_makes_one_admin_and_is_dead(server).await).await;
}
