//! Work on alerts through tools: status, assignee, quality, labels, comments, one by one and in bulk.

use margay_domain::{
    alert::{Alert, AlertStatus, AlertType, Severity},
    audit::{ActionResult, AuditQuery},
    clock::Clock as _,
    id::AlertId,
};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, connected, connected_as, refused, story, succeeded};

async fn store_alerts(server: &TestServer, ids: &[&str]) {
    let now = server.clock.now();
    let alerts: Vec<Alert> = ids
        .iter()
        .map(|id| Alert {
            id: AlertId::new(*id),
            kind: AlertType::Rule,
            title: format!("Alert {id}"),
            description: String::new(),
            runbook: String::new(),
            reference: String::new(),
            severity: Severity::High,
            status: AlertStatus::Open,
            quality: None,
            context_tags: Vec::new(),
            detection_id: Some("AWS.Root.Login".to_owned()),
            log_types: vec!["AWS.CloudTrail".to_owned()],
            log_source_ids: vec!["src_1".to_owned()],
            resource_types: Vec::new(),
            context: json!({}),
            event_count: 1,
            created_at: now,
            first_event_at: None,
            last_event_at: None,
            updated_at: now,
            updated_by: None,
            assignee_id: None,
            events: Vec::new(),
            withheld: false,
        })
        .collect();
    server.parts.store.alerts().put(&alerts).await.expect("stored");
}

async fn alert(client: &Client, token: &str, id: &str) -> Value {
    succeeded(&client.call(token, "get_alert", json!({ "alert_id": id })).await)["alert"].clone()
}

story! {
    /// What one person changes the next reader sees, with who did it.
    async fn alerts_are_worked_on(server) {
        store_alerts(server, &["a1", "a2"]).await;
        server.advance(std::time::Duration::from_mins(1));
        let (client, token) = connected_as(server, "analyst@example.com").await;
        let me = succeeded(&client.call(&token, "get_user", json!({ "user_id": "analyst@example.com" })).await)["user"]["id"].clone();
        for (tool, more) in [
            ("update_alert_status", json!({ "status": "triaged" })),
            ("update_alert_assignee", json!({ "assignee_id": me })),
            ("update_alert_quality", json!({ "quality": "USEFUL" })),
            ("update_alert_tags", json!({ "context_tags": ["vip", "case-7"] })),
        ] {
            let mut arguments = json!({ "alert_ids": ["a1", "a2"] });
            arguments.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            let result = client.call(&token, tool, arguments).await;
            assert_eq!(succeeded(&result)["changed"], 2, "{tool}");
        }
        let seen = alert(&client, &token, "a2").await;
        assert_eq!((&seen["status"], &seen["quality"]), (&json!("TRIAGED"), &json!("USEFUL")));
        assert_eq!((&seen["assignee"]["id"], &seen["updatedBy"]["id"]), (&me, &me));
        assert_eq!(seen["contextTags"], json!(["vip", "case-7"]));
        assert!(seen["updatedAt"].as_str() > seen["createdAt"].as_str(), "{seen}");

        let comment = client.call(&token, "add_alert_comment", json!({ "alert_id": "a1", "comment": " **Looked** at it " })).await;
        assert_eq!(succeeded(&comment)["comment"]["body"], "**Looked** at it");
        let comments = client.call(&token, "list_alert_comments", json!({ "alert_id": "a1" })).await;
        assert_eq!(succeeded(&comments)["comments"], json!([succeeded(&comment)["comment"]]));

        // Every filter finds what was set, and only that.
        client.call(&token, "update_alert_status", json!({ "alert_ids": ["a1"], "status": "RESOLVED" })).await;
        client.call(&token, "update_alert_tags", json!({ "alert_ids": ["a1"], "context_tags": [] })).await;
        client.call(&token, "update_alert_quality", json!({ "alert_ids": ["a1"], "quality": null })).await;
        client.call(&token, "update_alert_assignee", json!({ "alert_ids": ["a1"], "assignee_id": null })).await;
        for (filter, expected) in [
            (json!({ "statuses": ["RESOLVED"] }), vec!["a1"]),
            (json!({ "qualities": ["USEFUL"] }), vec!["a2"]),
            (json!({ "context_tags": ["vip"] }), vec!["a2"]),
            (json!({ "assignee_ids": [me] }), vec!["a2"]),
            (json!({ "log_sources": ["src_1"] }), vec!["a2", "a1"]),
            (json!({ "log_sources": ["src_2"] }), vec![]),
            (json!({ "resource_types": ["AWS.S3.Bucket"] }), vec![]),
        ] {
            let found = client.call(&token, "list_alerts", filter.clone()).await;
            let ids: Vec<&str> = succeeded(&found)["alerts"].as_array().expect("alerts").iter().filter_map(|a| a["id"].as_str()).collect();
            assert_eq!(ids, expected, "{filter}");
        }
        let cleared = alert(&client, &token, "a1").await;
        assert!(cleared.get("assignee").is_none() && cleared.get("quality").is_none() && cleared.get("contextTags").is_none(), "{cleared}");
    }
}

