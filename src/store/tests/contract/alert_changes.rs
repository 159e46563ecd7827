//! `Alerts::change` and `Alerts::tally`.

use std::time::Duration;

use margay_domain::{
    alert::{Alert, AlertChange, AlertFilter, AlertQuality, AlertStatus, AlertTally, AlertType, Severity},
    clock::Timestamp,
    id::{AlertId, UserId},
};
use margay_store::Store;

use crate::{
    alerts::{ALL, alert, names, strings, tagged},
    fixtures::{NOW, earlier, later},
    harness::at_once,
};

checks! {
    all_named_alerts_are_changed,
    one_missing_alert_stops_the_change,
    what_is_not_named_stays,
    none_clears,
    changes_at_once_do_not_block_each_other,
    alerts_are_tallied_by_kind_and_time,
    a_tally_takes_every_condition,
}

fn id(name: &str) -> AlertId {
    AlertId::new(format!("alr_{name}"))
}

fn ids(names: &[&str]) -> Vec<AlertId> {
    names.iter().map(|name| id(name)).collect()
}

fn ana() -> UserId {
    UserId::new("usr_ana")
}

async fn get(store: &Store, name: &str) -> Alert {
    store.alerts().get(&id(name), ALL).await.unwrap().unwrap()
}

/// Changes everything that can be changed.
fn everything() -> AlertChange {
    AlertChange {
        status: Some(AlertStatus::Triaged),
        assignee_id: Some(Some("usr_bo".to_owned())),
        quality: Some(Some(AlertQuality::Useful)),
        context_tags: Some(strings(&["vip", "a"])),
    }
}

async fn all_named_alerts_are_changed(store: Store) {
    let alerts = store.alerts();
    let two = Alert { resource_types: strings(&["AWS.S3.Bucket"]), ..alert("two") };
    alerts.put(&[alert("one"), two.clone(), alert("three")]).await.unwrap();
    let missing = alerts.change(&ids(&["two", "one", "two"]), &everything(), &ana(), later(500), ALL).await.unwrap();
    assert!(missing.is_empty(), "{missing:?}");

    let changed = |alert: Alert| Alert {
        status: AlertStatus::Triaged,
        assignee_id: Some("usr_bo".to_owned()),
        quality: Some(AlertQuality::Useful),
        context_tags: strings(&["vip", "a"]),
        updated_at: later(500),
        updated_by: Some("usr_ana".to_owned()),
        ..alert
    };
    assert_eq!(get(&store, "one").await, changed(alert("one")));
    assert_eq!(get(&store, "two").await, changed(two));
    assert_eq!(get(&store, "three").await, alert("three"), "nobody named it");

    assert_eq!(names(&store, tagged("vip")).await, ["two", "one"]);
    assert_eq!(names(&store, tagged("a")).await, ["two", "three", "one"]);
    assert_eq!(names(&store, tagged("b")).await, ["three"], "the old labels are gone");
    let by_source = AlertFilter { log_source_ids: strings(&["src_trail"]), ..AlertFilter::default() };
    assert_eq!(names(&store, by_source).await, ["two", "three", "one"], "other terms stay");
    let by_resource = AlertFilter { resource_types: strings(&["AWS.S3.Bucket"]), ..AlertFilter::default() };
    assert_eq!(names(&store, by_resource).await, ["two"]);

    assert!(alerts.change(&[], &everything(), &ana(), later(600), ALL).await.unwrap().is_empty());
    assert_eq!(get(&store, "three").await, alert("three"));
}

async fn one_missing_alert_stops_the_change(store: Store) {
    let alerts = store.alerts();
    alerts.put(&[alert("one"), alert("two")]).await.unwrap();
    // Before, between and behind those that are there.
    let named = ids(&["z", "one", "a", "two", "q", "a", "z"]);
    let missing = alerts.change(&named, &everything(), &ana(), later(500), ALL).await.unwrap();
    assert_eq!(missing, ids(&["z", "a", "q"]), "in the order given, each once");
    for name in ["one", "two"] {
        assert_eq!(get(&store, name).await, alert(name));
    }
    assert!(names(&store, tagged("vip")).await.is_empty());
    assert_eq!(names(&store, tagged("b")).await, ["two", "one"]);
    assert!(alerts.get(&id("z"), ALL).await.unwrap().is_none());
}

