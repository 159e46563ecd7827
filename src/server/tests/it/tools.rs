//! Tools on real data: events that were really ingested, content that was really imported.

use std::fmt::Write as _;

use margay_domain::{audit::AuditQuery, clock::Clock as _, ports::DataLake as _};
use serde_json::json;

use crate::harness::{Engine, TestServer, connected, refused, story, succeeded};

story! {
    /// The lake: good lines go in, bad ones are counted, and what went in can be queried.
    async fn ingest_and_query(server) {
        let now = server.clock.now();
        let mut lines = String::new();
        for n in 0..5 {
            let event = json!({
                "eventVersion": "1.08", "eventTime": now.to_rfc3339(), "eventSource": "s3.amazonaws.com",
                "eventName": if n == 0 { "DeleteBucket" } else { "GetObject" }, "awsRegion": "us-east-1",
                "sourceIPAddress": format!("198.51.100.{n}"), "userAgent": "aws-cli", "eventID": format!("event-{n}"),
                "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ana", "userName": "ana" },
                "requestParameters": { "bucketName": "logs" },
            });
            writeln!(lines, "{event}").expect("a line");
        }
        lines.push_str("not json\n\n[1]\n");
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("trail.jsonl");
        std::fs::write(&file, lines).expect("a file");
        let report = server.parts.lake.ingest_file("AWS.CloudTrail", &file, None, now).await.expect("ingested");
        assert_eq!((report.stored, report.rejected_total), (5, 2));
        assert_eq!(report.rejected.iter().map(|r| r.line).collect::<Vec<_>>(), [6, 8]);
        let kept = std::fs::read_to_string(dir.path().join("trail.jsonl.rejected")).expect("a reject file");
        assert_eq!(kept.lines().count(), 2);

        let (client, token) = connected(server).await;
        let result = client.call(&token, "list_databases", json!({})).await;
        assert!(succeeded(&result)["databases"].as_array().expect("databases").iter().any(|d| d["name"] == "panther_logs.public"));
        let result = client.call(&token, "list_database_tables", json!({ "database": "panther_logs.public" })).await;
        assert!(succeeded(&result).to_string().contains("aws_cloudtrail"), "{result}");
        let result = client.call(&token, "get_table_schema", json!({ "database": "panther_logs.public", "table_name": "AWS.CloudTrail" })).await;
        assert!(succeeded(&result).to_string().contains("p_any_ip_addresses"), "{result}");
        let sql = "SELECT eventName, count(*) AS n FROM panther_logs.public.aws_cloudtrail \
                   WHERE p_occurs_since('1 d') AND userIdentity:userName = 'ana' GROUP BY eventName ORDER BY n DESC";
        let result = client.call(&token, "query_data_lake", json!({ "sql": sql })).await;
        let rows = succeeded(&result)["results"].clone();
        assert_eq!(rows, json!([{ "eventname": "GetObject", "n": 4 }, { "eventname": "DeleteBucket", "n": 1 }]));
        let sql = "SELECT eventid FROM aws_cloudtrail WHERE p_occurs_since('1 d') AND ARRAY_CONTAINS('198.51.100.3'::VARIANT, p_any_ip_addresses)";
        let result = client.call(&token, "query_data_lake", json!({ "sql": sql })).await;
        assert_eq!(succeeded(&result)["results"], json!([{ "eventid": "event-3" }]));
        let result = client.call(&token, "query_data_lake", json!({ "sql": "SELECT eventid FROM aws_cloudtrail WHERE p_occurs_since('1 d') ORDER BY eventid", "limit": 2 })).await;
        assert_eq!(succeeded(&result)["rows_returned"], 2);
        assert_eq!(succeeded(&result)["results_truncated"], true);
        let cursor = succeeded(&result)["next_cursor"].as_str().expect("a cursor").to_owned();
        let next = client
            .call(&token, "query_data_lake", json!({ "sql": "SELECT eventid FROM aws_cloudtrail WHERE p_occurs_since('1 d') ORDER BY eventid", "max_rows": 2, "cursor": cursor }))
            .await;
        assert_eq!(succeeded(&next)["results"], json!([{ "eventid": "event-2" }, { "eventid": "event-3" }]));

        for (sql, part) in [
            ("SELECT * FROM aws_cloudtrail", "time filter"),
            ("SELECT * FROM aws_cloudtrail -- p_event_time > 1", "time filter"),
            ("SELECT * FROM nothing WHERE p_occurs_since('1 d')", "nothing"),
            ("DROP TABLE aws_cloudtrail", "read-only"),
            ("SELECT 1; SELECT 2", "one"),
            ("SELECT eventNam FROM aws_cloudtrail WHERE p_occurs_since('1 d')", "eventnam"),
            ("SELECT\n  FROM FROM x", "line 2"),
        ] {
            let result = client.call(&token, "query_data_lake", json!({ "sql": sql })).await;
            let text = result["content"][0]["text"].as_str().unwrap_or_default().to_lowercase();
            assert_eq!(result["isError"], true, "{sql}: {result}");
            assert!(text.contains(part), "{sql}: {text}");
            assert!(!text.contains(&server.config.data.dir.display().to_string()), "no path: {text}");
        }
    }
}

