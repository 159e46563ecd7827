//! `Alerts` for people who may not read every log type.

use std::time::Duration;

use margay_domain::{
    alert::{Alert, AlertChange, AlertComment, AlertFilter, AlertPosition, AlertStatus, EventRef},
    id::{AlertId, UserId},
    ports::StoreError,
    role::LogTypeAccess,
};
use margay_store::Store;
use serde_json::Value;

use crate::{
    alerts::{ALL, alert, strings},
    fixtures::{earlier, later},
};

checks! {
    what_is_denied_does_not_exist,
    of_a_mixed_alert_only_the_frame_is_left,
    nothing_is_found_by_what_is_withheld,
    what_is_denied_cannot_be_changed,
    pages_are_whole,
}

const TRAIL: &str = "AWS.CloudTrail";
const OKTA: &str = "Okta.SystemLog";

fn id(name: &str) -> AlertId {
    AlertId::new(format!("alr_{name}"))
}

fn deny_okta() -> LogTypeAccess {
    LogTypeAccess::Deny(strings(&[OKTA]))
}

fn of(name: &str, log_types: &[&str]) -> Alert {
    let events = log_types.iter().map(|log_type| EventRef {
        log_type: (*log_type).to_owned(),
        row_id: format!("row-{log_type}"),
        event_time: earlier(60),
    });
    Alert { log_types: strings(log_types), events: events.collect(), ..alert(name) }
}

/// One that may be read, one that may not, a mixed one, one whose only withheld log type is that of an event, and one
/// without log types.
async fn put(store: &Store) {
    let late = Alert { log_types: strings(&[TRAIL]), ..of("late", &[OKTA]) };
    let all = [of("trail", &[TRAIL]), of("okta", &[OKTA]), of("mixed", &[OKTA, TRAIL]), late, of("none", &[])];
    store.alerts().put(&all).await.unwrap();
}

async fn names(store: &Store, filter: AlertFilter, access: &LogTypeAccess) -> Vec<String> {
    let found = store.alerts().list(&filter, None, 100, access).await.unwrap();
    let total = u64::try_from(found.len()).unwrap();
    assert_eq!(store.alerts().count(&filter, access).await.unwrap(), total);
    let tallied = store.alerts().tally(&filter, Duration::from_hours(1), access).await.unwrap();
    assert_eq!(tallied.iter().map(|tally| tally.alerts).sum::<u64>(), total);
    let mut names: Vec<String> =
        found.iter().map(|alert| alert.id.as_str().trim_start_matches("alr_").to_owned()).collect();
    names.sort_unstable();
    names
}

async fn what_is_denied_does_not_exist(store: Store) {
    put(&store).await;
    for (access, expected) in [
        (LogTypeAccess::AllowAll, vec!["late", "mixed", "none", "okta", "trail"]),
        (LogTypeAccess::Deny(Vec::new()), vec!["late", "mixed", "none", "okta", "trail"]),
        (deny_okta(), vec!["late", "mixed", "trail"]),
        (LogTypeAccess::Allow(strings(&[OKTA])), vec!["late", "mixed", "okta"]),
        (LogTypeAccess::Deny(strings(&[OKTA, TRAIL])), vec![]),
        (LogTypeAccess::Allow(strings(&["okta.systemlog", "Okta.SystemLog\0", "%"])), vec![]),
        (LogTypeAccess::Allow(Vec::new()), vec![]),
        (LogTypeAccess::DenyAll, vec![]),
    ] {
        assert_eq!(names(&store, AlertFilter::default(), &access).await, expected, "{access:?}");
        for name in ["late", "mixed", "none", "okta", "trail"] {
            let found = store.alerts().get(&id(name), &access).await.unwrap();
            assert_eq!(found.is_some(), expected.contains(&name), "{access:?} {name}");
        }
    }
}