async fn what_is_not_named_stays(store: Store) {
    let alerts = store.alerts();
    let full = Alert {
        status: AlertStatus::Resolved,
        quality: Some(AlertQuality::Noise),
        assignee_id: Some("usr_cy".to_owned()),
        ..alert("one")
    };
    alerts.put(std::slice::from_ref(&full)).await.unwrap();
    let reopen = AlertChange { status: Some(AlertStatus::Open), ..AlertChange::default() };
    assert!(alerts.change(&ids(&["one"]), &reopen, &ana(), later(500), ALL).await.unwrap().is_empty());
    let touched = |alert: Alert| Alert { updated_at: later(500), updated_by: Some("usr_ana".to_owned()), ..alert };
    let expected = touched(Alert { status: AlertStatus::Open, ..full });
    assert_eq!(get(&store, "one").await, expected);

    let tag = AlertChange { context_tags: Some(strings(&["new"])), ..AlertChange::default() };
    assert!(alerts.change(&ids(&["one"]), &tag, &ana(), later(500), ALL).await.unwrap().is_empty());
    let expected = Alert { context_tags: strings(&["new"]), ..expected };
    assert_eq!(get(&store, "one").await, expected);
    assert_eq!(names(&store, tagged("new")).await, ["one"]);
}

async fn none_clears(store: Store) {
    let alerts = store.alerts();
    let full = Alert {
        quality: Some(AlertQuality::Noise),
        assignee_id: Some("usr_cy".to_owned()),
        updated_by: Some("usr_bo".to_owned()),
        ..alert("one")
    };
    alerts.put(std::slice::from_ref(&full)).await.unwrap();
    let clear = AlertChange {
        assignee_id: Some(None),
        quality: Some(None),
        context_tags: Some(Vec::new()),
        ..AlertChange::default()
    };
    assert!(alerts.change(&ids(&["one"]), &clear, &ana(), later(500), ALL).await.unwrap().is_empty());
    let expected = Alert {
        quality: None,
        assignee_id: None,
        context_tags: Vec::new(),
        updated_at: later(500),
        updated_by: Some("usr_ana".to_owned()),
        ..full
    };
    assert_eq!(get(&store, "one").await, expected);
    assert!(names(&store, tagged("a")).await.is_empty());
}

async fn changes_at_once_do_not_block_each_other(store: Store) {
    let all: Vec<Alert> = (0..12).map(|number| alert(&format!("{number:02}"))).collect();
    store.alerts().put(&all).await.unwrap();
    let missing: Vec<AlertId> = at_once(24, |number| {
        let (alerts, mut all) = (store.alerts(), all.clone());
        async move {
            // Every other one comes from the far end.
            if number % 2 == 1 {
                all.reverse();
            }
            if number % 6 == 0 {
                alerts.put(&all).await.unwrap();
                return Vec::new();
            }
            let ids: Vec<AlertId> = all.into_iter().map(|alert| alert.id).collect();
            let change = AlertChange { context_tags: Some(vec![format!("tag-{number}")]), ..AlertChange::default() };
            let by = UserId::new(format!("usr_{number}"));
            alerts.change(&ids, &change, &by, later(u64::from(number)), ALL).await.unwrap()
        }
    })
    .await
    .concat();
    assert!(missing.is_empty(), "{missing:?}");

    // One of them was the last, for all alerts and their terms alike.
    let last = get(&store, "00").await;
    for alert in &all {
        let stored = store.alerts().get(&alert.id, ALL).await.unwrap().unwrap();
        assert_eq!((&stored.context_tags, &stored.updated_by), (&last.context_tags, &last.updated_by));
    }
    let tags = (0..24).map(|number| format!("tag-{number}")).chain(strings(&["a", "b"]));
    for tag in tags {
        let expected = if last.context_tags.contains(&tag) { all.len() } else { 0 };
        assert_eq!(names(&store, tagged(&tag)).await.len(), expected, "{tag}");
    }
}

/// A stretch that begins so many hours after the one in which [`NOW`] lies.
fn tally(hours: i64, kind: AlertType, severity: Severity, detection: Option<&str>, alerts: u64) -> AlertTally {
    let begin = Timestamp::from_seconds(1_800_000_000 + hours * 3_600);
    AlertTally { begin, kind, severity, detection_id: detection.map(str::to_owned), alerts }
}

const HOUR: Duration = Duration::from_hours(1);
const ROOT: Option<&str> = Some("AWS.Root.Login");

