//! `AuditLog`.

use margay_domain::{
    audit::{AI_TOOL_INVOKE, ActionResult, Actor, ActorKind, AuditError, AuditEvent, AuditQuery, SIGN_IN},
    clock::Timestamp,
    id::AuditEventId,
    ports::StoreError,
};
use margay_store::Store;
use serde_json::{Value, json};

use crate::{
    fixtures::{NOW, later},
    harness::at_once,
};

checks! {
    events_are_kept_whole,
    every_condition_filters,
    pages_neither_skip_nor_repeat,
    many_at_once_are_all_written,
    one_bad_event_fails_alone,
    an_abandoned_event_is_written,
    odd_content_stays_readable,
    a_closed_log_says_so,
}

fn event(name: &str, at: Timestamp) -> AuditEvent {
    AuditEvent {
        id: AuditEventId::new(format!("aud_{name}")),
        timestamp: at,
        action_name: AI_TOOL_INVOKE.to_owned(),
        action_description: "List alerts".to_owned(),
        action_result: ActionResult::Succeeded,
        action_params: json!({"static": {"toolName": "list_alerts"}, "dynamic": {"limit": 5}}),
        action_details: json!({"durationMs": 12.5, "grantId": "grt_1"}),
        actor: Actor {
            id: "usr_ana".to_owned(),
            kind: ActorKind::User,
            name: "Ana Example".to_owned(),
            email: Some("ana@example.com".to_owned()),
            role: Some("Analyst".to_owned()),
        },
        errors: Vec::new(),
        source_ip: Some("203.0.113.7".to_owned()),
        user_agent: None,
    }
}

fn all() -> AuditQuery {
    AuditQuery { limit: 1_000, ..AuditQuery::default() }
}

async fn names(store: &Store, query: &AuditQuery) -> Vec<String> {
    let found = store.audit_log().search(query).await.unwrap();
    found.iter().map(|event| event.id.as_str().trim_start_matches("aud_").to_owned()).collect()
}

async fn events_are_kept_whole(store: Store) {
    let log = store.audit_log();
    let first = event("1", NOW);
    let second = AuditEvent {
        action_name: SIGN_IN.to_owned(),
        action_result: ActionResult::Failed,
        action_params: Value::Null,
        actor: Actor::command_line(),
        errors: vec![AuditError { message: "Wrong password.".to_owned() }],
        source_ip: None,
        user_agent: Some("curl/8 \"quoted\" \0 ü".to_owned()),
        ..event("2", later(1))
    };
    log.record(first.clone()).await.unwrap();
    log.record(second.clone()).await.unwrap();
    assert_eq!(log.search(&all()).await.unwrap(), [second, first], "newest first, to the microsecond");
    assert!(log.search(&AuditQuery::default()).await.unwrap().is_empty(), "a limit of 0 is a limit");
}

async fn every_condition_filters(store: Store) {
    let log = store.audit_log();
    let other_tool = AuditEvent {
        action_params: json!({"static": {"toolName": "query_data_lake"}}),
        action_result: ActionResult::Failed,
        ..event("2", later(10))
    };
    let sign_in = AuditEvent {
        action_name: SIGN_IN.to_owned(),
        action_result: ActionResult::PartiallyFailed,
        actor: Actor { id: "usr_bo".to_owned(), email: Some("bo@example.com".to_owned()), ..event("", NOW).actor },
        ..event("3", later(20))
    };
    for event in [event("1", NOW), other_tool, sign_in] {
        log.record(event).await.unwrap();
    }
    let some = |text: &str| Some(text.to_owned());
    let expected: [(AuditQuery, &[&str]); 15] = [
        (all(), &["3", "2", "1"]),
        (AuditQuery { limit: 2, ..all() }, &["3", "2"]),
        (AuditQuery { from: Some(later(10)), ..all() }, &["3", "2"]),
        (AuditQuery { until: Some(later(10)), ..all() }, &["1"]),
        (AuditQuery { action: some(AI_TOOL_INVOKE), ..all() }, &["2", "1"]),
        (AuditQuery { action: some("AI_TOOL"), ..all() }, &[]),
        (AuditQuery { actor: some("usr_bo"), ..all() }, &["3"]),
        (AuditQuery { actor: some("ana@example.com"), ..all() }, &["2", "1"]),
        (AuditQuery { actor: some("ana"), ..all() }, &[]),
        (AuditQuery { tool: some("list_alerts"), ..all() }, &["1"]),
        (AuditQuery { tool: some("query_data_lake"), result: Some(ActionResult::Failed), ..all() }, &["2"]),
        (AuditQuery { tool: some("query_data_lake"), result: Some(ActionResult::Succeeded), ..all() }, &[]),
        (AuditQuery { result: Some(ActionResult::PartiallyFailed), ..all() }, &["3"]),
        (AuditQuery { before: Some(AuditEventId::new("aud_3")), actor: some("usr_ana"), ..all() }, &["2", "1"]),
        (AuditQuery { before: Some(AuditEventId::new("aud_other")), ..all() }, &[]),
    ];
    for (query, wanted) in expected {
        assert_eq!(names(&store, &query).await, wanted, "{query:?}");
    }
}

