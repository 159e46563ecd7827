//! `Alerts`.

use margay_domain::{
    alert::{
        Alert, AlertComment, AlertFilter, AlertPosition, AlertQuality, AlertStatus, AlertType, EventRef, Severity,
    },
    id::AlertId,
    ports::StoreError,
    role::LogTypeAccess,
};
use margay_store::Store;
use serde_json::{Value, json};

use crate::fixtures::{NOW, earlier, later};

checks! {
    alerts_are_put_and_found,
    an_alert_is_replaced,
    every_condition_filters,
    qualities_and_terms_filter,
    titles_are_searched_ignoring_case,
    special_characters_of_patterns_are_literal,
    pages_neither_skip_nor_repeat,
    comments_are_kept_in_order,
    odd_content_stays_readable,
}

/// The access of most people.
pub(crate) const ALL: &LogTypeAccess = &LogTypeAccess::AllowAll;

pub(crate) fn alert(name: &str) -> Alert {
    Alert {
        id: AlertId::new(format!("alr_{name}")),
        kind: AlertType::Rule,
        title: format!("Alert {name}"),
        description: "Somebody signed in as root.".to_owned(),
        runbook: "Ask them.".to_owned(),
        reference: "https://example.com/root".to_owned(),
        severity: Severity::High,
        status: AlertStatus::Open,
        quality: None,
        context_tags: vec!["b".to_owned(), "a".to_owned()],
        detection_id: Some("AWS.Root.Login".to_owned()),
        log_types: vec!["AWS.CloudTrail".to_owned()],
        log_source_ids: vec!["src_trail".to_owned()],
        resource_types: Vec::new(),
        context: json!({"ip": "203.0.113.7", "count": 3.5, "deep": [null, {"z": 1, "a": 2}]}),
        event_count: 3,
        created_at: NOW,
        first_event_at: Some(earlier(60)),
        last_event_at: None,
        updated_at: later(60),
        updated_by: None,
        assignee_id: None,
        events: vec![EventRef {
            log_type: "AWS.CloudTrail".to_owned(),
            row_id: "row-1".to_owned(),
            event_time: earlier(60),
        }],
        withheld: false,
    }
}

/// As a list shows it.
fn without_events(alert: &Alert) -> Alert {
    Alert { events: Vec::new(), ..alert.clone() }
}

pub(crate) fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// With this label.
pub(crate) fn tagged(tag: &str) -> AlertFilter {
    AlertFilter { context_tags: strings(&[tag]), ..AlertFilter::default() }
}

/// The names of the alerts that match, as a list and by count.
pub(crate) async fn names(store: &Store, filter: AlertFilter) -> Vec<String> {
    let found = store.alerts().list(&filter, None, 1_000, ALL).await.unwrap();
    assert_eq!(store.alerts().count(&filter, ALL).await.unwrap(), u64::try_from(found.len()).unwrap());
    found.iter().map(|alert| alert.id.as_str().trim_start_matches("alr_").to_owned()).collect()
}

async fn alerts_are_put_and_found(store: Store) {
    let alerts = store.alerts();
    let full = Alert {
        kind: AlertType::ScheduledRuleError,
        quality: Some(AlertQuality::Useful),
        last_event_at: Some(NOW),
        updated_by: Some("usr_bo".to_owned()),
        assignee_id: Some("usr_ana".to_owned()),
        log_source_ids: strings(&["src_b", "src_a"]),
        resource_types: strings(&["AWS.S3.Bucket", "AWS.EC2.Instance"]),
        ..alert("full")
    };
    let bare = Alert {
        detection_id: None,
        context_tags: Vec::new(),
        log_types: Vec::new(),
        log_source_ids: Vec::new(),
        context: Value::Null,
        first_event_at: None,
        events: Vec::new(),
        created_at: earlier(1),
        ..alert("bare")
    };
    alerts.put(&[full.clone(), bare.clone()]).await.unwrap();
    alerts.put(&[]).await.unwrap();
    assert_eq!(alerts.get(&full.id, ALL).await.unwrap(), Some(full.clone()));
    assert_eq!(alerts.get(&bare.id, ALL).await.unwrap(), Some(bare.clone()));
    assert_eq!(alerts.get(&AlertId::new("alr_other"), ALL).await.unwrap(), None);
    let listed = alerts.list(&AlertFilter::default(), None, 10, ALL).await.unwrap();
    assert_eq!(listed, [without_events(&full), without_events(&bare)]);
    assert_eq!(alerts.list(&AlertFilter::default(), None, 1, ALL).await.unwrap(), [without_events(&full)]);
    assert!(alerts.list(&AlertFilter::default(), None, 0, ALL).await.unwrap().is_empty());
}