story! {
    /// What clients add to a call by themselves is neither refused nor recorded, and what means one thing only is read.
    async fn arguments_as_real_clients_write_them(server) {
        let (client, token) = connected(server).await;
        let added = json!({
            "severities": "[\"HIGH\"]", "event_count_min": "0", "page_size": 5.0, "cursor": "null",
            "toolCallId": "call_1", "sessionId": "s1", "action": "sendMessage", "chatInput": "what a person said", "task_progress": "- [ ] look",
        });
        let result = client.call(&token, "list_alerts", added).await;
        assert!(succeeded(&result)["alerts"].is_array(), "{result}");
        let result = client.call(&token, "get_permissions", json!({ "task_progress": "what a person said" })).await;
        assert!(succeeded(&result)["permissions"].is_array(), "{result}");
        let result = client.call(&token, "query_data_lake", json!({ "sql": "```sql\nSELECT 1 AS one\n```", "timeout": 30.0, "max_rows": 1000 })).await;
        assert_eq!(succeeded(&result)["results"], json!([{ "one": 1 }]));
        assert_eq!(succeeded(&result)["notes"], json!(["limit was lowered from 1000 to 999, its maximum."]));
        let events = server.parts.store.audit_log().search(&AuditQuery { limit: 100, ..AuditQuery::default() }).await.expect("events");
        assert!(!format!("{events:?}").contains("what a person said"));

        for (tool, arguments, sentence) in [
            ("list_alerts", json!({ "severitys": ["HIGH"], "foo": 1 }), "invalid_argument: Unknown arguments: severitys (did you mean severities?), foo; list_alerts takes "),
            ("list_alerts", json!({ "severities": true }), "invalid_argument: severities must be a list of texts such as [\"CRITICAL\"]; you sent true."),
            ("get_alert", json!({}), "invalid_argument: alert_id is missing: it must be a text."),
            ("query_data_lake", json!({ "sql": "SELECT 1", "limit": 2, "max_rows": 3 }), "invalid_argument: limit and max_rows are the same argument and were given with different values. Give limit alone."),
        ] {
            let result = client.call(&token, tool, arguments).await;
            let (code, text) = refused(&result);
            assert_eq!(code, "invalid_argument");
            assert!(text.starts_with(sentence), "{text}");
        }
    }
}

/// The demo week: every tool answers, and alerts point at events that exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_week() {
    TestServer::run(Engine::Sqlite, async |server| {
        // The three people exist already; the rest of the week comes with the fourth.
        let week = margay_content::demo::generate(server.clock.now(), 1);
        margay_server::demo::store(&server.parts, week, &std::collections::BTreeMap::new()).await.expect("stored");
        let (client, token) = connected(server).await;
        let alerts =
            client.call(&token, "list_alerts", json!({ "severities": ["CRITICAL", "HIGH"], "limit": 50 })).await;
        let alerts = succeeded(&alerts)["alerts"].as_array().expect("alerts").clone();
        assert!(alerts.len() >= 3, "{}", alerts.len());
        let mut with_events = 0;
        for alert in &alerts {
            let id = alert["id"].as_str().expect("an id");
            let result = client.call(&token, "get_alert", json!({ "alert_id": id })).await;
            assert_eq!(succeeded(&result)["alert"]["id"], id);
            let result = client.call(&token, "get_alert_events", json!({ "alert_id": id, "limit": 2 })).await;
            with_events += usize::from(!succeeded(&result)["events"].as_array().expect("events").is_empty());
        }
        assert_eq!(with_events, alerts.len(), "every alert points at events");
        let databases = server.parts.lake.databases().await.expect("databases");
        assert!(!databases.is_empty());
    })
    .await;
}
