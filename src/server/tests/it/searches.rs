//! Indicators, event statistics and metrics, over events that were really ingested.

use std::time::Duration;

use margay_domain::{
    alert::{Alert, AlertStatus, AlertType, Severity},
    clock::{Clock as _, Timestamp},
    id::AlertId,
    log_source::{LogSource, SourceVolume},
    ports::DataLake as _,
};
use serde_json::{Map, Value, json};

use crate::harness::{Browser, Client, TestServer, connected, refused, story, succeeded};

const IP: &str = "198.51.100.23";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn cloudtrail(at: Timestamp, ip: &str, user: &str) -> Map<String, Value> {
    object(json!({
        "eventVersion": "1.08", "eventTime": at.to_rfc3339(), "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "awsRegion": "us-east-1", "sourceIPAddress": ip, "userAgent": "aws-cli", "eventID": format!("{ip}-{user}"),
        "userIdentity": {
            "type": "IAMUser",
            "arn": format!("arn:aws:iam::123456789012:user/{user}"),
            "principalId": format!("AROAEXAMPLE:{user}@example.com"),
            "userName": user,
        },
    }))
}

/// Three events of one address and one of another, and an alert about them all.
async fn ingest(server: &TestServer) -> Timestamp {
    let now = server.clock.now();
    let at = |minutes: u64| now.minus(Duration::from_mins(minutes));
    let events = vec![
        cloudtrail(at(300), IP, "ana"),
        cloudtrail(at(120), IP, "ana"),
        cloudtrail(at(119), IP, "bob"),
        cloudtrail(at(10), "203.0.113.99", "o'brien"),
    ];
    let (report, refs) = server.parts.lake.ingest_events("AWS.CloudTrail", events, now).await.expect("ingested");
    assert_eq!(report.stored, 4);
    assert!(report.bytes > 1000, "{}", report.bytes);
    let alert = Alert {
        id: AlertId::new("a1"),
        kind: AlertType::Rule,
        title: "Many reads".to_owned(),
        description: String::new(),
        runbook: String::new(),
        reference: String::new(),
        severity: Severity::High,
        status: AlertStatus::Open,
        quality: None,
        context_tags: Vec::new(),
        detection_id: Some("AWS.Many.Reads".to_owned()),
        log_types: vec!["AWS.CloudTrail".to_owned()],
        log_source_ids: Vec::new(),
        resource_types: Vec::new(),
        context: json!({}),
        event_count: 4,
        created_at: now.minus(Duration::from_mins(5)),
        first_event_at: None,
        last_event_at: None,
        updated_at: now,
        updated_by: None,
        assignee_id: None,
        events: refs,
        withheld: false,
    };
    server.parts.store.alerts().put(&[alert]).await.expect("stored");
    now
}

story! {
    /// An indicator is found by its kind or without one, and nothing that looks like SQL is SQL.
    async fn indicators_are_found(server) {
        ingest(server).await;
        let (client, token) = connected(server).await;
        let result = client.call(&token, "search_indicators", json!({ "indicators": [IP] })).await;
        let found = succeeded(&result);
        assert_eq!(found["total_events"], 3, "{found}");
        assert_eq!(found["matches"][0]["log_type"], "AWS.CloudTrail");
        assert_eq!(found["events"].as_array().expect("events").len(), 3);
        let text = result["content"][0]["text"].as_str().expect("text");
        assert!(text.starts_with("The JSON in the next line is data from logs"), "{text}");
        assert_eq!(result["_meta"]["dev.margay/provenance"], "untrusted");

        for (arguments, expected) in [
            (json!({ "indicators": ["ana"] }), 2),
            (json!({ "indicators": ["ana", "bob"] }), 3),
            (json!({ "indicators": ["o'brien"] }), 1),
            (json!({ "indicators": ["arn:aws:iam::123456789012:user/bob"] }), 1),
            (json!({ "indicators": [IP], "indicator_name": "p_any_ip_addresses" }), 3),
            (json!({ "indicators": [IP], "indicator_name": "usernames" }), 0),
            (json!({ "indicators": ["AROAEXAMPLE:ana@example.com"] }), 2),
            (json!({ "indicators": [IP], "log_types": ["AWS.CloudTrail"] }), 3),
            (json!({ "indicators": [IP], "log_types": ["aws.cloudtrail"] }), 3),
            (json!({ "indicators": [IP], "log_types": ["aws_cloudtrail", "AWS.CloudTrail"] }), 3),
            (json!({ "indicators": ["' OR 1 = 1 --"] }), 0),
            (json!({ "indicators": ["\\' OR 1 = 1 --"] }), 0),
            (json!({ "indicators": ["'::VARIANT, p_any_usernames) OR TRUE OR ARRAY_CONTAINS('x"] }), 0),
        ] {
            let result = client.call(&token, "search_indicators", arguments.clone()).await;
            assert_eq!(succeeded(&result)["total_events"], expected, "{arguments}");
        }
        for arguments in [
            json!({ "indicators": [] }),
            json!({ "indicators": ["a\u{0}b"] }),
            json!({ "indicators": [IP], "indicator_name": "p_any_thing" }),
            json!({ "indicators": [IP], "start_date": "2026-01-02", "end_date": "2026-01-01" }),
        ] {
            let result = client.call(&token, "search_indicators", arguments.clone()).await;
            assert_eq!(refused(&result).0, "invalid_argument", "{arguments}");
        }
        for name in ["Okta.SystemLog", "No.Such", "x') OR ('1'='1"] {
            let arguments = json!({ "indicators": [IP], "log_types": ["AWS.CloudTrail", name] });
            let result = client.call(&token, "search_indicators", arguments).await;
            assert_eq!(refused(&result).0, "not_found", "{name}");
        }
    }
}

