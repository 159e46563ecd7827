//! Promise 4: one event per call, under the person's name.

use margay_domain::audit::{AI_TOOL_INVOKE, ActionResult, AuditQuery};
use serde_json::json;

use crate::harness::{Browser, Client, story};

story! {
    async fn every_call_is_one_event(server) {
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead", "DataAnalyticsRead"]).await;
        let calls = [
            ("get_permissions", json!({}), ActionResult::Succeeded),
            ("list_alerts", json!({ "contains": "token=mgr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }), ActionResult::Succeeded),
            ("get_alert", json!({ "alert_id": "unknown" }), ActionResult::Failed),
            ("list_users", json!({}), ActionResult::Failed),
            ("query_data_lake", json!({ "sql": "drop table x", "password": "hunter2" }), ActionResult::Failed),
        ];
        for (tool, arguments, _) in &calls {
            client.mcp(&tokens.access, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
            // Events are sorted by time, and the clock of these tests stands still.
            server.advance(std::time::Duration::from_millis(5));
        }
        client.mcp(&tokens.access, "tools/call", json!({ "name": "no_such_tool", "arguments": {} })).await;
        let query = AuditQuery { action: Some(AI_TOOL_INVOKE.to_owned()), limit: 100, ..AuditQuery::default() };
        let mut events = server.parts.store.audit_log().search(&query).await.expect("events");
        events.reverse();
        assert_eq!(events.len(), calls.len() + 1);
        for (event, (tool, _, result)) in events.iter().zip(&calls) {
            assert_eq!(event.action_params["static"]["toolName"], *tool);
            assert_eq!(event.action_result, *result, "{tool}");
            assert_eq!(event.actor.email.as_deref(), Some("analyst@example.com"));
            assert_eq!(event.action_details["clientId"], client.id);
            assert!(event.action_details["grantId"].as_str().expect("a grant").starts_with("grt_"));
            assert!(event.action_details["durationMs"].is_number());
            assert_eq!(event.source_ip.as_deref(), Some("127.0.0.1"));
            assert_eq!(event.user_agent.as_deref(), Some("Margay test client"));
        }
        let all = serde_json::to_string(&events).expect("JSON");
        assert!(!all.contains("hunter2") && !all.contains("mgr_AAAA") && !all.contains(&tokens.access), "secrets are out");

        let admin = Browser::signed_in(server, "admin@example.com").await;
        let page = admin.get("/audit?action=AI_TOOL_INVOKE&tool=list_users").await.page.text();
        assert!(page.contains("list_users") && page.contains("analyst@example.com") && !page.contains("get_alert "), "{page}");
        let analyst = browser.get("/audit").await;
        assert_eq!(analyst.status.as_u16(), 403, "an analyst does not hold Read Audit Logs");
    }
}