async fn an_alert_is_replaced(store: Store) {
    let alerts = store.alerts();
    alerts.put(&[alert("one")]).await.unwrap();
    alerts.add_comment(&comment("c1", "one", 0), ALL).await.unwrap();
    let changed = Alert {
        title: "New".to_owned(),
        status: AlertStatus::Resolved,
        log_types: vec!["Okta.SystemLog".to_owned(), "Okta.SystemLog".to_owned()],
        context_tags: strings(&["new", "new"]),
        events: Vec::new(),
        ..alert("one")
    };
    alerts.put(std::slice::from_ref(&changed)).await.unwrap();
    assert_eq!(alerts.get(&changed.id, ALL).await.unwrap(), Some(changed));
    assert_eq!(alerts.comments(&AlertId::new("alr_one"), ALL).await.unwrap().len(), 1, "comments stay");
    let by_type = |name: &str| AlertFilter { log_types: vec![name.to_owned()], ..AlertFilter::default() };
    assert_eq!(names(&store, by_type("Okta.SystemLog")).await, ["one"]);
    assert!(names(&store, by_type("AWS.CloudTrail")).await.is_empty(), "the old log types are gone");
    assert_eq!(names(&store, tagged("new")).await, ["one"]);
    assert!(names(&store, tagged("a")).await.is_empty(), "the old labels are gone");
    alerts.put(&[alert("one"), Alert { context_tags: strings(&["last"]), ..alert("one") }]).await.unwrap();
    assert_eq!(names(&store, tagged("last")).await, ["one"], "the last of one id stands");
    assert!(names(&store, tagged("a")).await.is_empty());
}

async fn every_condition_filters(store: Store) {
    let plain = Alert { created_at: earlier(100), ..alert("plain") };
    let other = Alert {
        kind: AlertType::Policy,
        severity: Severity::Low,
        status: AlertStatus::Closed,
        detection_id: Some("aws.root.login".to_owned()),
        log_types: vec!["Okta.SystemLog".to_owned(), "GitHub.Audit".to_owned()],
        events: Vec::new(),
        event_count: 30,
        assignee_id: Some("usr_ana".to_owned()),
        ..alert("other")
    };
    let third = Alert {
        severity: Severity::Critical,
        status: AlertStatus::Triaged,
        detection_id: None,
        log_types: vec!["AWS.CloudTrail.Digest".to_owned()],
        events: Vec::new(),
        event_count: 10,
        created_at: later(100),
        assignee_id: Some("usr_bo".to_owned()),
        ..alert("third")
    };
    store.alerts().put(&[plain, other, third]).await.unwrap();

    let all = AlertFilter::default;
    let expected: [(AlertFilter, &[&str]); 19] = [
        (all(), &["third", "other", "plain"]),
        (AlertFilter { ascending: true, ..all() }, &["plain", "other", "third"]),
        (AlertFilter { from: Some(NOW), ..all() }, &["third", "other"]),
        (AlertFilter { until: Some(NOW), ..all() }, &["plain"]),
        (AlertFilter { from: Some(NOW), until: Some(later(100)), ..all() }, &["other"]),
        (AlertFilter { severities: vec![Severity::Low, Severity::High], ..all() }, &["other", "plain"]),
        (AlertFilter { severities: vec![Severity::Info], ..all() }, &[]),
        (AlertFilter { statuses: vec![AlertStatus::Open, AlertStatus::Triaged], ..all() }, &["third", "plain"]),
        (AlertFilter { kinds: vec![AlertType::Policy], ..all() }, &["other"]),
        (AlertFilter { detection_id: Some("AWS.Root.Login".to_owned()), ..all() }, &["plain"]),
        (AlertFilter { log_types: strings(&["AWS.CloudTrail"]), ..all() }, &["plain"]),
        (AlertFilter { log_types: strings(&["GitHub.Audit", "Okta.SystemLog"]), ..all() }, &["other"]),
        (AlertFilter { log_types: strings(&["AWS.CloudTrail", "GitHub.Audit"]), ..all() }, &["other", "plain"]),
        (AlertFilter { title_contains: Some("T O".to_owned()), ..all() }, &["other"]),
        (AlertFilter { min_events: Some(10), ..all() }, &["third", "other"]),
        (AlertFilter { max_events: Some(10), ..all() }, &["third", "plain"]),
        (AlertFilter { min_events: Some(4), max_events: Some(29), ..all() }, &["third"]),
        (AlertFilter { assignee_ids: strings(&["usr_bo", "usr_cy"]), ..all() }, &["third"]),
        (
            AlertFilter {
                severities: vec![Severity::Critical, Severity::Low],
                assignee_ids: strings(&["usr_ana", "usr_bo"]),
                min_events: Some(20),
                ..all()
            },
            &["other"],
        ),
    ];
    for (filter, wanted) in expected {
        let text = format!("{filter:?}");
        assert_eq!(names(&store, filter).await, wanted, "{text}");
    }
}

