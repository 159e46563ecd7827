//! A role that may not read every log type: alerts, what people wrote about them, numbers and log schemas.

use margay_domain::{
    alert::{Alert, AlertComment},
    clock::Clock as _,
    id::AlertId,
    role::{BuiltInRole, LogTypeAccess},
};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, connected, connected_as, refused, story, succeeded};

const ANALYST: &str = "analyst@example.com";
const OKTA: &str = "Okta.SystemLog";
const TRAIL: &str = "AWS.CloudTrail";
const SECRET: &str = "tvarga from 203.0.113.66";

fn alert(id: &str, log_types: &[&str], now: &str) -> Alert {
    serde_json::from_value(json!({
        "id": id, "type": "RULE", "title": format!("Sign-in of {SECRET}"), "description": SECRET, "runbook": SECRET,
        "reference": SECRET, "severity": "HIGH", "status": "OPEN", "detectionId": "Okta.Login", "logTypes": log_types,
        "context": { "actor": SECRET }, "eventCount": 2, "createdAt": now, "updatedAt": now,
        "events": log_types.iter().map(|log_type| json!({
            "logType": log_type, "rowId": format!("{id}-{log_type}"), "eventTime": now,
        })).collect::<Vec<_>>(),
    }))
    .expect("an alert")
}

/// One alert of a log type that the analyst may read, one of both, one of the other, and one without any. The last two
/// have a comment.
async fn prepare(server: &TestServer) {
    let now = server.clock.now();
    let at = now.to_rfc3339();
    let mine = Alert { title: "Root signed in".to_owned(), ..alert("mine", &[TRAIL], &at) };
    let all = [mine, alert("mixed", &[TRAIL, OKTA], &at), alert("theirs", &[OKTA], &at), alert("bare", &[], &at)];
    let alerts = server.parts.store.alerts();
    alerts.put(&all).await.expect("stored");
    for id in ["theirs", "bare"] {
        let comment = AlertComment {
            id: format!("cmt_{id}"),
            alert_id: AlertId::new(id),
            body: SECRET.to_owned(),
            created_by: "usr_x".to_owned(),
            created_at: now,
        };
        alerts.add_comment(&comment, &LogTypeAccess::AllowAll).await.expect("a comment");
    }
    let log_types = LogTypeAccess::Deny(vec![OKTA.to_owned(), "GitHub.Audit".to_owned()]);
    server.give_role(ANALYST, BuiltInRole::Analyst.permissions(), log_types).await;
    // A list ends before this moment.
    server.advance(std::time::Duration::from_mins(1));
}

async fn ids(client: &Client, token: &str, filter: Value) -> (Vec<String>, Value) {
    let found = client.call(token, "list_alerts", filter).await;
    let answer = succeeded(&found);
    let alerts = answer["alerts"].as_array().expect("alerts");
    let mut ids: Vec<String> = alerts.iter().filter_map(|alert| alert["id"].as_str()).map(str::to_owned).collect();
    ids.sort_unstable();
    (ids, answer["total_alerts"].clone())
}

story! {
    /// An alert whose log types are all denied is answered like one that was never there, and changes nothing.
    async fn a_denied_alert_does_not_exist(server) {
        prepare(server).await;
        let (client, token) = connected_as(server, ANALYST).await;
        assert_eq!(ids(&client, &token, json!({})).await, (vec!["mine".to_owned(), "mixed".to_owned()], json!(2)));
        for (tool, key, more) in [
            ("get_alert", "alert_id", json!({})),
            ("get_alert_events", "alert_id", json!({})),
            ("list_alert_comments", "alert_id", json!({})),
            ("add_alert_comment", "alert_id", json!({ "comment": "seen" })),
            ("get_alert_event_stats", "alert_ids", json!({})),
            ("update_alert_status", "alert_ids", json!({ "status": "CLOSED" })),
            ("update_alert_assignee", "alert_ids", json!({ "assignee_id": "none" })),
            ("update_alert_quality", "alert_ids", json!({ "quality": "NOISE" })),
            ("update_alert_tags", "alert_ids", json!({ "context_tags": ["vip"] })),
            ("bulk_update_alerts", "alert_ids", json!({ "status": "CLOSED", "comment": "seen" })),
        ] {
            let call = async |id: &str| {
                let mut arguments = more.clone();
                arguments[key] = if key == "alert_ids" { json!([id]) } else { json!(id) };
                client.call(&token, tool, arguments).await
            };
            let unknown = call("nobody").await;
            for id in ["theirs", "bare"] {
                let denied = call(id).await;
                let (code, text) = refused(&denied);
                assert_eq!(code, "not_found", "{tool}");
                assert_eq!(text.replace(id, "nobody"), refused(&unknown).1, "{tool}");
                assert_eq!(denied.to_string().replace(id, "nobody"), unknown.to_string(), "{tool}");
            }
        }
        // All or nothing also counts what is denied.
        let both = json!({ "alert_ids": ["mine", "theirs"], "status": "CLOSED" });
        let refusal = client.call(&token, "update_alert_status", both).await;
        assert_eq!(refused(&refusal).1, "not_found: One or more alerts not found: [theirs]. Nothing was changed.");

        let (client, token) = connected(server).await;
        assert_eq!(ids(&client, &token, json!({ "statuses": ["OPEN"] })).await.1, 4, "nothing was changed");
        for id in ["theirs", "bare"] {
            let comments = client.call(&token, "list_alert_comments", json!({ "alert_id": id })).await;
            assert_eq!(succeeded(&comments)["total_comments"], 1, "{id}");
        }
    }
}