story! {
    /// All or nothing for one change, each for itself in bulk; and what is wrong is said.
    async fn unknown_alerts_and_bad_values(server) {
        store_alerts(server, &["a1", "a2"]).await;
        let (client, token) = connected(server).await;
        let both = client.call(&token, "update_alert_status", json!({ "alert_ids": ["a1", "gone"], "status": "CLOSED" })).await;
        let (code, text) = refused(&both);
        assert_eq!(code, "not_found");
        assert!(text.contains("gone") && text.contains("Nothing was changed"), "{text}");
        assert_eq!(alert(&client, &token, "a1").await["status"], "OPEN");

        let bulk = json!({ "alert_ids": ["a1", "gone", "a2"], "status": "CLOSED", "comment": "noise" });
        let result = client.call(&token, "bulk_update_alerts", bulk).await;
        let answer = succeeded(&result);
        assert_eq!(answer["summary"], json!({ "total_alerts": 3, "updated": 2, "failed": 1 }));
        assert_eq!(answer["results"][1]["error"]["code"], "not_found");
        assert_eq!(alert(&client, &token, "a2").await["status"], "CLOSED");
        let query = AuditQuery { result: Some(ActionResult::PartiallyFailed), limit: 10, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        assert_eq!(events.len(), 1);
        assert_eq!((&events[0].action_details["outcome"], &events[0].action_details["rowsReturned"]), (&json!("partial"), &json!(2)));

        let many: Vec<String> = (0..26).map(|n| format!("a{n}")).collect();
        for (tool, arguments) in [
            ("update_alert_status", json!({ "alert_ids": [], "status": "OPEN" })),
            ("update_alert_status", json!({ "alert_ids": ["a1"], "status": "DONE" })),
            ("update_alert_assignee", json!({ "alert_ids": ["a1"], "assignee_id": "usr_nobody" })),
            ("update_alert_quality", json!({ "alert_ids": ["a1"], "quality": "GOOD" })),
            ("update_alert_tags", json!({ "alert_ids": ["a1"], "context_tags": ["Two Words"] })),
            ("bulk_update_alerts", json!({ "alert_ids": ["a1"] })),
            ("bulk_update_alerts", json!({ "alert_ids": many, "status": "OPEN" })),
            ("bulk_update_alerts", json!({ "alert_ids": ["gone"], "status": "OPEN" })),
            ("add_alert_comment", json!({ "alert_id": "gone", "comment": "x" })),
            ("add_alert_comment", json!({ "alert_id": "a1", "comment": " " })),
        ] {
            let result = client.call(&token, tool, arguments.clone()).await;
            let (code, text) = refused(&result);
            assert!(["invalid_argument", "not_found"].contains(&code), "{tool} {arguments}: {text}");
        }
        assert_eq!(alert(&client, &token, "a1").await["status"], "CLOSED", "nothing of it had an effect");
    }
}
