//! `LogSources`.

use std::time::Duration;

use margay_domain::{
    clock::Timestamp,
    id::LogSourceId,
    log_source::{AuthMethod, LogSource, SourceKind, SourceVolume, StreamType, VOLUME_STRETCH},
    ports::StoreError,
};
use margay_store::Store;

use crate::{
    fixtures::{NOW, earlier, later},
    harness::at_once,
};

checks! {
    sources_are_put_and_listed_by_label,
    a_label_belongs_to_one_source,
    putting_a_source_keeps_what_arrived_later,
    volumes_are_rounded_and_added_up,
    volumes_are_found_by_time,
    volumes_are_summed_up_by_stretch,
    recording_notes_log_types_and_the_time,
    a_missing_source_stops_the_recording,
    recording_at_once_loses_nothing,
    ensuring_adds_a_source_once,
    ensuring_at_once_adds_one,
}

/// The quarter of an hour in which [`NOW`] lies.
const QUARTER: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn source(name: &str) -> LogSource {
    LogSource {
        id: LogSourceId::new(format!("src_{name}")),
        label: format!("Source {name}"),
        kind: SourceKind::HttpIngest,
        log_types: vec!["Okta.SystemLog".to_owned(), "AWS.ALB".to_owned()],
        stream_type: StreamType::JsonArray,
        auth_method: Some(AuthMethod::Hmac),
        auth_header: Some("X-Signature".to_owned()),
        quiet_after_minutes: Some(u32::MAX),
        is_editable: true,
        created_at: NOW,
        last_modified: later(1),
        last_received_at: Some(later(2)),
        last_processed_at: None,
    }
}

fn volume(begin: Timestamp, source: &str, log_type: &str, bytes: u64, events: u64) -> SourceVolume {
    let source_id = LogSourceId::new(format!("src_{source}"));
    SourceVolume { begin, source_id, log_type: log_type.to_owned(), bytes, events }
}

async fn get(store: &Store, name: &str) -> LogSource {
    store.log_sources().get(&LogSourceId::new(format!("src_{name}"))).await.unwrap().unwrap()
}

/// Everything that was recorded.
async fn recorded(store: &Store) -> Vec<SourceVolume> {
    let (from, until) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    store.log_sources().volumes(from, until, VOLUME_STRETCH).await.unwrap()
}

async fn sources_are_put_and_listed_by_label(store: Store) {
    let sources = store.log_sources();
    assert!(sources.list().await.unwrap().is_empty());
    let (b, command_line) = (source("b"), LogSource::command_line(NOW));
    let a = LogSource { label: "Source \0 odd".to_owned(), ..source("a") };
    for source in [&b, &command_line, &a] {
        sources.put(source).await.unwrap();
    }
    let a = LogSource { label: "Source \u{fffd} odd".to_owned(), ..a };
    assert_eq!(sources.list().await.unwrap(), [command_line.clone(), b.clone(), a.clone()]);
    for source in [b, command_line, a] {
        assert_eq!(sources.get(&source.id).await.unwrap(), Some(source));
    }
    assert_eq!(sources.get(&LogSourceId::new("src_none")).await.unwrap(), None);
}

async fn a_label_belongs_to_one_source(store: Store) {
    let sources = store.log_sources();
    sources.put(&source("a")).await.unwrap();
    sources.put(&source("b")).await.unwrap();
    let taken = LogSource { label: "Source a".to_owned(), ..source("b") };
    assert!(matches!(sources.put(&taken).await, Err(StoreError::Conflict(_))));
    let taken = LogSource { id: LogSourceId::new("src_c"), ..source("a") };
    assert!(matches!(sources.put(&taken).await, Err(StoreError::Conflict(_))));
    assert_eq!(sources.list().await.unwrap(), [source("a"), source("b")]);
    // A label that was given up is free.
    sources.put(&LogSource { label: "Renamed".to_owned(), ..source("a") }).await.unwrap();
    sources.put(&taken).await.unwrap();
    assert_eq!(get(&store, "c").await, taken);
}

