//! `Detections`, `Enrichments` and `LogSchemas`.

use std::collections::BTreeMap;

use margay_domain::{
    alert::Severity,
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    id::EnrichmentId,
    log_schema::LogSchema,
};
use margay_store::Store;
use serde_json::{Map, Value, json};

use crate::fixtures::{NOW, later};

checks! {
    detections_are_put_and_listed_without_source,
    enrichments_are_put_and_found,
    an_enrichment_is_replaced,
    many_rows_and_keys_fit,
    log_schemas_count_their_revisions,
}

fn detection(id: &str) -> Detection {
    Detection {
        id: id.to_owned(),
        kind: DetectionKind::Rule,
        display_name: "Root login".to_owned(),
        description: "The root user signed in.".to_owned(),
        enabled: true,
        severity: Severity::High,
        log_types: vec!["AWS.CloudTrail".to_owned()],
        resource_types: Vec::new(),
        scheduled_queries: Vec::new(),
        tags: vec!["AWS".to_owned()],
        reports: BTreeMap::from([("MITRE ATT&CK".to_owned(), vec!["TA0004:T1078".to_owned()])]),
        runbook: "Ask.".to_owned(),
        reference: String::new(),
        threshold: 2,
        dedup_period_minutes: 15,
        body: "def rule(event):\n    return event.get('x') == '\0'\n".to_owned(),
        tests: vec![json!({"Name": "root", "ExpectedResult": true, "Log": {"a": [1, 2.5, null]}})],
        managed: false,
        created_at: NOW,
        last_modified: later(1),
    }
}

async fn detections_are_put_and_listed_without_source(store: Store) {
    let detections = store.detections();
    let (root, bucket) = (detection("AWS.Root"), detection("AWS.Bucket"));
    detections.put(&[root.clone(), bucket.clone()]).await.unwrap();
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(root.clone()));
    assert_eq!(detections.get("aws.root").await.unwrap(), None);
    let listed = |detection: &Detection| Detection { body: String::new(), tests: Vec::new(), ..detection.clone() };
    assert_eq!(detections.list().await.unwrap(), [listed(&bucket), listed(&root)]);

    let changed = Detection { enabled: false, kind: DetectionKind::Policy, last_modified: later(9), ..root };
    detections.put(std::slice::from_ref(&changed)).await.unwrap();
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(changed));
    assert_eq!(detections.list().await.unwrap().len(), 2);
}

fn enrichment(id: &str, name: &str) -> Enrichment {
    Enrichment {
        id: EnrichmentId::new(id),
        name: name.to_owned(),
        description: "Who owns which address.".to_owned(),
        primary_key: "ip".to_owned(),
        match_kind: MatchKind::Cidr,
        columns: vec!["ip".to_owned(), "owner".to_owned()],
        log_types: vec!["AWS.CloudTrail".to_owned()],
        enabled: true,
        row_count: 999,
        created_at: NOW,
        updated_at: later(1),
    }
}

fn row(key: &str, owner: &str) -> EnrichmentRow {
    let fields = [("ip", key), ("owner", owner)];
    let row: Map<String, Value> = fields.map(|(name, value)| (name.to_owned(), json!(value))).into_iter().collect();
    EnrichmentRow { key: key.to_owned(), row }
}

async fn enrichments_are_put_and_found(store: Store) {
    let enrichments = store.enrichments();
    let assets = enrichment("enr_1", "Asset_Owners");
    let rows = [row("10.0.0.2", "bo"), row("10.0.0.1", "ana"), row("10.0.0.2", "cy")];
    enrichments.put(&assets, &rows).await.unwrap();
    enrichments.put(&enrichment("enr_2", "allowed_vpn"), &[]).await.unwrap();

    let stored = Enrichment { row_count: 3, ..assets.clone() };
    for name in ["Asset_Owners", "asset_owners", "ASSET_OWNERS"] {
        assert_eq!(enrichments.find_by_name(name).await.unwrap(), Some(stored.clone()));
    }
    assert_eq!(enrichments.find_by_name("asset%").await.unwrap(), None);
    let empty = Enrichment { row_count: 0, ..enrichment("enr_2", "allowed_vpn") };
    assert_eq!(enrichments.list().await.unwrap(), [empty.clone(), stored]);

    let [bo, ana, cy] = rows;
    let keys = |keys: &[&str]| -> Vec<String> { keys.iter().map(ToString::to_string).collect() };
    assert_eq!(enrichments.rows(&assets.id).await.unwrap(), [ana.clone(), bo.clone(), cy.clone()]);
    let found = enrichments.rows_by_key(&assets.id, &keys(&["10.0.0.2", "10.0.0.9", "10.0.0.2"])).await.unwrap();
    assert_eq!(found, [bo, cy]);
    assert_eq!(enrichments.rows_by_key(&assets.id, &keys(&["10.0.0.1"])).await.unwrap(), [ana]);
    assert!(enrichments.rows_by_key(&assets.id, &[]).await.unwrap().is_empty());
    assert!(enrichments.rows_by_key(&empty.id, &keys(&["10.0.0.1"])).await.unwrap().is_empty());
    assert!(enrichments.rows(&EnrichmentId::new("enr_9")).await.unwrap().is_empty());
}

