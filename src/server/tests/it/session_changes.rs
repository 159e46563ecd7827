//! Promise 1 inside a session of the era with sessions: what a role loses is lost on the next request, although the
//! session was begun with more.

use margay_domain::rules::Permission;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    harness::{Browser, Client, TestServer, story},
    mcp::{event, initialize, legacy},
};

/// A session of 2025-11-25.
struct Session<'a> {
    server: &'a TestServer,
    token: String,
    id: String,
}

impl<'a> Session<'a> {
    /// Connects a client with these permissions and begins a session.
    async fn begin(server: &'a TestServer, email: &str, permissions: &[&str]) -> Self {
        let browser = Browser::signed_in(server, email).await;
        let token = Client::register(server).await.connect(&browser, permissions).await.access;
        let response = legacy(server, &token, None, initialize()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let id = response.headers()["mcp-session-id"].to_str().expect("ASCII").to_owned();
        assert_eq!(event(response).await["result"]["protocolVersion"], "2025-11-25");
        let session = Self { server, token, id };
        let notified = session.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(notified.status(), StatusCode::ACCEPTED);
        session
    }

    async fn send(&self, body: Value) -> reqwest::Response {
        legacy(self.server, &self.token, Some(&self.id), body).await
    }

    async fn list(&self) -> reqwest::Response {
        self.send(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} })).await
    }

    /// The names of the listed tools.
    async fn tools(&self) -> Vec<String> {
        let answer = event(self.list().await).await;
        let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Calls a tool; the result object.
    async fn call(&self, tool: &str) -> Value {
        let params = json!({ "name": tool, "arguments": {} });
        let body = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params });
        let answer = event(self.send(body).await).await;
        assert!(answer.get("result").is_some(), "{answer}");
        answer["result"].clone()
    }
}

story! {
    async fn a_reduced_role_counts_inside_a_session(server) {
        let session = Session::begin(server, "viewer@example.com", &["AlertRead", "UserRead"]).await;
        let before = session.tools().await;
        assert!(before.contains(&"list_alerts".to_owned()) && before.contains(&"list_users".to_owned()), "{before:?}");
        assert_ne!(session.call("list_alerts").await["isError"], true);

        server.give_custom_role("viewer@example.com", &[Permission::UserRead]).await;
        let after = session.tools().await;
        assert!(!after.contains(&"list_alerts".to_owned()) && after.contains(&"list_users".to_owned()), "{after:?}");
        let denied = session.call("list_alerts").await;
        assert_eq!(denied["isError"], true, "{denied}");
        assert!(denied["content"][0]["text"].as_str().expect("text").contains("ermission denied"), "{denied}");
        assert_ne!(session.call("list_users").await["isError"], true, "what is left still works");

        // What the role gets back is there again, as far as it was granted.
        server.accounts().set_role("viewer@example.com", "Admin").await.expect("set");
        let back = session.tools().await;
        assert!(back.contains(&"list_alerts".to_owned()) && !back.contains(&"list_detections".to_owned()), "{back:?}");
    }
}

story! {
    async fn a_disabled_person_is_out_of_a_session(server) {
        let session = Session::begin(server, "viewer@example.com", &["AlertRead"]).await;
        assert_eq!(session.list().await.status(), StatusCode::OK);
        server.accounts().disable("viewer@example.com").await.expect("disabled");
        let refused = session.list().await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(refused.headers().contains_key("www-authenticate"));
        // The connection has ended for good, and the session with it.
        server.accounts().enable("viewer@example.com").await.expect("enabled");
        assert_eq!(session.list().await.status(), StatusCode::UNAUTHORIZED);
    }
}
