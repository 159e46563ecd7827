//! Row P1: progress for whoever asked for it, on the stream of the call, and nothing after its end.

use super::*;

/// The messages of a stream.
fn messages(reply: &Reply) -> Vec<Value> {
    let data = reply.body.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(str::trim).filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn with_token(token: &Value) -> Value {
    json!({ "name": "slow", "arguments": {}, "_meta": { "progressToken": token } })
}

/// A request of the newer era keeps what `modern` puts into `_meta`, and adds the token.
fn modern_with_token(token: &Value) -> Request<axum::body::Body> {
    let body = json!({
        "jsonrpc": "2.0", "id": "one", "method": "tools/call",
        "params": {
            "name": "slow", "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "progressToken": token,
            },
        },
    });
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "slow")];
    request("POST", Some(ANA), &headers, body.to_string())
}

fn check(messages: &[Value], token: &Value) {
    let (last, told) = messages.split_last().unwrap();
    assert_eq!(last["result"]["isError"], true, "{last}");
    // The tool is given up after 310 seconds, which is the moment of the last one.
    assert!((61..=62).contains(&told.len()), "{}", told.len());
    let mut before = 0.0;
    for message in told {
        assert_eq!(message["method"], "notifications/progress");
        assert_eq!(&message["params"]["progressToken"], token);
        let progress = message["params"]["progress"].as_f64().unwrap();
        assert!(progress > before, "{message}");
        before = progress;
    }
    assert_eq!(told[1]["params"]["message"], "Still running after 10 seconds.");
}

#[tokio::test(start_paused = true)]
async fn the_newer_era_is_told_how_long_a_call_has_run() {
    let world = World::new();
    for token in [json!("mine"), json!(7)] {
        let reply = world.server().send(modern_with_token(&token)).await;
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        check(&messages(&reply), &token);
    }
    assert_eq!(world.outcomes(), ["timed_out", "timed_out"]);
}

#[tokio::test(start_paused = true)]
async fn the_older_era_is_told_how_long_a_call_has_run() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let token = json!("mine");
    let reply = server.send(legacy(ANA, Some(&session), "tools/call", &with_token(&token))).await;
    check(&messages(&reply), &token);
    assert_eq!(world.outcomes(), ["timed_out"]);
}

#[tokio::test(start_paused = true)]
async fn who_did_not_ask_is_told_nothing() {
    let world = World::new();
    let server = world.server();
    let reply = server.send(modern(ANA, "tools/call", &call("slow"))).await;
    assert_eq!(messages(&reply).len(), 1);
    let session = open_session(&server, ANA).await;
    let reply = server.send(legacy(ANA, Some(&session), "tools/call", &call("slow"))).await;
    assert_eq!(messages(&reply).len(), 1);
}

/// Row H8: closing the stream cancels, also after progress was told.
#[tokio::test(start_paused = true)]
async fn closing_the_stream_cancels_the_call() {
    let world = World::new();
    let server = world.server();
    let response = server.open(modern_with_token(&json!("mine"))).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("notifications/progress"));
    drop(body);
    world.in_flight().drained().await;
    assert_eq!(world.outcomes(), ["cancelled"]);
}
