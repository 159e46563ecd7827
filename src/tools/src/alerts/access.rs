//! Whatever alerts there are and whatever a role may read: no tool says anything that comes from a withheld log type.

use std::{collections::BTreeSet, sync::Arc};

use margay_domain::{
    alert::{Alert, AlertComment},
    id::AlertId,
    role::LogTypeAccess,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    fakes::{self, World},
    registry::Registry,
    resources,
    tool::ToolContext,
};

const LOG_TYPES: [&str; 3] = ["Kind.Alpha", "Kind.Beta", "Kind.Gamma"];

/// The text that stands for everything that events of a log type hold.
fn marker(log_type: &str) -> String {
    format!("secret of {log_type}")
}

/// An alert whose every text holds something of each of its log types. What people wrote about it is theirs, and may
/// quote what only they could read; of one with several log types that is not withheld.
fn alert(number: usize, log_types: &BTreeSet<usize>, events: &[usize]) -> (Alert, Option<AlertComment>) {
    let names: Vec<&str> = log_types.iter().filter_map(|at| LOG_TYPES.get(*at).copied()).collect();
    let all: BTreeSet<&str> =
        names.iter().copied().chain(events.iter().filter_map(|at| LOG_TYPES.get(*at).copied())).collect();
    let secrets: Vec<String> = all.iter().map(|log_type| marker(log_type)).collect();
    let text = if secrets.is_empty() { marker("none") } else { secrets.join(", ") };
    let id = format!("a{number}");
    let refs = events.iter().enumerate().filter_map(|(at, event)| {
        let log_type = LOG_TYPES.get(*event)?;
        Some(fakes::event_ref(log_type, &format!("{id}-{at}-{log_type}")))
    });
    let alert = Alert {
        title: text.clone(),
        description: text.clone(),
        runbook: text.clone(),
        reference: text.clone(),
        context: json!({ text.clone(): [text.clone()] }),
        log_source_ids: vec![text.clone()],
        log_types: names.iter().map(ToString::to_string).collect(),
        events: refs.collect(),
        ..fakes::alert(&id, 1)
    };
    let comment = (all.len() < 2).then(|| AlertComment {
        id: format!("cmt_{number}"),
        alert_id: AlertId::new(id),
        body: text,
        created_by: "usr_ana".to_owned(),
        created_at: fakes::now(),
    });
    (alert, comment)
}

fn world(alerts: &[(BTreeSet<usize>, Vec<usize>)], log_types: LogTypeAccess) -> World {
    let mut world = World { log_types, ..World::new() };
    for (number, (log_types, events)) in alerts.iter().enumerate() {
        let (alert, comment) = alert(number, log_types, events);
        for event in &alert.events {
            let row =
                json!({ "p_row_id": event.row_id, "p_log_type": event.log_type, "user": marker(&event.log_type) });
            world.events.push(fakes::object(row));
        }
        world.alerts.push(alert);
        world.comments.extend(comment);
    }
    for log_type in LOG_TYPES {
        world.schemas.push(fakes::log_schema(log_type, &format!("fields:\n  - name: {}\n", marker(log_type))));
        world.tables.push(fakes::table(log_type));
    }
    world
}

fn access() -> impl Strategy<Value = LogTypeAccess> {
    let listed = || prop::sample::subsequence(LOG_TYPES.map(str::to_owned).to_vec(), 0..=LOG_TYPES.len());
    prop_oneof![
        Just(LogTypeAccess::AllowAll),
        listed().prop_map(LogTypeAccess::Allow),
        listed().prop_map(LogTypeAccess::Deny),
        Just(LogTypeAccess::DenyAll),
    ]
}

fn alerts() -> impl Strategy<Value = Vec<(BTreeSet<usize>, Vec<usize>)>> {
    let log_types = prop::collection::btree_set(0..LOG_TYPES.len(), 0..=LOG_TYPES.len());
    let events = prop::collection::vec(0..LOG_TYPES.len(), 0..4);
    prop::collection::vec((log_types, events), 1..5)
}

/// Everything that the tools say about alerts and log types, refusals included.
async fn everything(context: &ToolContext, ids: &[String]) -> Vec<(String, String)> {
    let mut calls = vec![
        ("list_alerts", json!({})),
        ("list_alerts", json!({ "contains": "secret" })),
        ("list_alerts", json!({ "limit": 1, "sort_dir": "asc" })),
        ("get_rule_alert_metrics", json!({})),
        ("get_severity_alert_metrics", json!({})),
        ("get_alert_event_stats", json!({ "alert_ids": ids })),
        ("list_log_type_schemas", json!({})),
        ("list_log_type_schemas", json!({ "contains": "secret" })),
        ("list_database_tables", json!({ "database": "panther_logs.public" })),
        ("update_alert_status", json!({ "alert_ids": ids, "status": "CLOSED" })),
        ("update_alert_quality", json!({ "alert_ids": ids, "quality": "NOISE" })),
        ("update_alert_assignee", json!({ "alert_ids": ids, "assignee_id": "none" })),
        ("update_alert_tags", json!({ "alert_ids": ids, "context_tags": ["seen"] })),
        ("bulk_update_alerts", json!({ "alert_ids": ids, "status": "OPEN", "comment": "seen" })),
    ];
    for id in ids {
        for tool in ["get_alert", "get_alert_events", "list_alert_comments"] {
            calls.push((tool, json!({ "alert_id": id })));
        }
        calls.push(("add_alert_comment", json!({ "alert_id": id, "comment": "seen" })));
    }
    let registry = Registry::product();
    let mut said = Vec::new();
    for (name, arguments) in calls {
        let tool = registry.get(name).unwrap();
        let text = match tool.call(context, fakes::object(arguments.clone())).await {
            Ok(output) => format!("{} {}", output.text, Value::Object(output.structured)),
            Err(error) => error.message,
        };
        said.push((format!("{name} {arguments}"), text));
    }
    for resource in resources::list(context, None).await.unwrap().resources {
        let text = resources::read(context, &resource.uri).await.map_or_else(|error| error.message, |read| read.text);
        said.push((resource.uri.clone(), format!("{resource:?} {text}")));
    }
    said
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_of_a_withheld_log_type_is_said(alerts in alerts(), access in access()) {
        let context = World::context_of(&Arc::new(world(&alerts, access.clone())));
        let ids: Vec<String> = (0..alerts.len()).map(|number| format!("a{number}")).collect();
        let said = run(everything(&context, &ids));
        for (call, text) in &said {
            for log_type in LOG_TYPES.into_iter().filter(|log_type| !access.allows(log_type)) {
                prop_assert!(!text.contains(&marker(log_type)), "{call}: {text}");
                prop_assert!(!text.contains(log_type), "{call}: {text}");
            }
            prop_assert!(access.is_unrestricted() || !text.contains("secret of none"), "{call}: {text}");
        }
        // What may be read is still said.
        for (number, (log_types, events)) in alerts.iter().enumerate() {
            let all: BTreeSet<&str> = log_types.iter().chain(events).map(|at| LOG_TYPES[*at]).collect();
            let whole = all.iter().all(|log_type| access.allows(log_type)) && !all.is_empty();
            let asked = format!("get_alert {}", json!({ "alert_id": format!("a{number}") }));
            let (_, text) = said.iter().find(|(call, _)| *call == asked).unwrap();
            prop_assert!(!whole || all.iter().all(|log_type| text.contains(&marker(log_type))), "{text}");
            let hidden = !access.is_unrestricted() && !all.iter().any(|log_type| access.allows(log_type));
            prop_assert_eq!(hidden, text.starts_with("No alert found with ID"), "{}", text);
        }
    }
}