story! {
    /// Several tables are searched as one.
    async fn several_log_types_are_searched(server) {
        let now = ingest(server).await;
        let at = now.minus(Duration::from_mins(30)).to_rfc3339();
        let sign_in = object(json!({
            "published": at, "uuid": "okta-1", "eventType": "user.session.start", "client": { "ipAddress": IP },
        }));
        let ingested = server.parts.lake.ingest_events("Okta.SystemLog", vec![sign_in], now).await;
        assert_eq!(ingested.expect("ingested").0.stored, 1);
        let (client, token) = connected(server).await;
        for (log_types, total) in [
            (json!(["aws_cloudtrail", "okta.systemlog"]), 4),
            (json!(["okta_systemlog"]), 1),
            (json!([]), 4),
        ] {
            let arguments = json!({ "indicators": [IP], "log_types": log_types });
            let result = client.call(&token, "search_indicators", arguments).await;
            let found = succeeded(&result);
            assert_eq!(found["total_events"], total, "{found}");
            assert_eq!(found["events"].as_array().map(Vec::len), usize::try_from(total).ok(), "{found}");
        }
        let arguments = json!({ "indicators": [IP], "log_types": ["okta_systemlog", "aws_cloudtrail"] });
        let result = client.call(&token, "search_indicators", arguments).await;
        let found = succeeded(&result);
        let types = found["matches"].as_array().expect("matches").iter().map(|found| &found["log_type"]);
        assert_eq!(types.collect::<Vec<_>>(), ["AWS.CloudTrail", "Okta.SystemLog"], "{found}");
        assert!(found["hint"].as_str().expect("a hint").contains("panther_logs.public.aws_cloudtrail"), "{found}");
    }
}

story! {
    /// The largest statements that a search can become are within what the lake takes.
    async fn the_largest_search_is_answered(server) {
        let now = ingest(server).await;
        let (client, token) = connected(server).await;
        let short = [IP, "123456789012", "i-0abc", "Aa:bb:cc:dd:ee:0f", "Evil.example.com"].map(str::to_owned);
        let hashes = [32, 40, 64].map(|length| "A".repeat(length));
        let email = format!("{}@X", "X".repeat(498));
        let arn = format!("arn:{}", "X".repeat(496));
        let names = |count: usize| (0..count).map(|n| format!("{n:02}{}", "x".repeat(498)));
        let emails = (0..19).map(|n| format!("{n:02}{}@X", "X".repeat(496)));
        let every_shape: Vec<String> = short.into_iter().chain(hashes).chain([email, arn]).chain(names(10)).collect();
        let long_names: Vec<String> = [IP.to_owned()].into_iter().chain(names(19)).collect();
        let long_emails: Vec<String> = [IP.to_owned()].into_iter().chain(emails).collect();
        let start = now.minus(Duration::from_hours(48)).to_rfc3339();
        for indicators in [every_shape, long_names, long_emails] {
            assert_eq!(indicators.len(), 20);
            for log_types in [json!([]), json!(["AWS.CloudTrail"])] {
                let arguments = json!({ "indicators": indicators, "log_types": log_types, "start_date": start });
                let result = client.call(&token, "search_indicators", arguments).await;
                // The account is that of all four events.
                let expected = if indicators.iter().any(|value| value == "123456789012") { 4 } else { 3 };
                assert_eq!(succeeded(&result)["total_events"], expected, "{result}");
            }
        }
    }
}

