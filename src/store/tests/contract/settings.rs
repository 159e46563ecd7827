//! `Settings` and `SigningKeys`.

use margay_domain::{
    ports::{StoreError, StoredSigningKey},
    rules::Allowlist,
    settings::RemoteMcpSettings,
};
use margay_store::Store;

use crate::{
    fixtures::{NOW, later},
    harness::at_once,
};

checks! {
    settings_are_saved_over_the_revision_they_were_edited_from,
    of_two_saves_one_is_stale,
    internal_values_are_kept,
    an_internal_value_is_taken_once,
    several_nodes_agree_on_a_signing_key,
    signing_keys_are_rotated_resealed_and_collected,
}

fn edited(revision: i64, domain: &str) -> RemoteMcpSettings {
    RemoteMcpSettings {
        allowlist: Allowlist::from_entries(&[domain.to_owned()], &["cursor".to_owned()]).unwrap(),
        revision,
        updated_at: Some(NOW),
        updated_by: Some("ana@example.com".to_owned()),
    }
}

async fn settings_are_saved_over_the_revision_they_were_edited_from(store: Store) {
    let settings = store.settings();
    assert_eq!(settings.remote_mcp().await.unwrap(), RemoteMcpSettings::default());
    for wrong in [-1, 1, 7] {
        let refused = settings.save_remote_mcp(&edited(wrong, "claude.ai")).await;
        assert!(matches!(refused, Err(StoreError::Stale(_))), "{wrong}");
    }
    assert_eq!(settings.save_remote_mcp(&edited(0, "claude.ai")).await.unwrap(), 1);
    assert_eq!(settings.remote_mcp().await.unwrap(), edited(1, "claude.ai"));
    assert_eq!(settings.save_remote_mcp(&edited(1, "*.cursor.com")).await.unwrap(), 2);
    for wrong in [0, 1, 3, i64::MAX] {
        let refused = settings.save_remote_mcp(&edited(wrong, "evil.example")).await;
        assert!(matches!(refused, Err(StoreError::Stale(_))), "{wrong}");
    }
    assert_eq!(settings.remote_mcp().await.unwrap(), edited(2, "*.cursor.com"));
}

async fn of_two_saves_one_is_stale(store: Store) {
    for revision in [0, 1] {
        let saved = at_once(20, |number| {
            let settings = store.settings();
            let edited = edited(revision, &format!("n{number}.example.com"));
            async move { settings.save_remote_mcp(&edited).await.ok() }
        })
        .await;
        let saved: Vec<i64> = saved.into_iter().flatten().collect();
        assert_eq!(saved, [revision + 1]);
    }
}

async fn internal_values_are_kept(store: Store) {
    let settings = store.settings();
    assert_eq!(settings.internal("form").await.unwrap(), None);
    settings.set_internal("form", "one").await.unwrap();
    settings.set_internal("form", "two").await.unwrap();
    settings.set_internal("other", "").await.unwrap();
    assert_eq!(settings.internal("form").await.unwrap().as_deref(), Some("two"));
    assert_eq!(settings.internal("other").await.unwrap().as_deref(), Some(""));
    assert_eq!(settings.ensure_internal("form", "three").await.unwrap(), "two", "what is there stays");
    let made = at_once(20, |number| {
        let settings = store.settings();
        async move { settings.ensure_internal("key", &number.to_string()).await.unwrap() }
    })
    .await;
    assert!(made.iter().all(|value| *value == made[0]), "{made:?}");
}

async fn an_internal_value_is_taken_once(store: Store) {
    let settings = store.settings();
    settings.set_internal("setup", "hash").await.unwrap();
    assert!(!settings.take_internal("setup", "guess").await.unwrap());
    assert!(!settings.take_internal("other", "hash").await.unwrap());
    let taken = at_once(20, |_| {
        let settings = store.settings();
        async move { settings.take_internal("setup", "hash").await.unwrap() }
    })
    .await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(settings.internal("setup").await.unwrap(), None);
}

fn key(number: u8) -> StoredSigningKey {
    StoredSigningKey {
        id: format!("key-{number}"),
        private_der: vec![0, number, 255],
        created_at: later(u64::from(number)),
        retired_at: None,
    }
}

async fn several_nodes_agree_on_a_signing_key(store: Store) {
    let keys = store.signing_keys();
    assert!(keys.list().await.unwrap().is_empty());
    let current = at_once(20, |number| {
        let keys = store.signing_keys();
        async move { keys.ensure_current(&key(number)).await.unwrap() }
    })
    .await;
    let stored = keys.list().await.unwrap();
    let [only] = stored.as_slice() else { panic!("exactly one key: {stored:?}") };
    assert!(current.iter().all(|key| key.id == only.id && key.private_der == only.private_der));
    let again = keys.ensure_current(&key(99)).await.unwrap();
    assert_eq!((again.id, again.created_at, again.retired_at), (only.id.clone(), only.created_at, None));
}

async fn signing_keys_are_rotated_resealed_and_collected(store: Store) {
    let keys = store.signing_keys();
    keys.ensure_current(&key(1)).await.unwrap();
    keys.rotate(&key(2), later(100)).await.unwrap();
    let states = |keys: Vec<StoredSigningKey>| -> Vec<_> { keys.into_iter().map(|k| (k.id, k.retired_at)).collect() };
    let expected = [("key-2".to_owned(), None), ("key-1".to_owned(), Some(later(100)))];
    assert_eq!(states(keys.list().await.unwrap()), expected);
    assert!(keys.rotate(&key(2), later(200)).await.is_err(), "this id is there");
    assert_eq!(states(keys.list().await.unwrap()), expected, "nothing was retired by what failed");
    assert_eq!(keys.ensure_current(&key(3)).await.unwrap().id, "key-2");

    assert!(!keys.reseal("key-2", b"other", b"sealed").await.unwrap());
    assert!(keys.reseal("key-2", &[0, 2, 255], b"sealed").await.unwrap());
    assert!(!keys.reseal("key-2", &[0, 2, 255], b"sealed again").await.unwrap(), "only once");
    assert_eq!(keys.list().await.unwrap()[0].private_der, b"sealed");

    assert_eq!(keys.collect(later(100)).await.unwrap(), 0, "before, not at");
    assert_eq!(keys.collect(later(101)).await.unwrap(), 1);
    assert_eq!(keys.list().await.unwrap().len(), 1, "the one that is not retired stays");
}