async fn putting_a_source_keeps_what_arrived_later(store: Store) {
    let sources = store.log_sources();
    let first = LogSource { last_received_at: Some(later(50)), last_processed_at: Some(later(60)), ..source("a") };
    sources.put(&first).await.unwrap();
    let changed = LogSource {
        label: "New".to_owned(),
        kind: SourceKind::FileUpload,
        log_types: Vec::new(),
        stream_type: StreamType::Lines,
        auth_method: None,
        auth_header: None,
        quiet_after_minutes: None,
        is_editable: false,
        created_at: later(5),
        last_modified: later(6),
        last_received_at: Some(later(49)),
        last_processed_at: None,
        ..first
    };
    sources.put(&changed).await.unwrap();
    let expected =
        LogSource { last_received_at: Some(later(50)), last_processed_at: Some(later(60)), ..changed.clone() };
    assert_eq!(get(&store, "a").await, expected);

    let ahead = LogSource { last_received_at: Some(later(51)), last_processed_at: Some(later(61)), ..changed };
    sources.put(&ahead).await.unwrap();
    assert_eq!(get(&store, "a").await, ahead);

    // What never happened gives way.
    let fresh = LogSource { last_received_at: None, last_processed_at: None, ..source("b") };
    sources.put(&fresh).await.unwrap();
    assert_eq!(get(&store, "b").await, fresh);
    sources.put(&source("b")).await.unwrap();
    assert_eq!(get(&store, "b").await, source("b"));
}

async fn volumes_are_rounded_and_added_up(store: Store) {
    let sources = store.log_sources();
    sources.put(&source("a")).await.unwrap();
    sources.put(&source("b")).await.unwrap();
    sources
        .record(
            &[
                volume(later(899), "b", "AWS.ALB", 10, 1),
                volume(later(900), "a", "AWS.ALB", 20, 2),
                volume(NOW, "a", "Okta.SystemLog", 30, 3),
                volume(QUARTER, "a", "AWS.ALB", 40, 4),
                volume(later(10), "a", "AWS.ALB", 1_000_000_000_000, 5),
            ],
            NOW,
        )
        .await
        .unwrap();
    let next = Timestamp::from_seconds(1_800_000_900);
    let expected = [
        volume(QUARTER, "a", "AWS.ALB", 1_000_000_000_040, 9),
        volume(QUARTER, "a", "Okta.SystemLog", 30, 3),
        volume(QUARTER, "b", "AWS.ALB", 10, 1),
        volume(next, "a", "AWS.ALB", 20, 2),
    ];
    assert_eq!(recorded(&store).await, expected);

    sources.record(&[volume(later(600), "b", "AWS.ALB", 5, 1)], later(600)).await.unwrap();
    sources.record(&[], later(700)).await.unwrap();
    assert_eq!(recorded(&store).await[2], volume(QUARTER, "b", "AWS.ALB", 15, 2));
    assert_eq!(recorded(&store).await.len(), 4);
}

async fn volumes_are_found_by_time(store: Store) {
    let sources = store.log_sources();
    sources.put(&source("a")).await.unwrap();
    let stretch = |number: u32| QUARTER.plus(VOLUME_STRETCH.saturating_mul(number));
    let volumes: Vec<SourceVolume> = (0..4).map(|number| volume(stretch(number), "a", "AWS.ALB", 7, 1)).collect();
    sources.record(&volumes, NOW).await.unwrap();
    assert_eq!(sources.volumes(stretch(1), stretch(3), VOLUME_STRETCH).await.unwrap(), volumes[1..3]);
    let just_behind = Timestamp::from_micros(stretch(1).as_micros() + 1);
    assert!(sources.volumes(just_behind, just_behind, VOLUME_STRETCH).await.unwrap().is_empty());
    assert_eq!(sources.volumes(just_behind, stretch(9), VOLUME_STRETCH).await.unwrap(), volumes[2..]);
    assert_eq!(sources.volumes(stretch(0), just_behind, VOLUME_STRETCH).await.unwrap(), volumes[..2]);
}

async fn volumes_are_summed_up_by_stretch(store: Store) {
    let sources = store.log_sources();
    sources.put(&source("a")).await.unwrap();
    sources.put(&source("b")).await.unwrap();
    // 1_800_000_000 is a whole multiple of an hour.
    let at = |minutes: i64| Timestamp::from_seconds(1_800_000_000 + minutes * 60);
    let before_1970 = Timestamp::from_seconds(-900);
    let large = 3_000_000_000_000_000_000;
    let volumes = [
        volume(before_1970, "a", "AWS.ALB", 5, 1),
        volume(at(0), "a", "AWS.ALB", large, 1),
        volume(at(45), "a", "AWS.ALB", large, 2),
        volume(at(60), "a", "AWS.ALB", 40, 4),
        volume(at(15), "a", "Okta.SystemLog", 7, 8),
        volume(at(30), "b", "AWS.ALB", 9, 10),
    ];
    sources.record(&volumes, NOW).await.unwrap();
    let hour = Duration::from_hours(1);
    let found = sources.volumes(before_1970, at(120), hour).await.unwrap();
    let expected = [
        volume(Timestamp::from_seconds(-3600), "a", "AWS.ALB", 5, 1),
        volume(at(0), "a", "AWS.ALB", 2 * large, 3),
        volume(at(0), "a", "Okta.SystemLog", 7, 8),
        volume(at(0), "b", "AWS.ALB", 9, 10),
        volume(at(60), "a", "AWS.ALB", 40, 4),
    ];
    assert_eq!(found, expected);
    // What lies before the window is not in the sum of the stretch in which it begins.
    let found = sources.volumes(at(45), at(60), hour).await.unwrap();
    assert_eq!(found, [volume(at(0), "a", "AWS.ALB", large, 2)]);
    // A stretch without length divides nothing by zero.
    assert_eq!(sources.volumes(at(60), at(61), Duration::ZERO).await.unwrap(), [volumes[3].clone()]);
}

