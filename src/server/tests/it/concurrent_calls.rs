//! Many calls at once, and clients that go away.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use margay_domain::audit::{AI_TOOL_INVOKE, AuditEvent, AuditQuery};
use margay_server::config::Config;
use serde_json::json;

use crate::{
    harness::{Browser, Client, TestServer, connected},
    rows::configured_story,
};

async fn invocations(server: &TestServer) -> Vec<AuditEvent> {
    let query = AuditQuery { action: Some(AI_TOOL_INVOKE.to_owned()), limit: 5000, ..AuditQuery::default() };
    server.parts.store.audit_log().search(&query).await.expect("events")
}

fn outcome(event: &AuditEvent) -> &str {
    event.action_details["outcome"].as_str().unwrap_or_default()
}

configured_story! {
    /// 1,000 calls at once of one connection that may: all are answered, and each has its one event.
    async fn a_thousand_calls_at_once(server) with |config: &mut Config| {
        config.mcp.rate_per_user_per_minute = 10_000;
        config.mcp.rate_per_connection_per_minute = 10_000;
        config.mcp.concurrent_per_user = 1000;
        config.mcp.concurrent_per_connection = 1000;
    }, {
        let (client, token) = connected(server).await;
        let calls = (0..1000).map(|n| client.call(&token, "list_alerts", json!({ "contains": format!("call {n}") })));
        let answers = join_all(calls).await;
        assert!(answers.iter().all(|answer| answer["isError"] != true), "every call is answered");
        let events = invocations(server).await;
        assert_eq!(events.len(), 1000, "one event each");
        assert!(events.iter().all(|event| outcome(event) == "success"));
        let asked: BTreeSet<String> = events.iter().map(|event| event.action_params["dynamic"].to_string()).collect();
        assert_eq!(asked.len(), 1000, "and each its own");
    }
}

configured_story! {
    /// With the usual limits a flood is told to wait; what gets through is answered and recorded, and nothing else.
    async fn a_flood_is_told_to_wait(server) with |config: &mut Config| {
        config.mcp.rate_per_user_per_minute = 200;
        config.mcp.rate_per_connection_per_minute = 100;
    }, {
        let (client, token) = connected(server).await;
        let calls = (0..1000).map(|_| client.post_mcp(Some(&token), "tools/call", json!({ "name": "get_permissions", "arguments": {} })));
        let answers = join_all(calls).await;
        let of = |status: u16| answers.iter().filter(|answer| answer.status().as_u16() == status).count();
        let (answered, refused) = (of(200), of(429));
        assert_eq!(answered + refused, 1000);
        assert!((1..=100).contains(&answered), "{answered} got through");
        for answer in answers.iter().filter(|answer| answer.status().as_u16() == 429) {
            let wait: u64 = answer.headers()["retry-after"].to_str().expect("text").parse().expect("whole seconds");
            assert!((1..=60).contains(&wait), "{wait}");
        }
        assert_eq!(invocations(server).await.len(), answered);
        // Another person is not held up.
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let other = Client::register(server).await;
        let theirs = other.connect(&browser, &["AlertRead"]).await;
        other.call(&theirs.access, "list_alerts", json!({})).await;
        // And after a minute the flood is forgotten.
        server.advance(Duration::from_mins(1));
        client.call(&token, "get_permissions", json!({})).await;
    }
}
