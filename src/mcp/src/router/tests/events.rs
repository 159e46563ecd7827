//! Promise 4 as a table: for each way a request can go, how many events there are, and what they say.

use std::sync::Arc;

use http::HeaderValue;

use super::*;
use crate::limits::McpLimits;

/// Sends one request and waits until everything that it started has been recorded.
async fn events_of(world: &World, server: &Server, request: Request<axum::body::Body>) -> (u16, Vec<String>) {
    let before = world.events().len();
    let reply = server.send(request).await;
    world.in_flight().drained().await;
    (reply.status.as_u16(), world.outcomes().split_off(before))
}

fn with_header(mut request: Request<axum::body::Body>, name: &'static str, value: &str) -> Request<axum::body::Body> {
    request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn one_event_for_each_call_and_none_for_what_is_none() {
    let world = World::new();
    let server = world.server();
    let own = open_session(&server, ANA).await;
    let foreign = open_session(&server, BOB).await;
    let modern_call = |tool: &str| modern(ANA, "tools/call", &call(tool));
    let legacy_call = |tool: &str| legacy(ANA, Some(&own), "tools/call", &call(tool));
    let unreadable = json!({ "name": "echo", "arguments": "text" });
    let huge = format!("\"{}\"", "x".repeat(70_000));
    let nothing: &[&str] = &[];
    let table: Vec<(&str, Request<axum::body::Body>, u16, &[&str])> = vec![
        ("a call that goes well", modern_call("echo"), 200, &["success"]),
        ("the same in a session", legacy_call("echo"), 200, &["success"]),
        ("a tool that cannot", modern_call("fails"), 200, &["error"]),
        ("an answer that is too large", modern_call("huge"), 200, &["error"]),
        ("not granted, so that the client is challenged", modern_call("data"), 403, &["denied"]),
        ("the same in a session", legacy_call("data"), 403, &["denied"]),
        ("beyond the role", modern_call("people"), 200, &["denied"]),
        ("an unknown tool", modern_call("no_such_tool"), 200, &["unknown_tool"]),
        ("an unknown tool in a session", legacy_call("no_such_tool"), 200, &["unknown_tool"]),
        ("arguments that are no object", modern(ANA, "tools/call", &unreadable), 200, &["error"]),
        ("the same in a session", legacy(ANA, Some(&own), "tools/call", &unreadable), 200, &["error"]),
        ("a tool that panics", modern_call("panics"), 200, &["panicked"]),
        ("a tool that takes too long", modern_call("slow"), 200, &["timed_out"]),
        ("a list", modern(ANA, "tools/list", &json!({})), 200, nothing),
        ("somebody else's session", legacy(ANA, Some(&foreign), "tools/call", &call("echo")), 404, nothing),
        ("a session that is not there", legacy(ANA, Some("made-up"), "tools/call", &call("echo")), 404, nothing),
        ("no session", legacy(ANA, None, "tools/call", &call("echo")), 400, nothing),
        ("no token", with_header(modern_call("echo"), "authorization", "Basic x"), 401, nothing),
        ("a token that has expired", modern("token-old", "tools/call", &call("echo")), 401, nothing),
        ("a foreign host", with_header(modern_call("echo"), "host", "evil.example"), 403, nothing),
        ("no JSON", request("POST", Some(ANA), &[], "{\"jsonrpc\""), 400, nothing),
        ("an oversized body", request("POST", Some(ANA), &[], huge), 413, nothing),
        ("another content type", with_header(modern_call("echo"), "content-type", "text/plain"), 415, nothing),
        ("the same, not granted either", with_header(modern_call("data"), "mcp-name", "echo"), 400, nothing),
        ("a header that does not fit", with_header(modern_call("echo"), "mcp-name", "alerts"), 400, nothing),
        (
            "a version that nobody speaks",
            with_header(modern_call("echo"), "mcp-protocol-version", "2099-01-01"),
            400,
            nothing,
        ),
    ];
    for (case, request, status, outcomes) in table {
        let (answered, recorded) = events_of(&world, &server, request).await;
        assert_eq!(
            (answered, recorded.iter().map(String::as_str).collect::<Vec<_>>().as_slice()),
            (status, outcomes),
            "{case}"
        );
    }
}

/// Many calls at once, of which some go well, some fail, and some are given up by their client.
#[tokio::test]
async fn many_calls_at_once_have_one_event_each() {
    let world = World::limited(McpLimits {
        rate_per_user: 10_000,
        rate_per_connection: 10_000,
        concurrent_per_user: 10_000,
        concurrent_per_connection: 10_000,
    });
    let server = Arc::new(world.server());
    let tools = ["echo", "fails", "people", "no_such_tool", "panics", "slow"];
    let mut waiting = Vec::new();
    for number in 0..1000 {
        let tool = tools[number % tools.len()];
        let server = Arc::clone(&server);
        waiting.push((tool, tokio::spawn(async move { server.send(modern(ANA, "tools/call", &call(tool))).await })));
    }
    let mut slow = Vec::new();
    for (tool, task) in waiting {
        if tool == "slow" {
            slow.push(task);
        } else {
            assert_ne!(task.await.unwrap().status, StatusCode::TOO_MANY_REQUESTS);
        }
    }
    // All calls that never end are under way by now; their clients go away.
    while world.in_flight().count() < slow.len() {
        tokio::task::yield_now().await;
    }
    for task in slow {
        task.abort();
    }
    world.in_flight().drained().await;
    let outcomes = world.outcomes();
    assert_eq!(outcomes.len(), 1000);
    let of = |outcome: &str| outcomes.iter().filter(|found| *found == outcome).count();
    let expected = [
        ("success", 167),
        ("error", 167),
        ("denied", 167),
        ("unknown_tool", 167),
        ("panicked", 166),
        ("cancelled", 166),
    ];
    for (outcome, count) in expected {
        assert_eq!(of(outcome), count, "{outcome}");
    }
}