async fn pages_neither_skip_nor_repeat(store: Store) {
    let log = store.audit_log();
    let mut expected = Vec::new();
    for number in 0..25_u64 {
        let name = format!("{number:02}");
        log.record(event(&name, later(number / 10))).await.unwrap();
        expected.insert(0, name);
    }
    let mut found = Vec::new();
    let mut query = AuditQuery { limit: 4, ..AuditQuery::default() };
    loop {
        let page = names(&store, &query).await;
        let Some(last) = page.last() else { break };
        query.before = Some(AuditEventId::new(format!("aud_{last}")));
        found.extend(page);
    }
    assert_eq!(found, expected);
}

async fn many_at_once_are_all_written(store: Store) {
    let recorded = at_once(200, |number| {
        let log = store.audit_log();
        async move { log.record(event(&format!("{number:03}"), later(u64::from(number)))).await }
    })
    .await;
    assert!(recorded.iter().all(Result::is_ok));
    let expected: Vec<String> = (0..200).rev().map(|number| format!("{number:03}")).collect();
    assert_eq!(names(&store, &all()).await, expected);
}

async fn one_bad_event_fails_alone(store: Store) {
    let log = store.audit_log();
    log.record(event("taken", NOW)).await.unwrap();
    let recorded = at_once(100, |number| {
        let log = store.audit_log();
        // Another event with the id of one that is there.
        let name = if number == 50 { "taken".to_owned() } else { format!("{number:03}") };
        async move { log.record(event(&name, later(1))).await }
    })
    .await;
    let failed: Vec<StoreError> = recorded.into_iter().filter_map(Result::err).collect();
    assert!(matches!(failed.as_slice(), [StoreError::Conflict(_)]), "{failed:?}");
    assert_eq!(names(&store, &all()).await.len(), 100);
    // The very same event again is no contradiction.
    log.record(event("taken", NOW)).await.unwrap();
    assert_eq!(names(&store, &all()).await.len(), 100);
}

async fn an_abandoned_event_is_written(store: Store) {
    let log = store.audit_log();
    {
        let mut recording = std::pin::pin!(log.record(event("abandoned", NOW)));
        // Once is enough to put it into the queue; then the caller goes away.
        let _answer = futures::poll!(recording.as_mut());
    }
    log.record(event("next", later(1))).await.unwrap();
    assert_eq!(names(&store, &all()).await, ["next", "abandoned"]);
}

async fn odd_content_stays_readable(store: Store) {
    let log = store.audit_log();
    let mut deep = json!("bottom");
    for _ in 0..120 {
        deep = json!([deep]);
    }
    let tool = format!("no\0such_tool_{}", "x".repeat(10_000));
    let odd = AuditEvent {
        action_params: json!({"static": {"toolName": tool}, "dynamic": deep}),
        user_agent: Some("a\0b".to_owned()),
        ..event("odd", NOW)
    };
    log.record(odd.clone()).await.unwrap();
    let found = log.search(&AuditQuery { tool: Some(tool), ..all() }).await.unwrap();
    let [stored] = found.as_slice() else { panic!("found by its whole tool name: {}", found.len()) };
    assert!(stored.action_params.as_str().is_some_and(|text| text.contains("bottom")));
    assert_eq!(stored.action_details, odd.action_details);
    assert_eq!(stored.user_agent, odd.user_agent);
}

async fn a_closed_log_says_so(store: Store) {
    let log = store.audit_log();
    log.record(event("1", NOW)).await.unwrap();
    store.close().await;
    assert!(matches!(log.record(event("2", NOW)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(log.search(&all()).await, Err(StoreError::Unavailable(_))));
}
