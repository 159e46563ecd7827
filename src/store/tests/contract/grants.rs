//! `Grants`: connections and codes. Refresh tokens: see `rotation`.

use margay_domain::{
    clock::Timestamp,
    grant::{Grant, RefreshToken, RevocationReason},
    id::{GrantId, RoleId, UserId},
    ports::{CodeRedemption, RefreshRotation, StoreError},
};
use margay_store::Store;

use crate::{
    fixtures::{
        NOW, active_grant, client, code, earlier, grant, hash, later, people_and_client, permissions, refresh, user,
    },
    harness::at_once,
};

checks! {
    grants_are_made_and_found,
    a_grant_comes_with_its_code_or_not_at_all,
    the_principal_is_read_whole_and_fresh,
    connections_are_listed,
    a_code_is_redeemed_once,
    a_code_that_is_over_is_unknown,
    a_grant_is_activated_once,
    an_ended_grant_is_not_activated,
    the_first_revocation_counts,
    all_grants_of_a_person_end,
    uses_are_noted_once_a_minute,
    what_has_ended_is_collected,
    what_was_used_is_kept_as_long_as_its_grant,
    a_grant_that_cannot_begin_is_discarded,
}

async fn grants_are_made_and_found(store: Store) {
    people_and_client(&store).await;
    let expected = grant("one");
    store.grants().create(&expected, &code(1, &expected)).await.unwrap();
    assert_eq!(store.grants().get(&expected.id).await.unwrap(), Some(expected));
    assert_eq!(store.grants().get(&GrantId::new("grt_other")).await.unwrap(), None);
}

async fn a_grant_comes_with_its_code_or_not_at_all(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let first = grant("first");
    grants.create(&first, &code(1, &first)).await.unwrap();
    let second = grant("second");
    assert!(matches!(grants.create(&second, &code(1, &second)).await, Err(StoreError::Conflict(_))));
    assert_eq!(grants.get(&second.id).await.unwrap(), None);
    assert!(matches!(grants.create(&first, &code(2, &first)).await, Err(StoreError::Conflict(_))));
    let lost = Grant { user_id: UserId::new("usr_nobody"), ..grant("lost") };
    assert!(matches!(grants.create(&lost, &code(3, &lost)).await, Err(StoreError::NotFound(_))));
}

async fn the_principal_is_read_whole_and_fresh(store: Store) {
    people_and_client(&store).await;
    let grant = active_grant(&store, "one", 1).await;
    let principal = store.grants().principal(&grant.id).await.unwrap().unwrap();
    assert_eq!(*principal.user, user("ana"));
    assert_eq!(Some((*principal.role).clone()), store.roles().get(&RoleId::new("Analyst")).await.unwrap());
    assert_eq!(Some((*principal.grant).clone()), store.grants().get(&grant.id).await.unwrap());
    assert_eq!(*principal.client, client("claude"));
    assert_eq!(principal.token_scope, None);
    assert_eq!(principal.effective(), permissions());

    // A change counts from the next read on (promise 1).
    store.users().set_role(&user("ana").id, &RoleId::new("AnalystReadOnly")).await.unwrap();
    let principal = store.grants().principal(&grant.id).await.unwrap().unwrap();
    assert_eq!(principal.role.name, "AnalystReadOnly");
    assert_eq!(principal.user.role_id, principal.role.id);
    store.users().set_enabled(&user("ana").id, false).await.unwrap();
    let principal = store.grants().principal(&grant.id).await.unwrap().unwrap();
    assert!(principal.effective().is_empty());
    assert!(store.grants().principal(&GrantId::new("grt_other")).await.unwrap().is_none());
}

async fn connections_are_listed(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let bo = user("bo");
    store.users().create(&bo, None).await.unwrap();
    let old = Grant { created_at: earlier(9), ..grant("a_old") };
    let of_bo = Grant { user_id: bo.id.clone(), ..grant("bo") };
    let revoked = Grant { created_at: later(9), ..grant("revoked") };
    let pending = grant("pending");
    for (number, grant) in (1..).zip([&old, &of_bo, &revoked, &pending]) {
        grants.create(grant, &code(number, grant)).await.unwrap();
    }
    for grant in [&old, &of_bo, &revoked] {
        assert!(grants.activate(&grant.id, None, later(10)).await.unwrap());
    }
    assert!(grants.revoke(&revoked.id, RevocationReason::User, later(20)).await.unwrap());

    let names = |pairs: Vec<(Grant, margay_domain::client::Client)>| -> Vec<String> {
        pairs.into_iter().map(|(grant, client)| format!("{} of {}", grant.id, client.name)).collect()
    };
    let of_ana = grants.list_for_user(&user("ana").id).await.unwrap();
    assert_eq!(names(of_ana), ["grt_revoked of claude", "grt_a_old of claude"], "newest first, never pending");
    let all = grants.list_all().await.unwrap();
    assert_eq!(names(all), ["grt_revoked of claude", "grt_bo of claude", "grt_a_old of claude"]);
}

