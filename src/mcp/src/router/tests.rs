//! The whole endpoint, from the request to the answer.

mod bodies;
mod events;
mod forms;
mod limits;
mod progress;
mod prompts_and_resources;
mod streams;

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use margay_domain::{grant::RevocationReason, principal::Origin, rules::Permission};
use serde_json::{Value, json};

use crate::testing::{HOST, NOW, Reply, Server, World, legacy, modern, request, settle};

const ANA: &str = "token-ana";
const BOB: &str = "token-bob";

fn call(name: &str) -> Value {
    json!({ "name": name, "arguments": { "text": "hello" } })
}

fn names(list: &Value) -> Vec<&str> {
    list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

fn initialize() -> Value {
    json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" }
    })
}

async fn open_session(server: &Server, token: &str) -> String {
    let reply = server.send(legacy(token, None, "initialize", &initialize())).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let session = reply.header("mcp-session-id").unwrap().to_owned();
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let done = server.send(request("POST", Some(token), &[("mcp-session-id", session.as_str())], initialized)).await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{done:?}");
    session
}

fn error_code(reply: &Reply) -> i64 {
    reply.json()["error"]["code"].as_i64().unwrap()
}

// Row OX3, section 5.1.
#[tokio::test]
async fn no_token_is_a_challenge_without_an_error() {
    let world = World::new();
    let server = world.server();
    for method in ["GET", "POST", "DELETE", "PUT"] {
        let reply = server.send(request(method, None, &[], "")).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method}");
        let challenge = reply.header("www-authenticate").unwrap();
        let beginning =
            format!("Bearer resource_metadata=\"http://{HOST}/.well-known/oauth-protected-resource/mcp\", scope=\"");
        assert!(challenge.starts_with(&beginning), "{challenge}");
        assert!(challenge.contains("AlertRead"), "{challenge}");
        assert!(!challenge.contains("error"), "{challenge}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    }
}

#[tokio::test]
async fn a_bad_token_is_invalid() {
    let world = World::new();
    let server = world.server();
    for token in ["token-none", "token-old", "token-gone"] {
        let reply = server.send(modern(token, "tools/list", &json!({}))).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{token}");
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains("error_description=\"The access token is not valid or has expired.\""));
        assert_eq!(reply.json()["error"], "invalid_token");
    }
}