async fn an_enrichment_is_replaced(store: Store) {
    let enrichments = store.enrichments();
    let first = enrichment("enr_1", "Assets");
    enrichments.put(&first, &[row("10.0.0.1", "ana"), row("10.0.0.2", "bo")]).await.unwrap();
    let second = Enrichment {
        description: "New.".to_owned(),
        match_kind: MatchKind::Exact,
        created_at: later(50),
        updated_at: later(50),
        ..enrichment("enr_other", "assets")
    };
    enrichments.put(&second, &[row("10.0.0.3", "cy")]).await.unwrap();
    // The id and the birthday of a name never change.
    let expected = Enrichment { id: first.id.clone(), row_count: 1, created_at: NOW, ..second };
    assert_eq!(enrichments.list().await.unwrap(), [expected]);
    assert_eq!(enrichments.rows(&first.id).await.unwrap(), [row("10.0.0.3", "cy")]);
}

async fn many_rows_and_keys_fit(store: Store) {
    let enrichments = store.enrichments();
    let table = enrichment("enr_1", "big");
    let mut rows: Vec<EnrichmentRow> = (0..2_600).map(|n| row(&format!("k{n:05}"), "x")).collect();
    // Longer than an index entry of PostgreSQL may be, and with what its text cannot hold.
    rows.push(row(&"z".repeat(20_000), "a\0b"));
    enrichments.put(&table, &rows).await.unwrap();
    assert_eq!(enrichments.rows(&table.id).await.unwrap(), rows);
    let keys: Vec<String> = rows.iter().rev().map(|row| row.key.clone()).collect();
    assert_eq!(enrichments.rows_by_key(&table.id, &keys).await.unwrap(), rows, "in the order of the keys");
}

fn log_schema(name: &str, spec: &str) -> LogSchema {
    LogSchema {
        name: name.to_owned(),
        description: "Calls of the cloud.".to_owned(),
        spec: spec.to_owned(),
        revision: 1,
        is_managed: true,
        is_archived: false,
        reference_url: "https://example.com/log".to_owned(),
        created_at: NOW,
        updated_at: NOW,
    }
}

async fn log_schemas_count_their_revisions(store: Store) {
    let schemas = store.log_schemas();
    let first = log_schema("AWS.CloudTrail", "schema: one\n");
    schemas.put(&first).await.unwrap();
    schemas.put(&log_schema("AWS.ALB", "schema: alb\n")).await.unwrap();
    assert_eq!(schemas.get("AWS.CloudTrail").await.unwrap(), Some(first.clone()));
    assert_eq!(schemas.get("aws.cloudtrail").await.unwrap(), None);

    let same = LogSchema { created_at: later(5), updated_at: later(5), ..first.clone() };
    schemas.put(&same).await.unwrap();
    assert_eq!(schemas.get("AWS.CloudTrail").await.unwrap(), Some(first.clone()), "nothing changed");

    let described = LogSchema { description: "New.".to_owned(), revision: 7, updated_at: later(6), ..first.clone() };
    schemas.put(&described).await.unwrap();
    let expected = LogSchema { revision: 1, ..described.clone() };
    assert_eq!(schemas.get("AWS.CloudTrail").await.unwrap(), Some(expected), "the text is the same");

    let changed = LogSchema { spec: "schema: two\n".to_owned(), created_at: later(7), ..described };
    schemas.put(&changed).await.unwrap();
    let expected = LogSchema { revision: 2, created_at: NOW, ..changed };
    assert_eq!(schemas.get("AWS.CloudTrail").await.unwrap(), Some(expected));

    let names: Vec<String> = schemas.list().await.unwrap().into_iter().map(|schema| schema.name).collect();
    assert_eq!(names, ["AWS.ALB", "AWS.CloudTrail"]);
}
