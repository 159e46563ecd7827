//! `Detections`, `GlobalHelpers`, `DataModels`, `Enrichments` and `LogSchemas`.

use std::collections::BTreeMap;

use margay_domain::{
    alert::Severity,
    data_model::{DataModel, DataModelMapping},
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    global_helper::GlobalHelper,
    id::{EnrichmentId, UserId},
    log_schema::LogSchema,
};
use margay_store::Store;
use serde_json::{Map, Value, json};

use crate::{
    fixtures::{NOW, later},
    harness::at_once,
};

checks! {
    detections_are_put_and_listed_without_source,
    a_detection_is_enabled_and_disabled,
    global_helpers_are_put_and_listed_without_source,
    data_models_are_put_and_listed_without_source,
    enrichments_are_put_and_found,
    an_enrichment_is_replaced,
    many_rows_and_keys_fit,
    log_schemas_count_their_revisions,
    who_switches_at_once_changes_it_once,
    what_is_put_again_keeps_its_birthday,
    content_put_at_once_does_not_block_itself,
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
        created_by: Some("usr_bo".to_owned()),
        last_modified_by: None,
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

async fn a_detection_is_enabled_and_disabled(store: Store) {
    let detections = store.detections();
    let (root, bucket) = (detection("AWS.Root"), detection("AWS.Bucket"));
    detections.put(&[root.clone(), bucket.clone()]).await.unwrap();
    let (ana, cy) = (UserId::new("usr_ana"), UserId::new("usr_cy"));
    let listed = |detection: &Detection| Detection { body: String::new(), tests: Vec::new(), ..detection.clone() };

    let same = detections.set_enabled("AWS.Root", DetectionKind::Rule, true, &ana, later(5)).await.unwrap();
    assert_eq!(same, Some((listed(&root), false)));
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(root.clone()), "it was enabled already");

    let disabled = Detection {
        enabled: false,
        last_modified: later(6),
        last_modified_by: Some("usr_ana".to_owned()),
        ..root.clone()
    };
    let first = detections.set_enabled("AWS.Root", DetectionKind::Rule, false, &ana, later(6)).await.unwrap();
    assert_eq!(first, Some((listed(&disabled), true)));
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(disabled.clone()));
    let second = detections.set_enabled("AWS.Root", DetectionKind::Rule, false, &cy, later(7)).await.unwrap();
    assert_eq!(second, Some((listed(&disabled), false)));
    assert_eq!(detections.list().await.unwrap(), [listed(&bucket), listed(&disabled)]);

    let policy = detections.set_enabled("AWS.Root", DetectionKind::Policy, true, &cy, later(8)).await.unwrap();
    assert_eq!(policy, None, "it is of another kind");
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(disabled));

    let enabled = Detection { last_modified: later(8), last_modified_by: Some("usr_cy".to_owned()), ..root };
    let on = detections.set_enabled("AWS.Root", DetectionKind::Rule, true, &cy, later(8)).await.unwrap();
    assert_eq!(on, Some((listed(&enabled), true)));
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(enabled));

    let other = detections.set_enabled("aws.root", DetectionKind::Rule, false, &ana, later(9)).await.unwrap();
    assert_eq!(other, None);
    assert_eq!(detections.list().await.unwrap().len(), 2);
}

fn global_helper(id: &str) -> GlobalHelper {
    GlobalHelper {
        id: id.to_owned(),
        description: "Looks into events.".to_owned(),
        tags: vec!["base".to_owned()],
        body: "def deep_get(event):\n    return event.get('\0')\n".to_owned(),
        managed: true,
        created_by: None,
        last_modified_by: Some("usr_ana".to_owned()),
        created_at: NOW,
        last_modified: later(1),
    }
}

async fn global_helpers_are_put_and_listed_without_source(store: Store) {
    let helpers = store.global_helpers();
    let (base, aws) = (global_helper("base_helpers"), global_helper("aws_helpers"));
    helpers.put(&[base.clone(), aws.clone()]).await.unwrap();
    assert_eq!(helpers.get("base_helpers").await.unwrap(), Some(base.clone()));
    assert_eq!(helpers.get("base").await.unwrap(), None);
    let listed = |helper: &GlobalHelper| GlobalHelper { body: String::new(), ..helper.clone() };
    assert_eq!(helpers.list().await.unwrap(), [listed(&aws), listed(&base)]);

    let changed = GlobalHelper { body: "pass\n".to_owned(), managed: false, last_modified: later(9), ..base };
    helpers.put(std::slice::from_ref(&changed)).await.unwrap();
    assert_eq!(helpers.get("base_helpers").await.unwrap(), Some(changed));
    assert_eq!(helpers.list().await.unwrap().len(), 2);
}

fn data_model(id: &str) -> DataModel {
    let mapping = |name: &str, path: Option<&str>, method: Option<&str>| DataModelMapping {
        name: name.to_owned(),
        path: path.map(str::to_owned),
        method: method.map(str::to_owned),
    };
    DataModel {
        id: id.to_owned(),
        display_name: "AWS CloudTrail".to_owned(),
        description: "Calls of the cloud.".to_owned(),
        enabled: true,
        log_types: vec!["AWS.CloudTrail".to_owned()],
        mappings: vec![
            mapping("source_ip", Some("sourceIPAddress"), None),
            mapping("actor_user", None, Some("get_actor")),
        ],
        body: "def get_actor(event):\n    return event.get('\0')\n".to_owned(),
        managed: true,
        created_at: NOW,
        last_modified: later(1),
    }
}

