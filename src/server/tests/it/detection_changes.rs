//! Enabling and disabling detections: a kind needs only that kind's permission.

use margay_domain::{
    alert::Severity,
    clock::Clock as _,
    detection::{Detection, DetectionKind},
};
use serde_json::json;

use crate::harness::{Browser, Client, TestServer, refused, story, succeeded};

async fn store_detections(server: &TestServer) {
    let now = server.clock.now();
    let detection = |id: &str, kind| Detection {
        id: id.to_owned(),
        kind,
        display_name: format!("Name of {id}"),
        description: String::new(),
        enabled: true,
        severity: Severity::Low,
        log_types: Vec::new(),
        resource_types: Vec::new(),
        scheduled_queries: Vec::new(),
        tags: Vec::new(),
        reports: std::collections::BTreeMap::new(),
        runbook: String::new(),
        reference: String::new(),
        threshold: 1,
        dedup_period_minutes: 60,
        body: "def rule(event):\n    return True\n".to_owned(),
        tests: Vec::new(),
        managed: false,
        created_by: None,
        last_modified_by: None,
        created_at: now,
        last_modified: now,
    };
    let all = [detection("A.Rule", DetectionKind::Rule), detection("A.Policy", DetectionKind::Policy)];
    server.parts.store.detections().put(&all).await.expect("stored");
}

story! {
    async fn rules_and_policies_are_switched_apart(server) {
        store_detections(server).await;
        server.advance(std::time::Duration::from_mins(1));
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let rules = client.connect(&browser, &["RuleRead", "RuleModify", "PolicyRead"]).await.access;
        let off = client.call(&rules, "disable_detection", json!({ "detection_id": "A.Rule" })).await;
        assert_eq!((&succeeded(&off)["enabled"], &succeeded(&off)["changed"]), (&json!(false), &json!(true)));
        let again = client.call(&rules, "disable_detection", json!({ "detection_id": "A.Rule" })).await;
        assert_eq!(succeeded(&again)["changed"], false);
        let seen = client.call(&rules, "get_detection", json!({ "detection_id": "A.Rule" })).await;
        let rule = &succeeded(&seen)["rule"];
        assert_eq!(rule["enabled"], false);
        assert!(rule["body"].as_str().expect("the source").starts_with("def rule"), "the source stays");
        assert!(rule["lastModifiedBy"].as_str().expect("a person").starts_with("usr_"), "{rule}");
        let listed = client.call(&rules, "list_detections", json!({ "state": "disabled" })).await;
        assert_eq!(succeeded(&listed)["rules"][0]["id"], "A.Rule");
        let on = client.call(&rules, "enable_detection", json!({ "detection_id": "A.Rule" })).await;
        assert_eq!(succeeded(&on)["enabled"], true);

        // The policy can be read and not changed.
        let policy = client.call(&rules, "disable_detection", json!({ "detection_id": "A.Policy", "detection_type": "policies" })).await;
        assert_eq!(refused(&policy).0, "permission_denied");
        // Without the permission to read it there is no telling that it is there.
        let blind = client.connect(&browser, &["RuleModify"]).await.access;
        let policy = client.call(&blind, "disable_detection", json!({ "detection_id": "A.Policy" })).await;
        let nothing = client.call(&blind, "disable_detection", json!({ "detection_id": "No.Such" })).await;
        let told = |result: &serde_json::Value| refused(result).1.replace("A.Policy", "X").replace("No.Such", "X");
        assert_eq!(told(&policy), told(&nothing));
        let stored = server.parts.store.detections().get("A.Policy").await.expect("a read").expect("the policy");
        assert!(stored.enabled);
    }
}