fn outcome(redemption: &CodeRedemption) -> &'static str {
    match redemption {
        CodeRedemption::Fresh(_) => "fresh",
        CodeRedemption::Replayed(_) => "replayed",
        CodeRedemption::Unknown => "unknown",
    }
}

async fn redeem(store: &Store, number: u8, now: Timestamp) -> &'static str {
    outcome(&store.grants().redeem_code(&hash(number), now).await.unwrap())
}

async fn a_code_is_redeemed_once(store: Store) {
    people_and_client(&store).await;
    let grant = grant("one");
    store.grants().create(&grant, &code(1, &grant)).await.unwrap();
    let mut outcomes = at_once(20, |_| {
        let grants = store.grants();
        async move { outcome(&grants.redeem_code(&hash(1), later(5)).await.unwrap()) }
    })
    .await;
    outcomes.sort_unstable();
    assert_eq!(outcomes.first(), Some(&"fresh"));
    assert!(outcomes.iter().skip(1).all(|outcome| *outcome == "replayed"), "{outcomes:?}");

    let CodeRedemption::Replayed(stored) = store.grants().redeem_code(&hash(1), later(9)).await.unwrap() else {
        panic!("a used code is replayed");
    };
    let issued = code(1, &grant);
    assert_eq!(stored.hash, issued.hash);
    assert_eq!(stored.grant_id, issued.grant_id);
    assert_eq!(stored.client_id, issued.client_id);
    assert_eq!(stored.redirect_uri, issued.redirect_uri);
    assert_eq!(stored.code_challenge, issued.code_challenge);
    assert_eq!((stored.expires_at, stored.consumed_at), (later(60), Some(later(5))));
}

async fn a_code_that_is_over_is_unknown(store: Store) {
    people_and_client(&store).await;
    let grant = grant("one");
    store.grants().create(&grant, &code(1, &grant)).await.unwrap();
    assert_eq!(redeem(&store, 2, NOW).await, "unknown");
    assert_eq!(redeem(&store, 1, later(60)).await, "unknown");
    assert_eq!(redeem(&store, 1, later(59)).await, "fresh");
    assert_eq!(redeem(&store, 1, later(500)).await, "replayed", "a copy is a copy, however late");
}

async fn a_grant_is_activated_once(store: Store) {
    people_and_client(&store).await;
    let grant = grant("one");
    store.grants().create(&grant, &code(1, &grant)).await.unwrap();
    let activated = at_once(20, |number| {
        let (grants, grant) = (store.grants(), grant.clone());
        async move { grants.activate(&grant.id, Some(&refresh(number, &grant)), later(3)).await.unwrap() }
    })
    .await;
    assert_eq!(activated.iter().filter(|activated| **activated).count(), 1);
    assert_eq!(store.grants().get(&grant.id).await.unwrap().unwrap().activated_at, Some(later(3)));
    let mut tokens = 0;
    for number in 0..20 {
        tokens += usize::from(store.grants().refresh_token(&hash(number)).await.unwrap().is_some());
    }
    assert_eq!(tokens, 1, "only the winner's token is stored");
}

async fn an_ended_grant_is_not_activated(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let (revoked, expired) = (grant("revoked"), Grant { expires_at: later(50), ..grant("expired") });
    grants.create(&revoked, &code(1, &revoked)).await.unwrap();
    grants.create(&expired, &code(2, &expired)).await.unwrap();
    assert!(grants.revoke(&revoked.id, RevocationReason::CodeReuse, later(1)).await.unwrap());
    assert!(!grants.activate(&revoked.id, Some(&refresh(3, &revoked)), later(2)).await.unwrap());
    assert!(!grants.activate(&expired.id, Some(&refresh(4, &expired)), later(50)).await.unwrap());
    assert!(!grants.activate(&GrantId::new("grt_other"), None, NOW).await.unwrap());
    assert!(grants.refresh_token(&hash(3)).await.unwrap().is_none());
    assert!(grants.refresh_token(&hash(4)).await.unwrap().is_none());
}

async fn the_first_revocation_counts(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let grant = active_grant(&store, "one", 1).await;
    let ended = at_once(20, |number| {
        let (grants, id) = (store.grants(), grant.id.clone());
        let reason = if number == 7 { RevocationReason::Admin } else { RevocationReason::User };
        async move { grants.revoke(&id, reason, later(5)).await.unwrap().then_some(reason) }
    })
    .await;
    let winners: Vec<RevocationReason> = ended.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let stored = grants.get(&grant.id).await.unwrap().unwrap();
    assert_eq!(stored.revoked.map(|(at, reason)| (at, vec![reason])), Some((later(5), winners)));
    assert!(!grants.revoke(&grant.id, RevocationReason::Client, later(6)).await.unwrap());
    assert!(!grants.revoke(&GrantId::new("grt_other"), RevocationReason::User, NOW).await.unwrap());

    let over = Grant { expires_at: later(10), ..crate::fixtures::grant("over") };
    grants.create(&over, &code(50, &over)).await.unwrap();
    assert!(!grants.revoke(&over.id, RevocationReason::User, later(10)).await.unwrap(), "it had ended by itself");
}