async fn qualities_and_terms_filter(store: Store) {
    let plain = Alert { created_at: earlier(100), log_source_ids: Vec::new(), ..alert("plain") };
    let other = Alert {
        quality: Some(AlertQuality::Noise),
        context_tags: strings(&["vip"]),
        log_source_ids: strings(&["src_a", "src_b"]),
        resource_types: strings(&["AWS.S3.Bucket"]),
        ..alert("other")
    };
    let third = Alert {
        quality: Some(AlertQuality::Useful),
        context_tags: strings(&["vip", "case-1", "vip"]),
        log_source_ids: strings(&["src_b"]),
        resource_types: strings(&["AWS.EC2.Instance", "AWS.S3.Bucket"]),
        created_at: later(100),
        ..alert("third")
    };
    store.alerts().put(&[plain, other, third]).await.unwrap();

    let all = AlertFilter::default;
    let expected: [(AlertFilter, &[&str]); 12] = [
        (AlertFilter { qualities: vec![AlertQuality::Useful], ..all() }, &["third"]),
        (AlertFilter { qualities: AlertQuality::ALL.to_vec(), ..all() }, &["third", "other"]),
        (AlertFilter { context_tags: strings(&["vip"]), ..all() }, &["third", "other"]),
        (AlertFilter { context_tags: strings(&["a", "case-1"]), ..all() }, &["third", "plain"]),
        (AlertFilter { context_tags: strings(&["VIP", "vi"]), ..all() }, &[]),
        (AlertFilter { log_source_ids: strings(&["src_a"]), ..all() }, &["other"]),
        (AlertFilter { log_source_ids: strings(&["src_b", "src_none"]), ..all() }, &["third", "other"]),
        (AlertFilter { resource_types: strings(&["AWS.EC2.Instance"]), ..all() }, &["third"]),
        (AlertFilter { resource_types: strings(&["AWS.S3.Bucket"]), ..all() }, &["third", "other"]),
        // The kinds of terms do not mix.
        (AlertFilter { context_tags: strings(&["src_a", "AWS.S3.Bucket"]), ..all() }, &[]),
        (AlertFilter { log_source_ids: strings(&["vip"]), ..all() }, &[]),
        (
            AlertFilter {
                context_tags: strings(&["vip"]),
                log_source_ids: strings(&["src_b"]),
                qualities: vec![AlertQuality::Noise],
                ..all()
            },
            &["other"],
        ),
    ];
    for (filter, wanted) in expected {
        let text = format!("{filter:?}");
        assert_eq!(names(&store, filter).await, wanted, "{text}");
    }
}

async fn by_title(store: &Store, needle: &str) -> Vec<String> {
    names(store, AlertFilter { title_contains: Some(needle.to_owned()), ascending: true, ..AlertFilter::default() })
        .await
}

async fn titles_are_searched_ignoring_case(store: Store) {
    let titled = |name: &str, title: &str| Alert { title: title.to_owned(), ..alert(name) };
    store.alerts().put(&[titled("a", "Root Console LOGIN"), titled("b", "ÄRGER in Über-Cluster")]).await.unwrap();
    assert_eq!(by_title(&store, "console login").await, ["a"]);
    assert_eq!(by_title(&store, "ROOT").await, ["a"]);
    assert_eq!(by_title(&store, "ärger").await, ["b"]);
    assert_eq!(by_title(&store, "ÜBER").await, ["b"]);
    assert_eq!(by_title(&store, "").await, ["a", "b"]);
    assert!(by_title(&store, "nothing").await.is_empty());
}