async fn alerts_are_tallied_by_kind_and_time(store: Store) {
    let alerts = store.alerts();
    assert!(alerts.tally(&AlertFilter::default(), HOUR, ALL).await.unwrap().is_empty());
    alerts
        .put(&[
            alert("a"),
            Alert { created_at: Timestamp::from_seconds(1_800_000_000), ..alert("b") },
            Alert { created_at: later(3_599), ..alert("c") },
            Alert { created_at: Timestamp::from_seconds(1_800_003_600), ..alert("d") },
            Alert { created_at: earlier(1), ..alert("e") },
            Alert { severity: Severity::Low, ..alert("f") },
            Alert { severity: Severity::Critical, ..alert("g") },
            Alert { kind: AlertType::Policy, detection_id: None, ..alert("h") },
            Alert { kind: AlertType::CorrelationRule, ..alert("i") },
            Alert { detection_id: Some("AWS.Other".to_owned()), ..alert("j") },
            Alert { detection_id: None, ..alert("k") },
            Alert { created_at: later(30 * 3_600), ..alert("l") },
        ])
        .await
        .unwrap();
    // By time, then as types and severities follow each other, not as their words do.
    let expected = [
        tally(-1, AlertType::Rule, Severity::High, ROOT, 1),
        tally(0, AlertType::Rule, Severity::Low, ROOT, 1),
        tally(0, AlertType::Rule, Severity::High, None, 1),
        tally(0, AlertType::Rule, Severity::High, Some("AWS.Other"), 1),
        tally(0, AlertType::Rule, Severity::High, ROOT, 3),
        tally(0, AlertType::Rule, Severity::Critical, ROOT, 1),
        tally(0, AlertType::Policy, Severity::High, None, 1),
        tally(0, AlertType::CorrelationRule, Severity::High, ROOT, 1),
        tally(1, AlertType::Rule, Severity::High, ROOT, 1),
        tally(30, AlertType::Rule, Severity::High, ROOT, 1),
    ];
    assert_eq!(alerts.tally(&AlertFilter::default(), HOUR, ALL).await.unwrap(), expected);

    // Everything since 1970 lies in one stretch, so that only the kinds differ.
    let ages = Duration::from_secs(4_000_000_000);
    let whole = alerts.tally(&AlertFilter::default(), ages, ALL).await.unwrap();
    assert!(whole.iter().all(|tally| tally.begin == Timestamp::from_seconds(0)), "{whole:?}");
    assert_eq!(whole.iter().map(|tally| tally.alerts).collect::<Vec<_>>(), [1, 1, 1, 6, 1, 1, 1]);
    assert_eq!(alerts.tally(&AlertFilter::default(), Duration::MAX, ALL).await.unwrap().len(), whole.len());

    // Before 1970, stretches begin before their alerts, too.
    alerts.put(&[Alert { created_at: Timestamp::from_micros(-1), ..alert("old") }]).await.unwrap();
    let old = AlertFilter { until: Some(Timestamp::from_seconds(0)), ..AlertFilter::default() };
    let [before] = alerts.tally(&old, HOUR, ALL).await.unwrap().try_into().unwrap();
    assert_eq!((before.begin, before.alerts), (Timestamp::from_seconds(-3_600), 1));
}

async fn a_tally_takes_every_condition(store: Store) {
    let alerts = store.alerts();
    alerts
        .put(&[
            alert("a"),
            Alert { severity: Severity::Low, context_tags: strings(&["vip"]), ..alert("b") },
            Alert { created_at: later(3_600), context_tags: strings(&["vip"]), ..alert("c") },
        ])
        .await
        .unwrap();
    let early = AlertFilter { until: Some(later(1)), ..AlertFilter::default() };
    let expected =
        [tally(0, AlertType::Rule, Severity::Low, ROOT, 1), tally(0, AlertType::Rule, Severity::High, ROOT, 1)];
    assert_eq!(alerts.tally(&early, HOUR, ALL).await.unwrap(), expected);
    let both = AlertFilter { from: Some(NOW), severities: vec![Severity::High], ..tagged("vip") };
    assert_eq!(alerts.tally(&both, HOUR, ALL).await.unwrap(), [tally(1, AlertType::Rule, Severity::High, ROOT, 1)]);
    let none = AlertFilter { statuses: vec![AlertStatus::Closed], ..AlertFilter::default() };
    assert!(alerts.tally(&none, HOUR, ALL).await.unwrap().is_empty());
}