story! {
    /// Of an alert with a denied log type nothing is shown, found or counted that came from its events.
    async fn a_mixed_alert_shows_its_frame(server) {
        prepare(server).await;
        let (client, token) = connected_as(server, ANALYST).await;
        let result = client.call(&token, "get_alert", json!({ "alert_id": "mixed" })).await;
        let answer = succeeded(&result);
        assert_eq!(answer["alert"]["title"], "Okta.Login [title withheld]");
        assert_eq!((&answer["alert"]["withheld"], &answer["alert"]["logTypes"]), (&json!(true), &json!([TRAIL])));
        assert_eq!((&answer["readable_events"], &answer["withheld_events"]), (&json!(1), &json!(1)));
        for absent in ["context", "description", "runbook", "reference"] {
            assert!(answer["alert"].get(absent).is_none(), "{absent}");
        }
        assert!(!result.to_string().contains("tvarga") && !result.to_string().contains(OKTA), "{result}");
        let listed = client.call(&token, "list_alerts", json!({})).await;
        assert!(!listed.to_string().contains("tvarga") && !listed.to_string().contains(OKTA), "{listed}");
        for (filter, expected) in [
            (json!({ "contains": "tvarga" }), vec![]),
            (json!({ "contains": "root" }), vec!["mine"]),
            (json!({ "log_types": [OKTA] }), vec![]),
            (json!({ "log_types": [TRAIL] }), vec!["mine", "mixed"]),
            (json!({ "detection_id": "Okta.Login" }), vec!["mine", "mixed"]),
        ] {
            let (found, total) = ids(&client, &token, filter.clone()).await;
            assert_eq!(found, expected, "{filter}");
            assert_eq!(total, expected.len(), "{filter}");
        }
        let change = json!({ "alert_ids": ["mixed"], "status": "TRIAGED" });
        assert_eq!(succeeded(&client.call(&token, "update_alert_status", change).await)["changed"], 1);
    }
}

story! {
    /// Numbers count what the person may see, and log schemas of denied log types do not exist.
    async fn numbers_and_schemas_follow_the_role(server) {
        prepare(server).await;
        let (client, token) = connected_as(server, ANALYST).await;
        let (admin, admin_token) = connected(server).await;
        for (client, token, count, rule_alerts) in [(&client, &token, 2, 2), (&admin, &admin_token, 4, 4)] {
            let rules = client.call(token, "get_rule_alert_metrics", json!({})).await;
            assert_eq!(succeeded(&rules)["total_alerts"], rule_alerts);
            let severities = client.call(token, "get_severity_alert_metrics", json!({})).await;
            assert_eq!(succeeded(&severities)["total_alerts"], count);
        }
        let shown = client.call(&token, "list_log_type_schemas", json!({ "limit": 500 })).await;
        let all = admin.call(&admin_token, "list_log_type_schemas", json!({ "limit": 500 })).await;
        let total = |answer: &Value| succeeded(answer)["total_schemas"].as_u64().expect("a number");
        assert_eq!(total(&shown) + 2, total(&all));
        assert!(!shown.to_string().contains(OKTA) && all.to_string().contains(OKTA));
        let denied = client.call(&token, "get_log_type_schema_details", json!({ "schema_names": [OKTA] })).await;
        let unknown = client.call(&token, "get_log_type_schema_details", json!({ "schema_names": ["No.Such"] })).await;
        assert_eq!(refused(&denied).0, "not_found");
        assert_eq!(refused(&denied).1, refused(&unknown).1.replace("No.Such", OKTA));
    }
}
