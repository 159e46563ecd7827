//! Browser sessions.

use std::{collections::HashMap, sync::Arc, time::Duration};

use margay_domain::{clock::Timestamp, testing::ManualClock};
use margay_store::{SqlSessionStore, Store};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore as _,
    session::{Id, Record},
};

use crate::fixtures::{NOW, later, password, user};

checks! {
    sessions_are_kept_and_changed,
    a_taken_id_is_drawn_again,
    expired_sessions_are_gone,
    an_ended_session_stays_ended,
    a_new_password_ends_sessions,
    disabling_ends_sessions,
}

fn sessions(store: &Store) -> (SqlSessionStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(NOW));
    (store.sessions().with_clock(clock.clone()), clock)
}

fn record(id: i128, user: Option<&str>, expires: Timestamp) -> Record {
    let mut data = HashMap::from([("csrf".to_owned(), json!({"nested": ["ä", 1, null]}))]);
    if let Some(user) = user {
        data.insert("user_id".to_owned(), Value::String(format!("usr_{user}")));
    }
    let expiry_date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(expires.as_micros()) * 1000).unwrap();
    Record { id: Id(id), data, expiry_date }
}

async fn sessions_are_kept_and_changed(store: Store) {
    let (sessions, _) = sessions(&store);
    let mut first = record(1, None, later(60));
    let mut other = record(-2, None, later(60));
    sessions.create(&mut first).await.unwrap();
    sessions.create(&mut other).await.unwrap();
    assert_eq!(sessions.load(&Id(1)).await.unwrap(), Some(first.clone()));
    assert_eq!(sessions.load(&Id(3)).await.unwrap(), None);

    first.data.insert("user_id".to_owned(), json!("usr_ana"));
    first.expiry_date += time::Duration::seconds(60);
    sessions.save(&first).await.unwrap();
    assert_eq!(sessions.load(&Id(1)).await.unwrap(), Some(first));

    sessions.delete(&Id(1)).await.unwrap();
    sessions.delete(&Id(1)).await.unwrap();
    assert_eq!(sessions.load(&Id(1)).await.unwrap(), None);
    assert_eq!(sessions.load(&Id(-2)).await.unwrap(), Some(other));
}

async fn a_taken_id_is_drawn_again(store: Store) {
    let (sessions, _) = sessions(&store);
    let mut first = record(1, Some("ana"), later(60));
    let mut second = record(1, Some("bo"), later(60));
    sessions.create(&mut first).await.unwrap();
    sessions.create(&mut second).await.unwrap();
    assert_ne!(second.id, Id(1));
    assert_eq!(sessions.load(&Id(1)).await.unwrap(), Some(first));
    assert_eq!(sessions.load(&second.id).await.unwrap(), Some(second));
}

async fn expired_sessions_are_gone(store: Store) {
    let (sessions, clock) = sessions(&store);
    sessions.create(&mut record(1, None, later(10))).await.unwrap();
    sessions.create(&mut record(2, None, later(100))).await.unwrap();
    clock.advance(Duration::from_secs(10));
    assert_eq!(sessions.load(&Id(1)).await.unwrap(), None);
    assert!(sessions.load(&Id(2)).await.unwrap().is_some());
    assert_eq!(sessions.collect_expired(later(9)).await.unwrap(), 0);
    assert_eq!(sessions.collect_expired(later(10)).await.unwrap(), 1);
    assert_eq!(sessions.collect_expired(later(1_000)).await.unwrap(), 1);
}

async fn an_ended_session_stays_ended(store: Store) {
    let (sessions, _) = sessions(&store);
    let mut slow_request = record(1, Some("ana"), later(60));
    sessions.create(&mut slow_request).await.unwrap();
    sessions.delete(&Id(1)).await.unwrap();
    sessions.save(&slow_request).await.unwrap();
    assert_eq!(sessions.load(&Id(1)).await.unwrap(), None);
}

/// One session before sign-in, two of Ana (one signed in after it began), one of Bo.
async fn fill(store: &Store, sessions: &SqlSessionStore) {
    store.roles().ensure_built_in(NOW).await.unwrap();
    store.users().create(&user("ana"), None).await.unwrap();
    store.users().create(&user("bo"), None).await.unwrap();
    sessions.create(&mut record(1, None, later(60))).await.unwrap();
    sessions.create(&mut record(2, Some("ana"), later(60))).await.unwrap();
    sessions.create(&mut record(3, None, later(60))).await.unwrap();
    sessions.save(&record(3, Some("ana"), later(60))).await.unwrap();
    sessions.create(&mut record(4, Some("bo"), later(60))).await.unwrap();
}

async fn alive(sessions: &SqlSessionStore) -> Vec<i128> {
    let mut alive = Vec::new();
    for id in 1..=4 {
        if sessions.load(&Id(id)).await.unwrap().is_some() {
            alive.push(id);
        }
    }
    alive
}

async fn a_new_password_ends_sessions(store: Store) {
    let (sessions, _) = sessions(&store);
    fill(&store, &sessions).await;
    store.users().set_password(&user("ana").id, &password("new")).await.unwrap();
    assert_eq!(alive(&sessions).await, [1, 4]);
}

async fn disabling_ends_sessions(store: Store) {
    let (sessions, _) = sessions(&store);
    fill(&store, &sessions).await;
    store.users().set_enabled(&user("ana").id, true).await.unwrap();
    assert_eq!(alive(&sessions).await, [1, 2, 3, 4]);
    store.users().set_enabled(&user("ana").id, false).await.unwrap();
    assert_eq!(alive(&sessions).await, [1, 4]);
}