async fn special_characters_of_patterns_are_literal(store: Store) {
    let titled = |name: &str, title: &str| Alert { title: title.to_owned(), ..alert(name) };
    store
        .alerts()
        .put(&[
            titled("percent", "CPU at 100%"),
            titled("under", "user_name changed"),
            titled("slash", r"C:\Windows\System32"),
            titled("quote", "O'Brien's \"laptop\""),
            titled("plain", "CPU at 1000 username C:Windows"),
        ])
        .await
        .unwrap();
    assert_eq!(by_title(&store, "100%").await, ["percent"]);
    assert_eq!(by_title(&store, "%").await, ["percent"]);
    assert_eq!(by_title(&store, "user_name").await, ["under"]);
    assert_eq!(by_title(&store, "_").await, ["under"]);
    assert_eq!(by_title(&store, r"c:\windows\s").await, ["slash"]);
    assert_eq!(by_title(&store, r"\").await, ["slash"]);
    assert_eq!(by_title(&store, "o'brien's \"").await, ["quote"]);
    assert!(by_title(&store, r"\%").await.is_empty());
    assert!(by_title(&store, "a\0b").await.is_empty());
    assert!(by_title(&store, &"%".repeat(40_000)).await.is_empty());
}

async fn pages_neither_skip_nor_repeat(store: Store) {
    // Many share a moment, so that the id has to decide.
    let alerts: Vec<Alert> =
        (0..25_u64).map(|n| Alert { created_at: later(n / 10), ..alert(&format!("{n:02}")) }).collect();
    store.alerts().put(&alerts).await.unwrap();
    for ascending in [true, false] {
        let filter = AlertFilter { ascending, ..AlertFilter::default() };
        let mut found = Vec::new();
        let mut after: Option<AlertPosition> = None;
        loop {
            let page = store.alerts().list(&filter, after.as_ref(), 4, ALL).await.unwrap();
            assert!(page.len() <= 4);
            let Some(last) = page.last() else { break };
            after = Some(AlertPosition { created_at: last.created_at, id: last.id.clone() });
            found.extend(page);
        }
        let mut expected: Vec<Alert> = alerts.iter().map(without_events).collect();
        if !ascending {
            expected.reverse();
        }
        assert_eq!(found, expected, "ascending: {ascending}");
    }
    // A position need not be an alert.
    let between = AlertPosition { created_at: later(1), id: AlertId::new("alr_14x") };
    let rest = store.alerts().list(&AlertFilter::default(), Some(&between), 3, ALL).await.unwrap();
    let ids: Vec<&str> = rest.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids, ["alr_14", "alr_13", "alr_12"]);
}

fn comment(id: &str, alert: &str, seconds: u64) -> AlertComment {
    AlertComment {
        id: id.to_owned(),
        alert_id: AlertId::new(format!("alr_{alert}")),
        body: format!("**{id}**"),
        created_by: "usr_ana".to_owned(),
        created_at: later(seconds),
    }
}

async fn comments_are_kept_in_order(store: Store) {
    let alerts = store.alerts();
    alerts.put(&[alert("one"), alert("two")]).await.unwrap();
    for comment in [comment("c3", "one", 9), comment("c2", "one", 5), comment("c1", "one", 5), comment("c0", "two", 0)]
    {
        alerts.add_comment(&comment, ALL).await.unwrap();
    }
    let found = alerts.comments(&AlertId::new("alr_one"), ALL).await.unwrap();
    assert_eq!(found, [comment("c1", "one", 5), comment("c2", "one", 5), comment("c3", "one", 9)]);
    assert!(alerts.comments(&AlertId::new("alr_other"), ALL).await.unwrap().is_empty());
    assert!(matches!(alerts.add_comment(&comment("c9", "other", 0), ALL).await, Err(StoreError::NotFound("alert"))));
    assert!(matches!(alerts.add_comment(&comment("c1", "one", 0), ALL).await, Err(StoreError::Conflict(_))));
}

async fn odd_content_stays_readable(store: Store) {
    let mut deep = json!("bottom");
    for _ in 0..120 {
        deep = json!({ "next": deep });
    }
    let odd = Alert {
        title: "nul \0 in a title".to_owned(),
        context: json!({"nul": "a\0b", "deep": deep}),
        log_types: vec!["Odd\0Type".to_owned()],
        detection_id: Some("x".repeat(10_000)),
        // Longer than an index entry of PostgreSQL may be.
        context_tags: vec!["odd\0tag".to_owned(), "y".repeat(20_000)],
        resource_types: (0..2_500).map(|number| format!("Type.{number}")).collect(),
        assignee_id: Some("z".repeat(20_000)),
        ..alert("odd")
    };
    store.alerts().put(std::slice::from_ref(&odd)).await.unwrap();
    let stored = store.alerts().get(&odd.id, ALL).await.unwrap().unwrap();
    assert_eq!(stored.title, "nul \u{fffd} in a title");
    assert!(stored.context.as_str().is_some_and(|text| text.contains("bottom")), "too deep to be read as JSON");
    assert_eq!(stored.detection_id, odd.detection_id);
    let same_detection = AlertFilter { detection_id: odd.detection_id.clone(), ..AlertFilter::default() };
    assert_eq!(names(&store, same_detection).await, ["odd"]);
    let same_type = AlertFilter { log_types: odd.log_types.clone(), ..AlertFilter::default() };
    assert_eq!(names(&store, same_type).await, ["odd"]);
    for tag in &odd.context_tags {
        assert_eq!(names(&store, tagged(tag)).await, ["odd"]);
    }
    let last_resource = AlertFilter { resource_types: strings(&["Type.2499"]), ..AlertFilter::default() };
    assert_eq!(names(&store, last_resource).await, ["odd"]);
}
