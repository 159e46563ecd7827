//! Row T8: how much one person and one connection may ask for.

use super::*;
use crate::limits::McpLimits;

const OTHER: &str = "token-ana-other";

fn rate(per_user: u32, per_connection: u32) -> World {
    World::limited(McpLimits { rate_per_user: per_user, rate_per_connection: per_connection, ..McpLimits::default() })
}

#[tokio::test]
async fn over_the_rate_is_429_with_the_time_to_wait_and_counts_nothing() {
    let world = rate(100, 3);
    let server = world.server();
    for _ in 0..3 {
        assert_eq!(server.send(modern(ANA, "tools/list", &json!({}))).await.status, StatusCode::OK);
    }
    let refused = server.send(modern(ANA, "tools/call", &call("echo"))).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("20"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("Retry-After"));
    // Nothing was invoked, so there is no event of an invocation.
    assert!(world.events().is_empty());
    // Other connections and other people have their own.
    for token in [OTHER, BOB] {
        assert_eq!(server.send(modern(token, "tools/list", &json!({}))).await.status, StatusCode::OK, "{token}");
    }
    world.advance(Duration::from_secs(20));
    assert_eq!(server.send(modern(ANA, "tools/call", &call("echo"))).await.status, StatusCode::OK);
    assert_eq!(world.outcomes(), ["success"]);
}

#[tokio::test]
async fn a_page_in_a_browser_may_read_how_long_to_wait() {
    let world = rate(1, 1);
    let server = world.server();
    let from_page = || {
        let mut list = modern(ANA, "tools/list", &json!({}));
        list.headers_mut().insert("origin", "http://localhost:5173".parse().unwrap());
        list
    };
    server.send(from_page()).await;
    let refused = server.send(from_page()).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("access-control-expose-headers").unwrap().contains("Retry-After"));
}

#[tokio::test]
async fn all_connections_of_a_person_count_together() {
    let world = rate(2, 2);
    let server = world.server();
    for token in [ANA, OTHER] {
        assert_eq!(server.send(modern(token, "tools/list", &json!({}))).await.status, StatusCode::OK);
    }
    for token in [ANA, OTHER] {
        let refused = server.send(modern(token, "tools/list", &json!({}))).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{token}");
    }
    assert_eq!(server.send(modern(BOB, "tools/list", &json!({}))).await.status, StatusCode::OK);
}

fn concurrent(per_user: u32, per_connection: u32) -> World {
    World::limited(McpLimits {
        concurrent_per_user: per_user,
        concurrent_per_connection: per_connection,
        ..McpLimits::default()
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_takes_a_place_until_it_ends() {
    let world = concurrent(9, 1);
    let server = std::sync::Arc::new(world.server());
    let waiting = tokio::spawn({
        let server = std::sync::Arc::clone(&server);
        async move { server.send(modern(ANA, "tools/call", &call("slow"))).await }
    });
    world.started().await;
    let refused = server.send(modern(ANA, "tools/call", &call("echo"))).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("1")));
    assert_eq!(server.send(modern(OTHER, "tools/call", &call("echo"))).await.status, StatusCode::OK);
    // The client goes away, which ends the call and gives the place back.
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    world.in_flight().drained().await;
    settle().await;
    assert_eq!(server.send(modern(ANA, "tools/call", &call("echo"))).await.status, StatusCode::OK);
    assert_eq!(world.outcomes(), ["success", "cancelled", "success"]);
}

/// An older client that closes its stream does not cancel (row L6), so its call keeps the place; it can still cancel,
/// because a notification needs none.
#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_place_after_the_stream_is_closed_and_can_be_cancelled() {
    let world = concurrent(9, 1);
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let stream = server.open(legacy(ANA, Some(&session), "tools/call", &call("slow"))).await;
    world.started().await;
    drop(stream);
    settle().await;
    let refused = server.send(legacy(ANA, Some(&session), "tools/call", &call("echo"))).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let headers = [("mcp-session-id", session.as_str())];
    let accepted = server.send(request("POST", Some(ANA), &headers, cancel.to_string())).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    world.in_flight().drained().await;
    settle().await;
    assert_eq!(world.outcomes(), ["cancelled"]);
    let again = server.send(legacy(ANA, Some(&session), "tools/call", &call("echo"))).await;
    assert_eq!(again.status, StatusCode::OK);
}

/// A session that is open takes no place.
#[tokio::test]
async fn sessions_take_no_place() {
    let world = concurrent(1, 1);
    let server = world.server();
    for _ in 0..3 {
        let session = open_session(&server, ANA).await;
        let listening = server.open(request("GET", Some(ANA), &[("mcp-session-id", session.as_str())], "")).await;
        assert_eq!(listening.status(), StatusCode::OK);
        let called = server.send(legacy(ANA, Some(&session), "tools/call", &call("echo"))).await;
        assert_eq!(called.status, StatusCode::OK);
        drop(listening);
    }
}

/// A client that calls more tools at once than it has places is served all the same, if it does not take too long.
#[tokio::test(start_paused = true)]
async fn who_has_no_place_waits_a_little() {
    let world = concurrent(9, 1);
    let server = std::sync::Arc::new(world.server());
    let send = |tool: &'static str| {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move { server.send(modern(ANA, "tools/call", &call(tool))).await })
    };
    let first = send("slow");
    world.started().await;
    let second = send("echo");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!second.is_finished());
    first.abort();
    assert_eq!(second.await.unwrap().status, StatusCode::OK);
}

/// A client that reads JSON only never gets a stream, however long its call takes.
#[tokio::test(start_paused = true)]
async fn who_reads_no_streams_gets_none() {
    let world = World::new();
    let mut params = call("slow");
    params["_meta"] = json!({ "progressToken": "mine" });
    let mut asked = legacy(ANA, None, "tools/call", &params);
    asked.headers_mut().insert("accept", "application/json".parse().unwrap());
    let reply = world.server().send(asked).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["result"]["isError"], true);
}
