//! Everyone's connections (row OP6): admins list and end all of them.

use margay_domain::{
    audit::{ActionResult, AuditQuery, REVOKE_MCP_CONNECTION},
    rules::Permission,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Browser, Client, Html, TestServer, Tokens, story};

const PATH: &str = "/settings/connections";

/// The links to single connections, in the order of the list.
fn links(page: &Html) -> Vec<String> {
    let hrefs = page.tags("a").into_iter().filter_map(|tag| tag.attribute("href"));
    let mut links: Vec<String> = hrefs.filter(|href| href.starts_with("/settings/connections/grt_")).collect();
    links.dedup();
    links
}

/// A client that this person has connected.
async fn connected(server: &TestServer, email: &str) -> (Client, Tokens) {
    let client = Client::register(server).await;
    let tokens = client.connect(&Browser::signed_in(server, email).await, &["AlertRead"]).await;
    (client, tokens)
}

async fn is_out(client: &Client, tokens: &Tokens) -> bool {
    let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
    let (status, body) = client.refresh(&tokens.refresh).await;
    let refused = status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant";
    assert_eq!(response.status() == StatusCode::UNAUTHORIZED, refused, "{body}");
    refused
}

story! {
    async fn an_admin_ends_the_connection_of_somebody_else(server) {
        let (client, tokens) = connected(server, "viewer@example.com").await;
        let admin = Browser::signed_in(server, "admin@example.com").await;
        let list = admin.get(PATH).await;
        assert_eq!((list.status, list.page.heading().as_str()), (StatusCode::OK, "Everyone\u{2019}s connections"));
        let text = list.page.text();
        assert!(text.contains("viewer@example.com") && text.contains("Test client") && text.contains("Name not verified"), "{text}");
        let [link]: [String; 1] = links(&list.page).try_into().expect("one connection");
        let one = admin.get(&link).await.page;
        assert!(one.text().contains("viewer@example.com") && one.text().contains("Read Alerts"), "{}", one.text());
        assert!(one.text().contains("loses access at once"), "the page says before what will happen");

        // A viewer may see people, and so their connections; an end to them needs Manage Users.
        let viewer = Browser::signed_in(server, "viewer@example.com").await;
        let seen = viewer.get(&link).await;
        assert!(seen.status == StatusCode::OK && !seen.page.0.contains("/revoke"), "{}", seen.page.text());
        let revoke = format!("{link}/revoke");
        let csrf = seen.page.input("csrf");
        assert_eq!(viewer.post(&revoke, &[("csrf", csrf.clone())]).await.status, StatusCode::FORBIDDEN);
        let all = [("csrf", csrf), ("user", user_id(server, "analyst@example.com").await)];
        assert_eq!(viewer.post(&format!("{PATH}/revoke-all"), &all).await.status, StatusCode::FORBIDDEN);
        assert_eq!(admin.post(&revoke, &[("csrf", "x".to_owned())]).await.status, StatusCode::FORBIDDEN);
        assert!(!client.tool_names(&tokens.access).await.is_empty(), "nothing has ended yet");

        let ended = admin.post(&revoke, &[("csrf", one.input("csrf"))]).await;
        assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.page.text());
        assert!(is_out(&client, &tokens).await, "with effect on the next request");
        let list = admin.get(&ended.location).await.page.text();
        assert!(list.contains("Disconnected.") && list.contains("An admin disconnected it."), "{list}");
        assert!(viewer.get("/connections").await.page.text().contains("An admin disconnected it."));

        // The second click ends nothing, and writes nothing.
        assert_eq!(admin.post(&revoke, &[("csrf", one.input("csrf"))]).await.status, StatusCode::SEE_OTHER);
        let unknown = admin.post(&format!("{PATH}/grt_unknown/revoke"), &[("csrf", one.input("csrf"))]).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        let query = AuditQuery { action: Some(REVOKE_MCP_CONNECTION.to_owned()), limit: 10, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].action_result, ActionResult::Succeeded);
        assert_eq!(events[0].actor.email.as_deref(), Some("admin@example.com"));
        assert_eq!(events[0].action_details["userEmail"], "viewer@example.com");
        assert_eq!(events[0].action_details["clientId"], client.id);
    }
}

story! {
    async fn an_admin_ends_all_of_one_person(server) {
        let first = connected(server, "viewer@example.com").await;
        let second = connected(server, "viewer@example.com").await;
        let other = connected(server, "analyst@example.com").await;
        let admin = Browser::signed_in(server, "admin@example.com").await;
        let everybody = admin.get(PATH).await.page;
        assert_eq!(links(&everybody).len(), 3);
        assert!(!everybody.0.contains("revoke-all"), "a person has to be chosen first");
        assert_eq!(links(&admin.get(&format!("{PATH}?person=analyst&state=active")).await.page).len(), 1);
        assert_eq!(links(&admin.get(&format!("{PATH}?client={}", first.0.id)).await.page).len(), 1);
        assert!(links(&admin.get(&format!("{PATH}?state=ended")).await.page).is_empty());
        let theirs = admin.get(&format!("{PATH}?person=viewer%40example.com")).await.page;
        assert_eq!(links(&theirs).len(), 2);

        let fields = [("csrf", theirs.input("csrf")), ("user", theirs.input("user"))];
        let ended = admin.post(&format!("{PATH}/revoke-all"), &fields).await;
        assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.page.text());
        assert!(is_out(&first.0, &first.1).await && is_out(&second.0, &second.1).await);
        assert!(!is_out(&other.0, &other.1).await, "nobody else's");
        let page = admin.get(&ended.location).await.page;
        assert!(page.text().contains("Disconnected 2.") && !page.0.contains("revoke-all"), "{}", page.text());
        let query = AuditQuery { action: Some(REVOKE_MCP_CONNECTION.to_owned()), limit: 10, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        assert_eq!(events.len(), 1, "one click, one event");
        assert_eq!(events[0].action_details["userEmail"], "viewer@example.com");
        assert_eq!(events[0].action_details["connectionsEnded"], 2);
        assert_eq!(events[0].action_details["grantIds"].as_array().map(Vec::len), Some(2));
    }
}

story! {
    async fn the_list_needs_its_permission(server) {
        let (_client, _tokens) = connected(server, "admin@example.com").await;
        let admin = Browser::signed_in(server, "admin@example.com").await;
        let link = links(&admin.get(PATH).await.page).remove(0);
        server.give_custom_role("viewer@example.com", &[Permission::GeneralSettingsRead, Permission::UserModify]).await;
        let viewer = Browser::signed_in(server, "viewer@example.com").await;
        for path in [PATH, link.as_str()] {
            let refused = viewer.get(path).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
            assert!(refused.page.text().contains("Read User Info"), "{}", refused.page.text());
        }
        assert!(!viewer.get("/connections").await.page.0.contains(PATH), "no link to what cannot be opened");
        assert!(admin.get("/connections").await.page.0.contains(PATH));
        let nobody = Browser::new(server).get(PATH).await;
        assert_eq!(nobody.location, format!("/sign-in?next={PATH}"));
    }
}

async fn user_id(server: &TestServer, email: &str) -> String {
    let found = server.parts.store.users().find_by_email(email).await.expect("the store answers");
    found.expect("a person").0.id.to_string()
}
