//! The endpoint itself: both eras, and what it refuses.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Browser, Client, JsonRequest, JsonResponse, TestServer, story};

pub(crate) async fn legacy(server: &TestServer, token: &str, session: Option<&str>, body: Value) -> reqwest::Response {
    let mut request = reqwest::Client::new()
        .post(format!("{}/mcp", server.url))
        .bearer_auth(token)
        .header(header::ACCEPT, "application/json, text/event-stream")
        .json(&body);
    if let Some(session) = session {
        request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
    }
    request.send().await.expect("an answer")
}

pub(crate) async fn event(response: reqwest::Response) -> Value {
    let text = response.text().await.expect("text");
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).rfind(|data| !data.is_empty());
    serde_json::from_str(data.unwrap_or(&text)).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } })
}

story! {
    /// Rows V3, V5, L3: the era with sessions.
    async fn sessions(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        let response = legacy(server, &tokens.access, None, initialize()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let session = response.headers()["mcp-session-id"].to_str().expect("ASCII").to_owned();
        let answer = event(response).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
        assert_eq!(answer["result"]["serverInfo"]["name"], "margay");
        let notified = legacy(server, &tokens.access, Some(&session), json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(notified.status(), StatusCode::ACCEPTED);
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} });
        let answer = event(legacy(server, &tokens.access, Some(&session), list.clone()).await).await;
        assert!(answer["result"]["tools"].as_array().expect("tools").iter().any(|tool| tool["name"] == "list_alerts"), "{answer}");
        let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": { "name": "get_permissions", "arguments": {} } });
        let answer = event(legacy(server, &tokens.access, Some(&session), call).await).await;
        assert_ne!(answer["result"]["isError"], true, "{answer}");

        // Row L4: a session id is not a key.
        let other = Browser::signed_in(server, "analyst@example.com").await;
        let foreign = client.connect(&other, &["AlertRead"]).await;
        assert_eq!(legacy(server, &foreign.access, Some(&session), list.clone()).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(legacy(server, &tokens.access, Some("no-such-session"), list).await.status(), StatusCode::NOT_FOUND);
    }
}

story! {
    /// Rows V1, V8, T3, T5, T6, T9: the stateless era.
    async fn stateless(server) {
        let browser = Browser::signed_in(server, "admin@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let all = page.page.inputs("permission");
        let tokens = client.connect(&browser, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let discovered = client.mcp(&tokens.access, "server/discover", json!({})).await;
        assert!(discovered["result"]["supportedVersions"].as_array().expect("versions").contains(&json!("2026-07-28")), "{discovered}");
        let listed = client.mcp(&tokens.access, "tools/list", json!({})).await;
        let tools = listed["result"]["tools"].as_array().expect("tools");
        assert!(serde_json::to_string(tools).expect("JSON").len() < 60_000);
        for tool in tools {
            let name = tool["name"].as_str().expect("a name");
            assert!(tool["title"].is_string() || tool["annotations"]["title"].is_string(), "{name}");
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
            }
            assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        }
        let answer = client.call(&tokens.access, "get_permissions", json!({})).await;
        assert!(answer["structuredContent"].is_object() && answer["content"][0]["text"].is_string(), "{answer}");
        let unknown = client.mcp(&tokens.access, "tools/call", json!({ "name": "no_such_tool", "arguments": {} })).await;
        assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    }
}

story! {
    /// Rows H2, H3, B8 and the shapes of errors.
    async fn what_the_endpoint_refuses(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        let http = reqwest::Client::new();
        let post = || http.post(format!("{}/mcp", server.url)).bearer_auth(&tokens.access).header(header::CONTENT_TYPE, "application/json");
        let evil = post().header(header::ORIGIN, "https://evil.example").body("{}").send().await.expect("an answer");
        assert_eq!(evil.status(), StatusCode::FORBIDDEN);
        let host = post().header(header::HOST, "evil.example").body("{}").send().await.expect("an answer");
        assert_eq!(host.status(), StatusCode::FORBIDDEN);
        let broken = post().body("{not json").send().await.expect("an answer");
        assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
        assert_eq!(broken.json::<Value>().await.expect("JSON")["error"]["code"], -32700);
        let batch = post().body("[]").send().await.expect("an answer");
        assert_eq!(batch.status(), StatusCode::BAD_REQUEST);
        let large = post().body(format!("\"{}\"", "x".repeat(2 << 20))).send().await.expect("an answer");
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let form = http.post(format!("{}/mcp", server.url)).bearer_auth(&tokens.access).header(header::CONTENT_TYPE, "text/plain").body("x");
        assert_eq!(form.send().await.expect("an answer").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
