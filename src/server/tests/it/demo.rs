//! `margay demo`: leaves a running one alone, and finishes what was interrupted.

use std::{collections::BTreeMap, time::Duration};

use margay_domain::{
    alert::AlertFilter,
    clock::Clock as _,
    id::AlertId,
    lake::{LOGS_DATABASE, QueryRequest},
    ports::DataLake as _,
    role::LogTypeAccess,
};
use margay_server::{
    demo::{Content, content, finish, store},
    wiring::Parts,
};

use crate::{
    command_line::{command, refused},
    harness::{Browser, Engine, TestServer},
};

#[test]
fn a_used_port_is_noticed_before_anything_is_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = command(dir.path(), &["demo", "--listen", &address]).output().expect("the binary runs");
    let text = refused(&output);
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!dir.path().join("data").exists());
}

/// How many events of Okta there are, as one row.
async fn events(parts: &Parts) -> String {
    let request = QueryRequest {
        sql: "SELECT count(*) AS n FROM okta_systemlog WHERE p_occurs_since('9 d')".to_owned(),
        database: LOGS_DATABASE.to_owned(),
        max_rows: 10,
        offset: 0,
        timeout: Duration::from_mins(1),
        now: parts.clock.now(),
        log_types: LogTypeAccess::AllowAll,
        person: None,
    };
    serde_json::to_string(&parts.lake.query(request).await.expect("rows").rows).expect("JSON")
}

/// How many comments there are on these alerts.
async fn comments(parts: &Parts, alerts: &[AlertId]) -> usize {
    let mut found = 0;
    for alert in alerts {
        found += parts.store.alerts().comments(alert, &LogTypeAccess::AllowAll).await.expect("comments").len();
    }
    found
}

/// How many of these alerts point at events, and demands that the events are there.
async fn pointing(parts: &Parts, alerts: &[AlertId]) -> usize {
    let mut found = 0;
    for alert in alerts.iter().take(12) {
        let alert = parts.store.alerts().get(alert, &LogTypeAccess::AllowAll).await.expect("alerts").expect("an alert");
        if alert.events.is_empty() {
            continue;
        }
        let rows = parts.lake.events(&alert.events, &LogTypeAccess::AllowAll).await.expect("events");
        assert!(!rows.is_empty(), "{} points at events that are not there", alert.title);
        found += 1;
    }
    found
}

/// The end of a process between any two steps of a fill leaves a part of what is made here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_fill_is_finished() {
    TestServer::run(Engine::Sqlite, async |server| {
        let first = &server.parts;
        assert_eq!(content(first).await.expect("content"), Content::Real, "these people are not the demo's");
        let now = server.clock.now();
        let note = format!("filling {} 1", now.as_micros());
        first.store.settings().set_internal("demo", &note).await.expect("noted");
        let people: BTreeMap<_, _> =
            first.store.users().list().await.expect("people").into_iter().map(|user| (user.email, user.id)).collect();
        let week = margay_content::demo::generate(now, 1);
        let alerts: Vec<_> = week.alerts.iter().map(|demo| demo.alert.id.clone()).collect();
        store(first, week, &people).await.expect("stored");
        let (before, remarks) = (events(first).await, comments(first, &alerts).await);
        assert!(remarks > 0, "the week has comments");

        // The next start is another process, which has not read the lake yet.
        let next = server.open_again().await;
        let Content::Unfinished(begun) = content(&next).await.expect("content") else { panic!("it is not finished") };
        finish(&next, begun, "another long password").await.expect("finished");
        assert_eq!(content(&next).await.expect("content"), Content::Demo);
        assert_eq!(events(&next).await, before, "no event is there twice");
        assert_eq!(comments(&next, &alerts).await, remarks, "no comment is there twice");
        let stored =
            next.store.alerts().count(&AlertFilter::default(), &LogTypeAccess::AllowAll).await.expect("a count");
        assert_eq!(stored, alerts.len() as u64, "no alert is there twice");
        assert!(pointing(&next, &alerts).await > 0);
        assert_eq!(next.store.users().count().await.expect("a count"), 3);
        next.store.close().await;
        let answer = Browser::new(server).sign_in("admin@example.com", "another long password").await;
        assert_eq!(answer.location, "/connections");
    })
    .await;
}