#[tokio::test]
async fn malformed_credentials_are_an_invalid_request() {
    let world = World::new();
    let server = world.server();
    let two = Request::builder().method("POST").uri("/mcp").header("host", HOST);
    let two = two.header("authorization", "Bearer token-ana").header("authorization", "Bearer token-bob");
    let twice = Request::builder().method("POST").uri("/mcp?access_token=token-ana").header("host", HOST);
    let twice = twice.header("authorization", "Bearer token-ana");
    for request in [two, twice] {
        let reply = server.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert!(reply.header("www-authenticate").unwrap().contains("error=\"invalid_request\""));
        assert_eq!(reply.json()["error"], "invalid_request");
    }
    let query = Request::builder().method("POST").uri("/mcp?access_token=token-ana").header("host", HOST);
    let reply = server.send(query.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_ended_grant_and_a_disabled_person_count_at_once() {
    let world = World::new();
    let server = world.server();
    let list = || modern(ANA, "tools/list", &json!({}));
    assert_eq!(server.send(list()).await.status, StatusCode::OK);

    world.change("grt_1", |principal| {
        let mut user = (*principal.user).clone();
        user.enabled = false;
        principal.user = user.into();
    });
    assert_eq!(server.send(list()).await.status, StatusCode::UNAUTHORIZED);

    world.change("grt_3", |principal| {
        let mut grant = (*principal.grant).clone();
        grant.revoked = Some((NOW, RevocationReason::User));
        principal.grant = grant.into();
    });
    let other = modern("token-ana-other", "tools/list", &json!({}));
    assert_eq!(server.send(other).await.status, StatusCode::UNAUTHORIZED);

    let bob = || modern(BOB, "tools/list", &json!({}));
    assert_eq!(server.send(bob()).await.status, StatusCode::OK);
    world.advance(Duration::from_hours(25));
    assert_eq!(server.send(bob()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_store_that_is_away_does_not_cost_the_token() {
    let world = World::new();
    world.break_store();
    let reply = world.server().send(modern(ANA, "tools/list", &json!({}))).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.header("www-authenticate"), None);
    assert!(!reply.body.contains("not in this test"));
}

// Row R11.
#[tokio::test]
async fn a_preflight_needs_no_token() {
    let world = World::new();
    let server = world.server();
    let reply = server.send(request("OPTIONS", None, &[("origin", "http://localhost:5173")], "")).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(reply.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, DELETE, OPTIONS"));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("Mcp-Session-Id"));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert_eq!(reply.header("vary"), Some("Origin"));

    // Without it a page could not read why what it sends afterwards is refused.
    let foreign = server.send(request("OPTIONS", None, &[("origin", "https://evil.example")], "")).await;
    assert_eq!(foreign.status, StatusCode::NO_CONTENT);
    assert_eq!(foreign.header("access-control-allow-origin"), Some("https://evil.example"));
    assert_eq!(foreign.header("access-control-allow-credentials"), None);

    let challenge = server.send(request("POST", None, &[("origin", "http://localhost:5173")], "")).await;
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenge.header("access-control-allow-origin"), Some("http://localhost:5173"));
}

// Rows H2, H3.
#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_before_the_token_is_looked_at() {
    let world = World::new();
    let server = world.server();
    let cases = [
        (("host", "evil.example"), "Host", "mcp.allowed_hosts", None),
        (("origin", "http://evil.example"), "Origin", "mcp.allowed_origins", Some("http://evil.example")),
        (("origin", "null"), "Origin", "mcp.allowed_origins", Some("null")),
    ];
    for (header, named, key, page) in cases {
        for token in [None, Some(ANA)] {
            let reply = server.send(request("POST", token, &[header], "{}")).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{header:?}");
            assert_eq!(reply.json().get("id"), None);
            assert_eq!(error_code(&reply), -32600);
            let sentence = format!(
                "The {named} header of this request, \"{}\", is not allowed here. An admin can add it to {key} in the \
                 configuration.",
                header.1
            );
            assert_eq!(reply.json()["error"]["message"], sentence);
            // The page that is refused may read why, and nothing else.
            assert_eq!(reply.header("access-control-allow-origin"), page);
            assert_eq!(reply.header("access-control-allow-credentials"), None);
            assert_eq!(reply.header("www-authenticate"), None);
        }
    }
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let own = request("POST", Some(ANA), &[("origin", "http://127.0.0.1:8080"), ("accept", "application/json")], list);
    assert_eq!(server.send(own).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_request_of_the_protocol() {
    let world = World::new();
    let server = world.server();
    for (body, status, code) in [
        ("{\"jsonrpc\"", 400, -32700),
        ("[]", 400, -32600),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", 400, -32600),
        ("\"text\"", 400, -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", 400, -32600),
    ] {
        let reply = server.send(request("POST", Some(ANA), &[], body)).await;
        assert_eq!((reply.status.as_u16(), error_code(&reply)), (status, code), "{body}");
        assert_eq!(reply.json().get("id"), None, "{body}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    // JSON, but of another version of JSON-RPC: the library refuses it, in our words and with the id.
    let one = json!({ "jsonrpc": "1.0", "id": 4, "method": "ping" }).to_string();
    let reply = server.send(request("POST", Some(ANA), &[("accept", "application/json")], one)).await;
    assert_eq!((reply.status.as_u16(), error_code(&reply)), (400, -32600));
    assert_eq!(reply.json()["id"], 4);
    assert!(!reply.body.contains("deserialize"));

    let reply = server.send(request("POST", Some(ANA), &[("content-type", "text/plain")], "{}")).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let reply = server.send(request("POST", Some(ANA), &[], " ".repeat(70_000))).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let reply = server.send(request("PUT", Some(ANA), &[], "{}")).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.header("allow"), Some("GET, POST, DELETE, OPTIONS"));
    let ping = json!({ "jsonrpc": "2.0", "id": 4, "method": "ping" }).to_string();
    let reply = server.send(request("POST", Some(ANA), &[("accept", "text/html")], ping)).await;
    assert_eq!(reply.status, StatusCode::NOT_ACCEPTABLE);
    assert!(world.events().is_empty());
}

// Row V2.
#[tokio::test]
async fn a_version_that_nobody_speaks() {
    let world = World::new();
    let body = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" }).to_string();
    let reply = world.server().send(request("POST", Some(ANA), &[("mcp-protocol-version", "2099-01-01")], body)).await;
    assert_eq!((reply.status, error_code(&reply)), (StatusCode::BAD_REQUEST, -32022));
    assert_eq!(reply.json()["error"]["data"]["requested"], "2099-01-01");
    assert!(reply.json()["error"]["data"]["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
}

#[tokio::test]
async fn the_newer_era() {
    let world = World::new();
    let server = world.server();

    let discover = server.send(modern(ANA, "server/discover", &json!({}))).await;
    assert_eq!(discover.status, StatusCode::OK, "{discover:?}");
    assert_eq!(discover.header("mcp-session-id"), None);
    let result = &discover.json()["result"];
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert_eq!(result["capabilities"], json!({ "prompts": {}, "resources": {}, "tools": {} }));
    assert_eq!(result["cacheScope"], "private");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"],
        json!({ "name": "margay", "title": "Margay", "version": "1.2.3" })
    );
    assert!(result["instructions"].as_str().unwrap().contains("get_permissions"));

    let list = server.send(modern(ANA, "tools/list", &json!({}))).await;
    let list = list.json();
    assert_eq!(names(&list), ["alerts", "changes", "echo", "fails", "huge", "panics", "patient", "slow"]);
    let result = &list["result"];
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(60_000), &json!("private")));
    assert_eq!(result["resultType"], "complete");
    assert_eq!(
        result["tools"][2],
        json!({
            "name": "echo", "title": "Echo", "description": "A tool for tests.",
            "inputSchema": { "type": "object" }, "outputSchema": { "type": "object" },
            "annotations": {
                "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true,
                "openWorldHint": false,
            },
        })
    );

    let mut calling = modern(ANA, "tools/call", &call("echo"));
    calling
        .extensions_mut()
        .insert(Origin { ip: Some([203, 0, 113, 9].into()), user_agent: Some("goose/1".to_owned()) });
    let called = server.send(calling).await;
    assert_eq!(called.status, StatusCode::OK);
    assert_eq!(called.header("content-type"), Some("application/json"));
    assert_eq!(called.json()["id"], "one");
    let result = &called.json()["result"];
    assert_eq!(result["structuredContent"], json!({ "text": "hello" }));
    assert_eq!(result["content"], json!([{ "type": "text", "text": "for ana@example.com" }]));
    assert_eq!(result["isError"], false);
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].source_ip.as_deref(), Some("203.0.113.9"));
    assert_eq!(events[0].user_agent.as_deref(), Some("goose/1"));
    assert_eq!(events[0].action_details["tokenId"], "id-of-token-ana");
    assert_eq!(events[0].action_details["requestId"], "one");
    assert_eq!(events[0].action_details["protocolVersion"], "2026-07-28");
    assert_eq!(events[0].action_details["mcpSessionId"], Value::Null);
    settle().await;
    assert_eq!(world.uses(), 1);

    // Row H13, row H14.
    let initialize = server.send(modern(ANA, "initialize", &json!({}))).await;
    assert_eq!((initialize.status, error_code(&initialize)), (StatusCode::NOT_FOUND, -32601));
    let unknown = server.send(modern(ANA, "nonsense/method", &json!({}))).await;
    assert_eq!((unknown.status, error_code(&unknown)), (StatusCode::NOT_FOUND, -32601));
    let mut with_session = modern(ANA, "tools/list", &json!({}));
    with_session.headers_mut().insert("mcp-session-id", "made-up".parse().unwrap());
    assert_eq!(server.send(with_session).await.status, StatusCode::OK);
}

// Rows H9, H10, V8: the library's, seen through the guard.
#[tokio::test]
async fn headers_and_metadata_of_the_newer_era_must_fit() {
    let world = World::new();
    let server = world.server();
    let mut other_name = modern(ANA, "tools/call", &call("echo"));
    other_name.headers_mut().insert("mcp-name", "alerts".parse().unwrap());
    let mut no_method = modern(ANA, "tools/call", &call("echo"));
    no_method.headers_mut().remove("mcp-method");
    let mut other_version = modern(ANA, "tools/call", &call("echo"));
    other_version.headers_mut().insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
    for request in [other_name, no_method, other_version] {
        let reply = server.send(request).await;
        assert_eq!((reply.status, error_code(&reply)), (StatusCode::BAD_REQUEST, -32020), "{reply:?}");
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")];
    let reply = server.send(request("POST", Some(ANA), &headers, body)).await;
    assert_eq!((reply.status, error_code(&reply)), (StatusCode::BAD_REQUEST, -32602), "{reply:?}");
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn every_accept_header_of_the_field_works() {
    let world = World::new();
    let server = world.server();
    for accept in ["*/*", "application/json", "text/event-stream", "application/json, text/event-stream"] {
        let mut list = modern(ANA, "tools/list", &json!({}));
        list.headers_mut().insert("accept", accept.parse().unwrap());
        assert_eq!(server.send(list).await.status, StatusCode::OK, "{accept}");
    }
    let mut list = modern(ANA, "tools/list", &json!({}));
    list.headers_mut().remove("accept");
    assert_eq!(server.send(list).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_older_era() {
    let world = World::new();
    let server = world.server();

    let reply = server.send(legacy(ANA, None, "initialize", &initialize())).await;
    let result = &reply.json()["result"];
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"], json!({ "name": "margay", "title": "Margay", "version": "1.2.3" }));
    assert_eq!(result["capabilities"], json!({ "prompts": {}, "resources": {}, "tools": {} }));

    let session = open_session(&server, ANA).await;
    let list = server.send(legacy(ANA, Some(&session), "tools/list", &json!({}))).await;
    assert_eq!(names(&list.json()), ["alerts", "changes", "echo", "fails", "huge", "panics", "patient", "slow"]);
    assert_eq!(list.json()["result"].get("ttlMs"), None);
    assert_eq!(list.json()["result"].get("resultType"), None);
    let called = server.send(legacy(ANA, Some(&session), "tools/call", &call("alerts"))).await;
    assert_eq!(called.status, StatusCode::OK);
    assert_eq!(called.header("cache-control"), Some("no-store"));
    assert_eq!(called.json()["result"]["structuredContent"], json!({ "text": "hello" }));
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action_details["mcpSessionId"], Value::from(session.as_str()));
    assert_eq!(events[0].action_details["protocolVersion"], "2025-06-18");

    // Row L9, row H13.
    let pong = server.send(legacy(ANA, Some(&session), "ping", &json!({}))).await;
    assert_eq!(pong.json()["result"], json!({}));
    let unknown = server.send(legacy(ANA, Some(&session), "nonsense/method", &json!({}))).await;
    assert_eq!((unknown.status, error_code(&unknown)), (StatusCode::OK, -32601));

    // Row L3.
    let without = server.send(legacy(ANA, None, "tools/list", &json!({}))).await;
    assert_eq!((without.status, error_code(&without)), (StatusCode::BAD_REQUEST, -32600));
    let ended = server.send(request("DELETE", Some(ANA), &[("mcp-session-id", session.as_str())], "")).await;
    assert_eq!(ended.status, StatusCode::ACCEPTED);
    let after = server.send(legacy(ANA, Some(&session), "tools/list", &json!({}))).await;
    assert_eq!(after.status, StatusCode::NOT_FOUND);
}

// Row V5.
#[tokio::test]
async fn an_unknown_version_is_negotiated() {
    let world = World::new();
    let server = world.server();
    let mut params = initialize();
    params["protocolVersion"] = json!("2099-01-01");
    let mut future = legacy(ANA, None, "initialize", &params);
    future.headers_mut().insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
    let reply = server.send(future).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(reply.json()["result"]["protocolVersion"], "2025-11-25");
}

// Row L4.
#[tokio::test]
async fn a_session_belongs_to_one_person_and_one_grant() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    for token in [BOB, "token-ana-other"] {
        let foreign = server.send(legacy(token, Some(&session), "tools/call", &call("echo"))).await;
        let unknown = server.send(legacy(token, Some("no-such-session"), "tools/call", &call("echo"))).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(
            (foreign.status, &foreign.headers, &foreign.body),
            (unknown.status, &unknown.headers, &unknown.body)
        );
        for method in ["GET", "DELETE"] {
            let foreign = server.send(request(method, Some(token), &[("mcp-session-id", session.as_str())], "")).await;
            assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{method}");
        }
    }
    let own = server.send(legacy(ANA, Some(&session), "tools/call", &call("echo"))).await;
    assert_eq!(own.status, StatusCode::OK);
    assert_eq!(world.outcomes(), ["success"]);
}

#[tokio::test]
async fn older_clients_that_read_no_streams_are_served_without_a_session() {
    let world = World::new();
    let server = world.server();
    let json_only = |mut request: Request<axum::body::Body>| {
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        request
    };
    let reply = server.send(json_only(legacy(ANA, None, "initialize", &initialize()))).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("mcp-session-id"), None);
    let list = server.send(json_only(legacy(ANA, None, "tools/list", &json!({})))).await;
    assert_eq!(names(&list.json()), ["alerts", "changes", "echo", "fails", "huge", "panics", "patient", "slow"]);
    let called = server.send(json_only(legacy(ANA, None, "tools/call", &call("echo")))).await;
    assert_eq!(called.json()["result"]["isError"], false);
    let waiting = server.send(request("GET", Some(ANA), &[], "")).await;
    assert_eq!(waiting.status, StatusCode::METHOD_NOT_ALLOWED);
}

// Promise 1.
#[tokio::test]
async fn a_role_that_loses_a_permission_counts_on_the_next_request() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    assert_eq!(server.send(modern(ANA, "tools/call", &call("alerts"))).await.json()["result"]["isError"], false);
    world.change("grt_1", |principal| {
        let mut role = (*principal.role).clone();
        role.permissions = [Permission::RuleRead].into_iter().collect();
        principal.role = role.into();
    });
    let list = server.send(legacy(ANA, Some(&session), "tools/list", &json!({}))).await;
    assert_eq!(names(&list.json()), ["changes", "echo", "fails", "huge", "panics", "slow"]);
    for reply in [
        server.send(modern(ANA, "tools/call", &call("alerts"))).await,
        server.send(legacy(ANA, Some(&session), "tools/call", &call("alerts"))).await,
    ] {
        let result = &reply.json()["result"];
        assert_eq!(result["isError"], true);
        assert_eq!(result["_meta"]["dev.margay/error_code"], "permission_denied");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.ends_with("this needs Read Alerts, and your role does not include it. Ask an admin."), "{text}");
    }
    assert_eq!(world.outcomes(), ["success", "denied", "denied"]);
}

/// Promise 1: what the role lost while a call ran does not leave any more, in either era, and the session's stream goes
/// on with what is left.
#[tokio::test(start_paused = true)]
async fn a_role_cut_during_a_stream_counts() {
    let world = World::new();
    let server = std::sync::Arc::new(world.server());
    let session = open_session(&server, ANA).await;
    let listening = server.open(request("GET", Some(ANA), &[("mcp-session-id", session.as_str())], "")).await;
    assert_eq!(listening.status(), StatusCode::OK);
    let set_role = |permissions: &[Permission]| {
        world.change("grt_1", |principal| {
            let mut role = (*principal.role).clone();
            role.permissions = permissions.iter().copied().collect();
            principal.role = role.into();
        });
    };
    for request in
        [modern(ANA, "tools/call", &call("patient")), legacy(ANA, Some(&session), "tools/call", &call("patient"))]
    {
        set_role(&[Permission::AlertRead, Permission::RuleRead]);
        let server = std::sync::Arc::clone(&server);
        let waiting = tokio::spawn(async move { server.send(request).await });
        world.started().await;
        set_role(&[Permission::RuleRead]);
        let reply = waiting.await.unwrap();
        assert_eq!(reply.json()["result"]["_meta"]["dev.margay/error_code"], "permission_denied", "{reply:?}");
        assert!(!reply.body.contains("at last"));
    }
    let list = server.send(legacy(ANA, Some(&session), "tools/list", &json!({}))).await;
    assert_eq!(names(&list.json()), ["changes", "echo", "fails", "huge", "panics", "slow"]);
    assert_eq!(world.outcomes(), ["denied", "denied"]);
    drop(listening);
}

#[tokio::test]
async fn a_narrow_token_sees_less() {
    let world = World::new();
    let server = world.server();
    let list = server.send(modern("token-narrow", "tools/list", &json!({}))).await;
    assert_eq!(names(&list.json()), ["changes", "echo", "fails", "huge", "panics", "slow"]);
    let called = server.send(modern("token-narrow", "tools/call", &call("alerts"))).await;
    assert_eq!(called.status, StatusCode::FORBIDDEN, "the person may widen it again");
}

// Promise 4, row T7.
#[tokio::test]
async fn refused_calls_are_errors_with_one_event_each() {
    let world = World::new();
    let server = world.server();

    let denied = server.send(modern(ANA, "tools/call", &call("data"))).await;
    // Row R5: the role holds it, so a challenge tells the client what to ask for.
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    let challenge = denied.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\", scope=\"AlertRead "), "{challenge}");
    assert!(challenge.contains("DataAnalyticsRead") && challenge.contains("resource_metadata=\"http"), "{challenge}");
    let error = &denied.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("was not granted Query Data Lake. Reconnect"), "{error}");

    let unknown = server.send(modern(ANA, "tools/call", &call("no_such_tool"))).await;
    assert_eq!(error_code(&unknown), -32602);

    let failed = server.send(modern(ANA, "tools/call", &call("fails"))).await;
    assert_eq!(failed.json()["result"]["content"][0]["text"], "not_found: There is nothing by that name.");

    let panicked = server.send(modern(ANA, "tools/call", &call("panics"))).await;
    assert_eq!(panicked.json()["result"]["_meta"]["dev.margay/error_code"], "internal");
    assert!(!panicked.body.contains("on purpose"));

    let malformed = json!({ "name": "echo", "arguments": "text" });
    let malformed = server.send(modern(ANA, "tools/call", &malformed)).await;
    assert_eq!(error_code(&malformed), -32602);

    assert_eq!(world.outcomes(), ["denied", "unknown_tool", "error", "panicked", "error"]);
    assert_eq!(world.events()[4].action_params["static"]["toolName"], "echo");
    assert_eq!(world.in_flight().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_given_up() {
    let world = World::new();
    let reply = world.server().send(modern(ANA, "tools/call", &call("slow"))).await;
    let result = &reply.json()["result"];
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().contains("within 310 seconds"));
    assert_eq!(world.outcomes(), ["timed_out"]);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_call() {
    let world = World::new();
    let server = world.server();
    let waiting = tokio::spawn(async move { server.send(modern(ANA, "tools/call", &call("slow"))).await });
    world.started().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    world.in_flight().drained().await;
    assert_eq!(world.outcomes(), ["cancelled"]);
}

#[tokio::test]
async fn an_older_client_cancels_by_notification() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let stream = server.open(legacy(ANA, Some(&session), "tools/call", &call("slow"))).await;
    assert_eq!(stream.status(), StatusCode::OK);
    world.started().await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let accepted =
        server.send(request("POST", Some(ANA), &[("mcp-session-id", session.as_str())], cancel.to_string())).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    world.in_flight().drained().await;
    assert_eq!(world.outcomes(), ["cancelled"]);
}

#[tokio::test]
async fn without_an_event_no_answer_leaves() {
    let world = World::new();
    world.break_audit();
    let reply = world.server().send(modern(ANA, "tools/call", &call("echo"))).await;
    let result = &reply.json()["result"];
    assert_eq!(result["isError"], true);
    assert_eq!(result["_meta"]["dev.margay/error_code"], "audit_unavailable");
    assert!(!reply.body.contains("hello"));
}

#[tokio::test]
async fn the_event_is_durable_before_the_answer_leaves() {
    let world = World::new();
    let server = world.server();
    let gate = world.hold_audit().await;
    let waiting = tokio::spawn(async move { server.send(modern(ANA, "tools/call", &call("echo"))).await });
    world.audit_waits().await;
    settle().await;
    assert!(!waiting.is_finished());
    drop(gate);
    assert_eq!(waiting.await.unwrap().json()["result"]["isError"], false);
    assert_eq!(world.outcomes(), ["success"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_streams_and_then_calls() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let stream = server.open(request("GET", Some(ANA), &[("mcp-session-id", session.as_str())], "")).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let waiting = tokio::spawn(async move { server.send(modern(ANA, "tools/call", &call("slow"))).await });
    world.started().await;
    world.shutdown().cancel();
    stream.into_body().collect().await.unwrap();
    assert!(!waiting.is_finished());
    let reply = waiting.await.unwrap();
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!reply.body.contains("handler"), "{}", reply.body);
    world.in_flight().drained().await;
    assert_eq!(world.outcomes(), ["cancelled"]);
}

#[tokio::test]
async fn a_trailing_slash_does_not_redirect() {
    let world = World::new();
    let mut list = modern(ANA, "tools/list", &json!({}));
    *list.uri_mut() = "/mcp/".parse().unwrap();
    assert_eq!(world.server().send(list).await.status, StatusCode::OK);
}
