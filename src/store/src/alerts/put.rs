//! Adding and replacing alerts.

use std::collections::BTreeSet;

use margay_domain::{
    alert::{Alert, AlertQuality},
    ports::StoreResult,
};

use super::{
    filter,
    rows::StoredEventRef,
    terms::{self, TERMS_PER_STATEMENT},
};
use crate::{
    codec::{micros, optional_text, readable, text, to_json},
    engine::{Engine, builder_in, in_transaction},
    error::DbResult as _,
};

const ALERT: &str = "INSERT INTO alerts (id, kind, title, title_folded, description, runbook, reference, severity, \
     status, quality, context_tags, detection_id, log_types, log_source_ids, resource_types, context, event_count, \
     created_at, first_event_at, last_event_at, updated_at, updated_by, assignee_id, events) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
     $23, $24) \
     ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, title = excluded.title, \
     title_folded = excluded.title_folded, description = excluded.description, runbook = excluded.runbook, \
     reference = excluded.reference, severity = excluded.severity, status = excluded.status, \
     quality = excluded.quality, context_tags = excluded.context_tags, detection_id = excluded.detection_id, \
     log_types = excluded.log_types, log_source_ids = excluded.log_source_ids, \
     resource_types = excluded.resource_types, context = excluded.context, event_count = excluded.event_count, \
     created_at = excluded.created_at, first_event_at = excluded.first_event_at, \
     last_event_at = excluded.last_event_at, updated_at = excluded.updated_at, updated_by = excluded.updated_by, \
     assignee_id = excluded.assignee_id, events = excluded.events";

const CLEAR: [&str; 2] =
    ["DELETE FROM alert_log_types WHERE alert_id = $1", "DELETE FROM alert_terms WHERE alert_id = $1"];

/// See `Alerts::put`.
pub(super) async fn put(engine: &Engine, alerts: &[Alert]) -> StoreResult<()> {
    let mut sorted: Vec<(String, &Alert)> = alerts.iter().map(|alert| (text(alert.id.as_str()), alert)).collect();
    // All who change several alerts lock them in this order, so that none waits for another in a circle. The order of
    // equal ids stays, so that the last of them stands.
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    in_transaction!(engine, |tx| {
        for (id, alert) in &sorted {
            // Access is decided by these, so that no event can have a log type that is not among them.
            let log_types = alert.all_log_types();
            let events: Vec<StoredEventRef> = alert.events.iter().map(StoredEventRef::from).collect();
            sqlx::query(ALERT)
                .bind(id.as_str())
                .bind(alert.kind.as_str())
                .bind(text(&alert.title))
                .bind(filter::fold(&alert.title))
                .bind(text(&alert.description))
                .bind(text(&alert.runbook))
                .bind(text(&alert.reference))
                .bind(alert.severity.as_str())
                .bind(alert.status.as_str())
                .bind(alert.quality.map(AlertQuality::as_str))
                .bind(to_json(&alert.context_tags)?)
                .bind(optional_text(alert.detection_id.as_deref()))
                .bind(to_json(&log_types)?)
                .bind(to_json(&alert.log_source_ids)?)
                .bind(to_json(&alert.resource_types)?)
                .bind(to_json(&*readable(&alert.context))?)
                .bind(alert.event_count)
                .bind(alert.created_at.as_micros())
                .bind(micros(alert.first_event_at))
                .bind(micros(alert.last_event_at))
                .bind(alert.updated_at.as_micros())
                .bind(optional_text(alert.updated_by.as_deref()))
                .bind(optional_text(alert.assignee_id.as_deref()))
                .bind(to_json(&events)?)
                .execute(&mut *tx)
                .await
                .db()?;
            for sql in CLEAR {
                sqlx::query(sql).bind(id.as_str()).execute(&mut *tx).await.db()?;
            }
            for chunk in terms::terms_of(alert).chunks(TERMS_PER_STATEMENT) {
                let mut sql = builder_in(&tx, terms::INSERT);
                terms::push_rows(&mut sql, id, chunk);
                sql.build().execute(&mut *tx).await.db()?;
            }
            let log_types: BTreeSet<String> = log_types.iter().map(|name| text(name)).collect();
            if log_types.is_empty() {
                continue;
            }
            let mut sql = builder_in(&tx, "INSERT INTO alert_log_types (alert_id, log_type) ");
            sql.push_values(&log_types, |mut tuple, log_type| {
                tuple.push_bind(id.as_str());
                tuple.push_bind(log_type.as_str());
            });
            sql.build().execute(&mut *tx).await.db()?;
        }
    });
    Ok(())
}