async fn of_a_mixed_alert_only_the_frame_is_left(store: Store) {
    put(&store).await;
    let whole = store.alerts().get(&id("trail"), &deny_okta()).await.unwrap().unwrap();
    assert_eq!(whole, of("trail", &[TRAIL]));
    let listed = store.alerts().list(&AlertFilter::default(), None, 100, &deny_okta()).await.unwrap();
    for name in ["mixed", "late"] {
        let one = store.alerts().get(&id(name), &deny_okta()).await.unwrap().unwrap();
        let other = listed.iter().find(|alert| alert.id == id(name)).unwrap();
        for seen in [&one, other] {
            assert!(seen.withheld, "{name}");
            assert_eq!(seen.title, "AWS.Root.Login [title withheld]");
            assert_eq!(seen.log_types, [TRAIL]);
            assert_eq!((&seen.context, seen.first_event_at, seen.last_event_at), (&Value::Null, None, None));
            assert!(seen.log_source_ids.is_empty());
            assert_eq!([&seen.description, &seen.runbook, &seen.reference], ["", "", ""]);
            assert_eq!((seen.severity, seen.event_count), (alert(name).severity, alert(name).event_count));
        }
    }
    let known = store.alerts().get(&id("late"), ALL).await.unwrap().unwrap();
    assert_eq!((known.withheld, known.log_types), (false, strings(&[TRAIL, OKTA])));
}

async fn nothing_is_found_by_what_is_withheld(store: Store) {
    put(&store).await;
    let titled = AlertFilter { title_contains: Some("alert".to_owned()), ..AlertFilter::default() };
    assert_eq!(names(&store, titled, &deny_okta()).await, ["trail"]);
    let sourced = AlertFilter { log_source_ids: strings(&["src_trail"]), ..AlertFilter::default() };
    assert_eq!(names(&store, sourced, &deny_okta()).await, ["trail"]);
    for (log_type, expected) in [(OKTA, vec![]), (TRAIL, vec!["late", "mixed", "trail"])] {
        let filter = AlertFilter { log_types: strings(&[log_type]), ..AlertFilter::default() };
        assert_eq!(names(&store, filter, &deny_okta()).await, expected, "{log_type}");
    }
}

async fn what_is_denied_cannot_be_changed(store: Store) {
    put(&store).await;
    let alerts = store.alerts();
    let close = AlertChange { status: Some(AlertStatus::Closed), ..AlertChange::default() };
    let ana = UserId::new("usr_ana");
    for name in ["okta", "none"] {
        let ids = [id("trail"), id(name)];
        let missing = alerts.change(&ids, &close, &ana, later(500), &deny_okta()).await.unwrap();
        assert_eq!(missing, [id(name)]);
        let comment = AlertComment {
            id: format!("cmt_{name}"),
            alert_id: id(name),
            body: "seen".to_owned(),
            created_by: "usr_ana".to_owned(),
            created_at: later(500),
        };
        let refused = alerts.add_comment(&comment, &deny_okta()).await;
        assert!(matches!(refused, Err(StoreError::NotFound("alert"))), "{refused:?}");
        alerts.add_comment(&comment, ALL).await.unwrap();
        assert!(alerts.comments(&id(name), &deny_okta()).await.unwrap().is_empty());
        assert_eq!(alerts.comments(&id(name), ALL).await.unwrap(), [comment]);
    }
    for name in ["trail", "okta", "none"] {
        assert_eq!(alerts.get(&id(name), ALL).await.unwrap().unwrap().status, AlertStatus::Open, "{name}");
    }
    let missing = alerts.change(&[id("mixed")], &close, &ana, later(500), &deny_okta()).await.unwrap();
    assert!(missing.is_empty());
    assert_eq!(alerts.get(&id("mixed"), ALL).await.unwrap().unwrap().status, AlertStatus::Closed);
}

async fn pages_are_whole(store: Store) {
    let log_types = [&[TRAIL][..], &[OKTA], &[OKTA, TRAIL]];
    let all: Vec<Alert> = (0..15).map(|number| of(&format!("{number:02}"), log_types[number % 3])).collect();
    store.alerts().put(&all).await.unwrap();
    let filter = AlertFilter { ascending: true, ..AlertFilter::default() };
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = store.alerts().list(&filter, after.as_ref(), 4, &deny_okta()).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() == 4 || found.len() == 8, "what is left out shortens no page");
        after = Some(AlertPosition { created_at: last.created_at, id: last.id.clone() });
        found.extend(page.into_iter().map(|alert| alert.id));
    }
    let expected: Vec<AlertId> = (0..15).filter(|number| number % 3 != 1).map(|n| id(&format!("{n:02}"))).collect();
    assert_eq!(found, expected);
    assert_eq!(store.alerts().count(&filter, &deny_okta()).await.unwrap(), 10);
}