async fn recording_notes_log_types_and_the_time(store: Store) {
    let sources = store.log_sources();
    sources.put(&source("a")).await.unwrap();
    sources.put(&source("b")).await.unwrap();
    let volumes = [
        volume(NOW, "a", "GitHub.Audit", 1, 1),
        volume(NOW, "a", "AWS.ALB", 1, 1),
        volume(later(900), "a", "GitHub.Audit", 1, 1),
    ];
    sources.record(&volumes, later(100)).await.unwrap();
    let log_types = ["Okta.SystemLog", "AWS.ALB", "GitHub.Audit"].map(str::to_owned).to_vec();
    let expected =
        LogSource { log_types, last_received_at: Some(later(100)), last_processed_at: Some(later(100)), ..source("a") };
    assert_eq!(get(&store, "a").await, expected);
    assert_eq!(get(&store, "b").await, source("b"), "nothing came from it");

    // Somebody's clock may be behind.
    sources.record(&volumes, earlier(100)).await.unwrap();
    assert_eq!(get(&store, "a").await, expected);
}

async fn a_missing_source_stops_the_recording(store: Store) {
    let sources = store.log_sources();
    sources.put(&source("a")).await.unwrap();
    let volumes = [volume(NOW, "a", "GitHub.Audit", 1, 1), volume(NOW, "none", "AWS.ALB", 1, 1)];
    let refused = sources.record(&volumes, later(100)).await;
    assert!(matches!(refused, Err(StoreError::NotFound("log source"))), "{refused:?}");
    assert!(recorded(&store).await.is_empty());
    assert_eq!(get(&store, "a").await, source("a"));
}

async fn recording_at_once_loses_nothing(store: Store) {
    store.log_sources().put(&source("a")).await.unwrap();
    store.log_sources().put(&source("b")).await.unwrap();
    at_once(20, |number| {
        let sources = store.log_sources();
        async move {
            let own = format!("Type.{number}");
            let mut volumes =
                [volume(NOW, "a", "AWS.ALB", 100, 1), volume(NOW, "b", "AWS.ALB", 10, 1), volume(NOW, "a", &own, 1, 1)];
            // Every other one names its sources the other way round.
            if number % 2 == 1 {
                volumes.reverse();
            }
            sources.record(&volumes, later(u64::from(number))).await.unwrap();
        }
    })
    .await;
    let all = recorded(&store).await;
    assert_eq!(all.len(), 22);
    assert!(all.contains(&volume(QUARTER, "a", "AWS.ALB", 2_000, 20)), "{all:?}");
    assert!(all.contains(&volume(QUARTER, "b", "AWS.ALB", 200, 20)), "{all:?}");
    let a = get(&store, "a").await;
    assert_eq!(a.log_types.len(), 22, "{:?}", a.log_types);
    assert_eq!(a.last_received_at, Some(later(19)));
}

async fn ensuring_adds_a_source_once(store: Store) {
    let sources = store.log_sources();
    sources.ensure(&source("a")).await.unwrap();
    assert_eq!(get(&store, "a").await, source("a"));
    let other = LogSource { label: "New".to_owned(), log_types: Vec::new(), created_at: later(9), ..source("a") };
    sources.ensure(&other).await.unwrap();
    assert_eq!(sources.list().await.unwrap(), [source("a")], "it stays as it is");

    let taken = LogSource { label: "Source a".to_owned(), ..source("b") };
    assert!(matches!(sources.ensure(&taken).await, Err(StoreError::Conflict(_))));
    assert_eq!(sources.list().await.unwrap(), [source("a")]);
}

async fn ensuring_at_once_adds_one(store: Store) {
    let sources = at_once(20, |number| {
        let sources = store.log_sources();
        async move {
            let source = LogSource::command_line(later(u64::from(number)));
            sources.ensure(&source).await.unwrap();
            sources.get(&source.id).await.unwrap().unwrap()
        }
    })
    .await;
    // Each sees the one that was first.
    assert!(sources.iter().all(|source| *source == sources[0]), "{sources:?}");
    assert_eq!(store.log_sources().list().await.unwrap(), [sources[0].clone()]);
}