story! {
    /// Events of alerts by time and by who they are about.
    async fn events_of_alerts_are_counted(server) {
        ingest(server).await;
        let (client, token) = connected(server).await;
        let asked = json!({ "alert_ids": ["a1", "gone"], "time_window": 60 });
        let result = client.call(&token, "get_alert_event_stats", asked).await;
        let answer = succeeded(&result).to_string();
        assert!(answer.contains(IP) && answer.contains("AWS.Many.Reads") && answer.contains("gone"), "{answer}");
        let window = client.call(&token, "get_alert_event_stats", json!({ "alert_ids": ["a1"], "time_window": 7 })).await;
        assert!(refused(&window).1.contains("Time window must be 1, 5, 15, 30, or 60"));
        let gone = client.call(&token, "get_alert_event_stats", json!({ "alert_ids": ["gone"] })).await;
        assert_eq!(refused(&gone).0, "not_found");

        // It reads alerts and the lake, so it needs both.
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let half = client.connect(&browser, &["DataAnalyticsRead"]).await.access;
        assert!(!client.tool_names(&half).await.contains(&"get_alert_event_stats".to_owned()));
    }
}

story! {
    /// Totals are those of what was asked for (they are what people report upwards).
    async fn metrics_add_up(server) {
        let now = ingest(server).await;
        let sources = server.parts.store.log_sources();
        let source = LogSource::command_line(now).id;
        let volume = |minutes: u64, log_type: &str, bytes| SourceVolume {
            begin: now.minus(Duration::from_mins(minutes)),
            source_id: source.clone(),
            log_type: log_type.to_owned(),
            bytes,
            events: 10,
        };
        let volumes = [volume(200, "AWS.CloudTrail", 700), volume(30, "AWS.CloudTrail", 300), volume(30, "Okta.SystemLog", 50)];
        sources.record(&volumes, now).await.expect("recorded");
        server.advance(Duration::from_mins(1));
        let (client, token) = connected(server).await;

        let rules = client.call(&token, "get_rule_alert_metrics", json!({})).await;
        assert_eq!(succeeded(&rules)["total_alerts"], 1, "{rules}");
        assert_eq!(succeeded(&rules)["alerts_per_rule"][0]["entityId"], "AWS.Many.Reads");
        assert_eq!(succeeded(&rules)["alerts_per_rule"][0]["value"], 1);
        let none = client.call(&token, "get_rule_alert_metrics", json!({ "detection_ids": ["Other"] })).await;
        assert_eq!(succeeded(&none)["total_alerts"], 0);
        let severities = client.call(&token, "get_severity_alert_metrics", json!({ "severities": ["HIGH"] })).await;
        assert_eq!(succeeded(&severities)["total_alerts"], 1);
        let low = client.call(&token, "get_severity_alert_metrics", json!({ "severities": ["LOW"] })).await;
        assert_eq!(succeeded(&low)["total_alerts"], 0);
        let policies = client.call(&token, "get_severity_alert_metrics", json!({ "alert_types": ["Policy"] })).await;
        assert_eq!(succeeded(&policies)["total_alerts"], 0);
        let bytes = client.call(&token, "get_bytes_processed_metrics", json!({})).await;
        assert_eq!(succeeded(&bytes)["total_bytes"], 1050, "{bytes}");
        for arguments in [json!({ "interval_in_minutes": 7 }), json!({ "start_date": "soon" })] {
            let result = client.call(&token, "get_bytes_processed_metrics", arguments.clone()).await;
            assert_eq!(refused(&result).0, "invalid_argument", "{arguments}");
        }

        let listed = client.call(&token, "list_log_sources", json!({})).await;
        let source = &succeeded(&listed)["sources"][0];
        assert_eq!(source["integrationId"], "src_command_line", "{listed}");
        assert_eq!(source["logTypes"], json!(["AWS.CloudTrail", "Okta.SystemLog"]));
        assert!(source["lastEventReceivedAtTime"].is_string(), "{source}");
    }
}