async fn all_grants_of_a_person_end(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    store.users().create(&user("bo"), None).await.unwrap();
    let (one, two) = (active_grant(&store, "one", 1).await, active_grant(&store, "two", 2).await);
    let of_bo = Grant { user_id: user("bo").id, ..grant("bo") };
    grants.create(&of_bo, &code(3, &of_bo)).await.unwrap();
    assert!(grants.revoke(&two.id, RevocationReason::User, later(1)).await.unwrap());
    assert_eq!(grants.revoke_all_of(&user("ana").id, RevocationReason::UserDisabled, later(2)).await.unwrap(), 1);
    assert_eq!(grants.revoke_all_of(&user("ana").id, RevocationReason::UserDisabled, later(3)).await.unwrap(), 0);
    let revoked = grants.get(&one.id).await.unwrap().unwrap().revoked;
    assert_eq!(revoked, Some((later(2), RevocationReason::UserDisabled)));
    assert_eq!(grants.get(&of_bo.id).await.unwrap().unwrap().revoked, None);
}

async fn uses_are_noted_once_a_minute(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let grant = active_grant(&store, "one", 1).await;
    for (now, noted) in [(10, 10), (69, 10), (70, 70), (20, 70)] {
        grants.used(&grant.id, later(now)).await.unwrap();
        assert_eq!(grants.get(&grant.id).await.unwrap().unwrap().last_used_at, Some(later(noted)));
    }
    grants.used(&GrantId::new("grt_other"), NOW).await.unwrap();
}

async fn what_has_ended_is_collected(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let active = active_grant(&store, "active", 1).await;
    let revoked = active_grant(&store, "revoked", 2).await;
    let pending = grant("pending");
    grants.create(&pending, &code(3, &pending)).await.unwrap();
    assert!(grants.revoke(&revoked.id, RevocationReason::User, later(10)).await.unwrap());

    // The codes live until 60, the refresh tokens until 3600.
    assert_eq!(grants.collect(later(10)).await.unwrap(), 0, "the code of the pending grant is still good");
    assert_eq!(grants.collect(later(61)).await.unwrap(), 4, "3 codes and the token of the revoked");
    assert!(grants.get(&pending.id).await.unwrap().is_some(), "its code may just have been exchanged");
    assert_eq!(grants.collect(later(601)).await.unwrap(), 1, "the pending grant");
    assert_eq!(grants.get(&pending.id).await.unwrap(), None);
    assert!(grants.get(&revoked.id).await.unwrap().is_some(), "connections stay visible");
    assert!(grants.refresh_token(&hash(1)).await.unwrap().is_some());
    assert!(grants.refresh_token(&hash(2)).await.unwrap().is_none());
    assert_eq!(grants.collect(later(3_601)).await.unwrap(), 1);
    assert!(grants.get(&active.id).await.unwrap().is_some());
}

/// Rows OC3 and OF1: a replay is noticed however late.
async fn what_was_used_is_kept_as_long_as_its_grant(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let used = grant("used");
    grants.create(&used, &code(1, &used)).await.unwrap();
    assert_eq!(redeem(&store, 1, later(5)).await, "fresh");
    assert!(grants.activate(&used.id, Some(&refresh(1, &used)), later(5)).await.unwrap());
    let next = RefreshToken { expires_at: later(9_000), ..refresh(2, &used) };
    let grace = std::time::Duration::from_secs(45);
    assert!(matches!(grants.rotate(&hash(1), &next, later(10), grace, None).await.unwrap(), RefreshRotation::Rotated));
    let last = RefreshToken { expires_at: later(9_000), ..refresh(3, &used) };
    assert!(matches!(grants.rotate(&hash(2), &last, later(11), grace, None).await.unwrap(), RefreshRotation::Rotated));
    assert_eq!(grants.collect(later(5_000)).await.unwrap(), 0);
    assert_eq!(redeem(&store, 1, later(5_000)).await, "replayed");
    assert!(matches!(
        grants.rotate(&hash(1), &next, later(5_000), grace, None).await.unwrap(),
        RefreshRotation::Reused
    ));
    assert!(grants.revoke(&used.id, RevocationReason::RefreshReuse, later(5_001)).await.unwrap());
    assert_eq!(grants.collect(later(5_002)).await.unwrap(), 4, "the code and all three tokens");
}

async fn a_grant_that_cannot_begin_is_discarded(store: Store) {
    people_and_client(&store).await;
    let grants = store.grants();
    let (active, pending) = (active_grant(&store, "active", 1).await, grant("pending"));
    grants.create(&pending, &code(3, &pending)).await.unwrap();
    grants.discard(&pending.id).await.unwrap();
    grants.discard(&active.id).await.unwrap();
    assert_eq!(grants.get(&pending.id).await.unwrap(), None);
    assert_eq!(redeem(&store, 3, later(1)).await, "unknown");
    assert!(grants.get(&active.id).await.unwrap().is_some(), "only what never began");
}