async fn data_models_are_put_and_listed_without_source(store: Store) {
    let models = store.data_models();
    let (trail, alb) = (data_model("Standard.AWS.CloudTrail"), data_model("Standard.AWS.ALB"));
    models.put(&[trail.clone(), alb.clone()]).await.unwrap();
    assert_eq!(models.get("Standard.AWS.CloudTrail").await.unwrap(), Some(trail.clone()));
    assert_eq!(models.get("standard.aws.cloudtrail").await.unwrap(), None);
    let listed = |model: &DataModel| DataModel { body: String::new(), ..model.clone() };
    assert_eq!(models.list().await.unwrap(), [listed(&alb), listed(&trail)]);

    let changed = DataModel { enabled: false, mappings: Vec::new(), last_modified: later(9), ..trail };
    models.put(std::slice::from_ref(&changed)).await.unwrap();
    assert_eq!(models.get("Standard.AWS.CloudTrail").await.unwrap(), Some(changed));
    assert_eq!(models.list().await.unwrap().len(), 2);
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

async fn who_switches_at_once_changes_it_once(store: Store) {
    store.detections().put(&[detection("AWS.Root")]).await.unwrap();
    let answers = at_once(12, |number| {
        let detections = store.detections();
        async move {
            let by = UserId::new(format!("usr_{number}"));
            let set = detections.set_enabled("AWS.Root", DetectionKind::Rule, false, &by, later(u64::from(number)));
            set.await.unwrap().unwrap()
        }
    })
    .await;
    let winners: Vec<&Detection> =
        answers.iter().filter(|(_, changed)| *changed).map(|(detection, _)| detection).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    // The others see what the first one wrote.
    assert!(answers.iter().all(|(detection, _)| detection == winners[0]), "{answers:?}");
    assert_eq!(store.detections().list().await.unwrap(), [winners[0].clone()]);
}

async fn what_is_put_again_keeps_its_birthday(store: Store) {
    let (detections, helpers, models) = (store.detections(), store.global_helpers(), store.data_models());
    for seconds in [0, 50] {
        let at = later(seconds);
        let rule = Detection { created_at: at, last_modified: at, ..detection("AWS.Root") };
        detections.put(&[rule]).await.unwrap();
        helpers.put(&[GlobalHelper { created_at: at, last_modified: at, ..global_helper("base") }]).await.unwrap();
        models.put(&[DataModel { created_at: at, last_modified: at, ..data_model("Standard") }]).await.unwrap();
    }
    let rule = Detection { last_modified: later(50), ..detection("AWS.Root") };
    assert_eq!(detections.get("AWS.Root").await.unwrap(), Some(rule.clone()));
    let helper = GlobalHelper { last_modified: later(50), ..global_helper("base") };
    assert_eq!(helpers.get("base").await.unwrap(), Some(helper));
    let model = DataModel { last_modified: later(50), ..data_model("Standard") };
    assert_eq!(models.get("Standard").await.unwrap(), Some(model));

    // Also after somebody switched it, and in lists.
    let by = UserId::new("usr_ana");
    let switched = detections.set_enabled("AWS.Root", DetectionKind::Rule, false, &by, later(60)).await.unwrap();
    assert_eq!(switched.map(|(detection, _)| detection.created_at), Some(NOW));
    detections.put(&[Detection { created_at: later(70), ..rule }]).await.unwrap();
    let birthdays: Vec<_> = detections.list().await.unwrap().into_iter().map(|found| found.created_at).collect();
    assert_eq!(birthdays, [NOW]);
}

async fn content_put_at_once_does_not_block_itself(store: Store) {
    const COUNT: usize = 20;
    at_once(12, |number| {
        let (detections, helpers, models) = (store.detections(), store.global_helpers(), store.data_models());
        async move {
            let ids = (0..COUNT).map(|item| format!("item_{item:02}"));
            // Every other one comes from the far end.
            let ids: Vec<String> = if number % 2 == 1 { ids.rev().collect() } else { ids.collect() };
            let at = later(u64::from(number));
            let all: Vec<Detection> = ids.iter().map(|id| Detection { last_modified: at, ..detection(id) }).collect();
            detections.put(&all).await.unwrap();
            let all: Vec<GlobalHelper> =
                ids.iter().map(|id| GlobalHelper { last_modified: at, ..global_helper(id) }).collect();
            helpers.put(&all).await.unwrap();
            let all: Vec<DataModel> = ids.iter().map(|id| DataModel { last_modified: at, ..data_model(id) }).collect();
            models.put(&all).await.unwrap();
        }
    })
    .await;
    // One of them was the last, for all rows alike.
    let detections = store.detections().list().await.unwrap();
    assert_eq!(detections.len(), COUNT);
    assert!(detections.iter().all(|found| found.last_modified == detections[0].last_modified));
    let helpers = store.global_helpers().list().await.unwrap();
    assert_eq!(helpers.len(), COUNT);
    assert!(helpers.iter().all(|found| found.last_modified == helpers[0].last_modified));
    let models = store.data_models().list().await.unwrap();
    assert_eq!(models.len(), COUNT);
    assert!(models.iter().all(|found| found.last_modified == models[0].last_modified));
}
