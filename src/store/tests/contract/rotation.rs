//! `Grants::rotate` (rows OF1 and OF2).

use std::time::Duration;

use margay_domain::{
    clock::Timestamp,
    grant::{Grant, RefreshToken, RevocationReason},
    ports::RefreshRotation,
};
use margay_store::Store;

use crate::{
    fixtures::{NOW, active_grant, code, grant, hash, later, people_and_client, refresh},
    harness::at_once,
};

checks! {
    a_token_is_exchanged,
    one_of_many_rotates_and_the_family_lives,
    a_lost_answer_is_repeated_within_the_grace_time,
    a_late_window_gets_the_successor_until_it_is_used,
    where_it_was_exchanged_is_noted,
    a_copy_is_noticed,
    another_successor_is_not_stored,
    ended_grants_do_not_rotate,
    ended_tokens_do_not_rotate,
    rotation_and_revocation_do_not_cross,
}

const GRACE: Duration = Duration::from_secs(45);

fn word(rotation: &RefreshRotation) -> &'static str {
    match rotation {
        RefreshRotation::Rotated => "rotated",
        RefreshRotation::Repeated => "repeated",
        RefreshRotation::Reused => "reused",
        RefreshRotation::Other => "other",
        RefreshRotation::Unknown => "unknown",
    }
}

/// The token `number`, issued at `now`.
fn successor(number: u8, grant: &Grant, now: Timestamp) -> RefreshToken {
    RefreshToken { issued_at: now, expires_at: now.plus(Duration::from_hours(1)), ..refresh(number, grant) }
}

async fn rotate(store: &Store, grant: &Grant, presented: u8, next: u8, now: Timestamp) -> &'static str {
    let next = successor(next, grant, now);
    word(&store.grants().rotate(&hash(presented), &next, now, GRACE, None).await.unwrap())
}

async fn a_token_is_exchanged(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    assert_eq!(rotate(&store, &grant, 1, 2, later(100)).await, "rotated");
    let old = store.grants().refresh_token(&hash(1)).await.unwrap().unwrap();
    assert_eq!((old.superseded_at, old.successor), (Some(later(100)), Some(hash(2))));
    let new = store.grants().refresh_token(&hash(2)).await.unwrap().unwrap();
    assert_eq!((new.hash, new.grant_id), (hash(2), grant.id.clone()));
    assert_eq!((new.issued_at, new.expires_at), (later(100), later(3_700)));
    assert_eq!((new.superseded_at, new.successor), (None, None));
    let stored = store.grants().get(&grant.id).await.unwrap().unwrap();
    assert_eq!(stored.last_used_at, Some(later(100)), "a refresh is a use");
    assert!(store.grants().refresh_token(&hash(3)).await.unwrap().is_none());
}

async fn one_of_many_rotates_and_the_family_lives(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    let words = at_once(50, |_| {
        let (grants, next) = (store.grants(), successor(2, &grant, later(10)));
        async move { word(&grants.rotate(&hash(1), &next, later(10), GRACE, None).await.unwrap()) }
    })
    .await;
    assert_eq!(words.iter().filter(|word| **word == "rotated").count(), 1, "{words:?}");
    assert_eq!(words.iter().filter(|word| **word == "repeated").count(), 49, "{words:?}");
    let stored = store.grants().get(&grant.id).await.unwrap().unwrap();
    assert!(stored.is_active(later(11)));
    assert_eq!(rotate(&store, &grant, 2, 3, later(20)).await, "rotated");
}

async fn a_lost_answer_is_repeated_within_the_grace_time(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    assert_eq!(rotate(&store, &grant, 1, 2, later(100)).await, "rotated");
    assert_eq!(rotate(&store, &grant, 1, 2, later(101)).await, "repeated");
    assert_eq!(rotate(&store, &grant, 1, 2, later(145)).await, "repeated");
    // Repeating did not prolong anything.
    let new = store.grants().refresh_token(&hash(2)).await.unwrap().unwrap();
    assert_eq!(new.issued_at, later(100));
}

