//! A person connects a client that is connected already.

use margay_domain::audit::{AuditQuery, MCP_AUTHORIZATION, REVOKE_MCP_CONNECTION};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Browser, Client, TestServer, Tokens, story};

/// The details of the newest event of this action.
async fn newest(server: &TestServer, action: &str) -> (Value, Value) {
    let query = AuditQuery { action: Some(action.to_owned()), limit: 1, ..AuditQuery::default() };
    let mut events = server.parts.store.audit_log().search(&query).await.expect("events");
    let event = events.pop().expect("an event");
    (event.action_params, event.action_details)
}

async fn can(client: &Client, access: &str, tool: &str) -> bool {
    client.tool_names(access).await.iter().any(|name| name == tool)
}

story! {
    /// Narrowing narrows: every token of that client holds at most what was selected last, from the next request on, and
    /// nobody is signed out by it.
    async fn connecting_again_with_less_takes_it_away(server) {
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let all = client.consent_page(&browser).await;
        assert!(!all.page.text().contains("You connected this client on"), "{}", all.page.text());
        let all = all.page.inputs("permission");
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let first = client.connect(&browser, &all).await;
        assert!(can(&client, &first.access, "update_alert_status").await);

        // So that the newest event is the second one.
        server.advance(std::time::Duration::from_secs(1));
        let page = client.consent_page(&browser).await;
        let text = page.page.text();
        assert!(text.contains("You connected this client on") && text.contains(&format!("{} permissions", all.len())), "{text}");
        let less: Vec<&str> = all.iter().copied().filter(|name| !name.ends_with("Modify")).collect();
        let second = client.connect(&browser, &less).await;
        for access in [&first.access, &second.access] {
            assert!(can(&client, access, "list_alerts").await);
            assert!(!can(&client, access, "update_alert_status").await);
            let arguments = json!({ "name": "update_alert_status", "arguments": { "alert_ids": ["x"], "status": "OPEN" } });
            let response = client.post_mcp(Some(access), "tools/call", arguments).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{:?}", response.headers());
        }
        // The other window goes on, and gets what is left of what it asks for.
        let refreshed = async |scope: &str| {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", client.id.as_str()),
                ("refresh_token", first.refresh.as_str()),
                ("scope", scope),
            ];
            let (status, body) = client.token(&fields).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            Tokens::read(&body)
        };
        for again in [refreshed("").await, refreshed(&first.scope).await] {
            assert_eq!(again.scope, second.scope);
            assert!(!can(&client, &again.access, "update_alert_status").await);
        }
        let (params, details) = newest(server, MCP_AUTHORIZATION).await;
        assert_eq!(params["permissions"].as_array().map(Vec::len), Some(less.len()));
        let [older] = details["replaced"].as_array().expect("a list").as_slice() else { panic!("{details}") };
        assert_eq!(older["permissionsBefore"].as_array().map(Vec::len), Some(all.len()));
        assert_eq!(older["permissions"].as_array().map(Vec::len), Some(less.len()));

        // Widening widens the new one only.
        let third = client.connect(&browser, &all).await;
        assert!(can(&client, &third.access, "update_alert_status").await);
        for access in [&first.access, &second.access] {
            assert!(!can(&client, access, "update_alert_status").await);
        }
    }
}

story! {
    /// What is left with nothing ends, and the list says why; another person's connection of the same client stays.
    async fn connecting_again_with_something_else_ends_the_old_one(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let other = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        let of_another = client.connect(&other, &["AlertRead"]).await;
        let second = client.connect(&browser, &["RuleRead"]).await;
        let refused = client.post_mcp(Some(&first.access), "tools/list", json!({})).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(client.refresh(&first.refresh).await.1["error"], "invalid_grant");
        assert!(can(&client, &second.access, "list_detections").await);
        assert!(can(&client, &of_another.access, "list_alerts").await);
        assert_eq!(newest(server, REVOKE_MCP_CONNECTION).await.0["reason"], "replaced");
        let text = browser.get("/connections").await.page.text();
        assert!(text.contains("You connected the client again, with other permissions."), "{text}");
    }
}

story! {
    /// Whoever disconnects the client disconnects it: the earlier sign-ins end with the newest one.
    async fn disconnecting_ends_the_earlier_ones_too(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead", "RuleRead"]).await;
        server.advance(std::time::Duration::from_secs(1));
        let second = client.connect(&browser, &["AlertRead", "RuleRead"]).await;
        let page = browser.get("/connections").await.page;
        assert!(page.text().contains("Earlier sign-in"), "{}", page.text());
        let links: Vec<String> = page.tags("a").into_iter().filter_map(|tag| tag.attribute("href")).collect();
        let newest = links.iter().find(|link| link.starts_with("/connections/grt_")).expect("the newest is first");
        let csrf = browser.get(newest).await.page.input("csrf");
        let answer = browser.post(&format!("{newest}/revoke"), &[("csrf", csrf)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
        for access in [&first.access, &second.access] {
            let refused = client.post_mcp(Some(access), "tools/list", json!({})).await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        }
    }
}