async fn a_late_window_gets_the_successor_until_it_is_used(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    assert_eq!(rotate(&store, &grant, 1, 2, later(100)).await, "rotated");
    assert_eq!(rotate(&store, &grant, 1, 2, later(146)).await, "repeated");
    assert_eq!(rotate(&store, &grant, 1, 2, later(3_599)).await, "repeated", "however late");
    assert_eq!(rotate(&store, &grant, 1, 2, later(3_600)).await, "unknown", "its own time has passed");
    let unused = store.grants().refresh_token(&hash(1)).await.unwrap().unwrap();
    assert_eq!((unused.superseded_at, unused.successor_used_at), (Some(later(100)), None));
    assert_eq!(rotate(&store, &grant, 2, 3, later(3_601)).await, "rotated");
    assert_eq!(rotate(&store, &grant, 1, 2, later(3_602)).await, "reused", "the two went different ways");
    let copy = store.grants().refresh_token(&hash(1)).await.unwrap().unwrap();
    assert_eq!(copy.successor_used_at, Some(later(3_601)));
}

async fn where_it_was_exchanged_is_noted(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    let next = successor(2, &grant, later(10));
    let exchange = |from: &str| {
        let (grants, next, from) = (store.grants(), next.clone(), from.parse().unwrap());
        async move { word(&grants.rotate(&hash(1), &next, later(10), GRACE, Some(from)).await.unwrap()) }
    };
    assert_eq!(exchange("192.0.2.1").await, "rotated");
    assert_eq!(exchange("2001:db8::1").await, "repeated");
    let noted = store.grants().get(&grant.id).await.unwrap().unwrap();
    assert_eq!(noted.refreshed_from.as_deref(), Some("2001:db8::1"));
}

async fn a_copy_is_noticed(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    assert_eq!(rotate(&store, &grant, 1, 2, later(100)).await, "rotated");
    assert_eq!(rotate(&store, &grant, 2, 3, later(110)).await, "rotated");
    assert_eq!(rotate(&store, &grant, 1, 2, later(111)).await, "repeated", "although its successor was used");
    assert_eq!(rotate(&store, &grant, 1, 2, later(9_000)).await, "reused", "however late");
}

async fn another_successor_is_not_stored(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    assert_eq!(rotate(&store, &grant, 1, 2, later(100)).await, "rotated");
    assert_eq!(rotate(&store, &grant, 1, 9, later(101)).await, "other", "the caller derived it with another key");
    assert_eq!(rotate(&store, &grant, 1, 9, later(200)).await, "other", "refused, and the family goes on");
    assert!(store.grants().refresh_token(&hash(9)).await.unwrap().is_none(), "nothing new was stored");
}

async fn ended_grants_do_not_rotate(store: Store) {
    people_and_client(&store).await;
    let revoked = active_grant(&store, "revoked", 1).await;
    assert!(store.grants().revoke(&revoked.id, RevocationReason::User, later(5)).await.unwrap());
    assert_eq!(rotate(&store, &revoked, 1, 2, later(6)).await, "unknown");

    let short = Grant { expires_at: later(100), ..grant("short") };
    store.grants().create(&short, &code(90, &short)).await.unwrap();
    assert!(store.grants().activate(&short.id, Some(&refresh(3, &short)), NOW).await.unwrap());
    assert_eq!(rotate(&store, &short, 3, 4, later(100)).await, "unknown");
    assert_eq!(rotate(&store, &short, 3, 4, later(99)).await, "rotated");

    let stored = store.grants().get(&revoked.id).await.unwrap().unwrap();
    assert_eq!(stored.last_used_at, None, "a refused exchange is no use");
    for number in [2, 5] {
        assert!(store.grants().refresh_token(&hash(number)).await.unwrap().is_none());
    }
}

async fn ended_tokens_do_not_rotate(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    assert_eq!(rotate(&store, &grant, 7, 8, later(1)).await, "unknown", "never issued");
    assert_eq!(rotate(&store, &grant, 1, 2, later(3_600)).await, "unknown", "over");
    assert_eq!(rotate(&store, &grant, 1, 2, later(3_599)).await, "rotated");
}

async fn rotation_and_revocation_do_not_cross(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    let words = at_once(20, |number| {
        let (grants, grant) = (store.grants(), grant.clone());
        async move {
            if number == 10 {
                assert!(grants.revoke(&grant.id, RevocationReason::Admin, later(10)).await.unwrap());
                return "revoked";
            }
            let next = successor(2, &grant, later(10));
            word(&grants.rotate(&hash(1), &next, later(10), GRACE, None).await.unwrap())
        }
    })
    .await;
    assert!(words.iter().filter(|word| **word == "rotated").count() <= 1, "{words:?}");
    assert!(!words.contains(&"reused"), "{words:?}");
    assert_eq!(rotate(&store, &grant, 2, 3, later(11)).await, "unknown", "nothing rotates after the revocation");
}
