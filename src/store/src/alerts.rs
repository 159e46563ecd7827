//! The port `Alerts`.

mod filter;

use std::collections::BTreeSet;

use async_trait::async_trait;
use margay_domain::{
    alert::{
        Alert, AlertComment, AlertFilter, AlertPosition, AlertQuality, AlertStatus, AlertType, EventRef, Severity,
    },
    clock::Timestamp,
    id::AlertId,
    ports::{Alerts, StoreResult},
};
use serde::{Deserialize, Serialize};

use crate::{
    codec::{count, from_json, micros, optional_text, readable, text, timestamp, to_json, word},
    engine::{Engine, builder, builder_in, in_transaction, on_read, on_write},
    error::DbResult as _,
};

/// The columns of an [`AlertRow`].
macro_rules! alert_columns {
    () => {
        "a.id AS id, a.kind AS kind, a.title AS title, a.description AS description, a.runbook AS runbook, \
         a.reference AS reference, a.severity AS severity, a.status AS status, a.quality AS quality, \
         a.context_tags AS context_tags, a.detection_id AS detection_id, a.log_types AS log_types, \
         a.context AS context, a.event_count AS event_count, a.created_at AS created_at, \
         a.first_event_at AS first_event_at, a.last_event_at AS last_event_at, a.updated_at AS updated_at, \
         a.assignee_id AS assignee_id"
    };
}

/// An alert without its events.
#[derive(sqlx::FromRow)]
struct AlertRow {
    id: String,
    kind: String,
    title: String,
    description: String,
    runbook: String,
    reference: String,
    severity: String,
    status: String,
    quality: Option<String>,
    context_tags: String,
    detection_id: Option<String>,
    log_types: String,
    context: String,
    event_count: i64,
    created_at: i64,
    first_event_at: Option<i64>,
    last_event_at: Option<i64>,
    updated_at: i64,
    assignee_id: Option<String>,
}

impl AlertRow {
    fn into_alert(self, events: Vec<EventRef>) -> StoreResult<Alert> {
        let quality = self.quality.map(|stored| word("quality of an alert", &stored, AlertQuality::parse));
        Ok(Alert {
            kind: word("type of an alert", &self.kind, AlertType::parse)?,
            severity: word("severity of an alert", &self.severity, Severity::parse)?,
            status: word("status of an alert", &self.status, AlertStatus::parse)?,
            quality: quality.transpose()?,
            context_tags: from_json("context tags of an alert", &self.context_tags)?,
            log_types: from_json("log types of an alert", &self.log_types)?,
            context: from_json("context of an alert", &self.context)?,
            id: AlertId::new(self.id),
            title: self.title,
            description: self.description,
            runbook: self.runbook,
            reference: self.reference,
            detection_id: self.detection_id,
            event_count: self.event_count,
            created_at: Timestamp::from_micros(self.created_at),
            first_event_at: timestamp(self.first_event_at),
            last_event_at: timestamp(self.last_event_at),
            updated_at: Timestamp::from_micros(self.updated_at),
            assignee_id: self.assignee_id,
            events,
        })
    }
}

#[derive(sqlx::FromRow)]
struct AlertWithEventsRow {
    #[sqlx(flatten)]
    alert: AlertRow,
    events: String,
}

/// An event reference as stored: in microseconds, because the entity's own JSON has milliseconds only.
#[derive(Serialize, Deserialize)]
struct StoredEventRef {
    log_type: String,
    row_id: String,
    event_time: i64,
}

impl From<&EventRef> for StoredEventRef {
    fn from(event: &EventRef) -> Self {
        Self {
            log_type: event.log_type.clone(),
            row_id: event.row_id.clone(),
            event_time: event.event_time.as_micros(),
        }
    }
}

impl From<StoredEventRef> for EventRef {
    fn from(stored: StoredEventRef) -> Self {
        Self { log_type: stored.log_type, row_id: stored.row_id, event_time: Timestamp::from_micros(stored.event_time) }
    }
}

#[derive(sqlx::FromRow)]
struct CommentRow {
    id: String,
    alert_id: String,
    body: String,
    created_by: String,
    created_at: i64,
}

impl CommentRow {
    fn into_comment(self) -> AlertComment {
        AlertComment {
            id: self.id,
            alert_id: AlertId::new(self.alert_id),
            body: self.body,
            created_by: self.created_by,
            created_at: Timestamp::from_micros(self.created_at),
        }
    }
}

/// Alerts in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlAlerts(pub(crate) Engine);

#[async_trait]
impl Alerts for SqlAlerts {
    async fn put(&self, alerts: &[Alert]) -> StoreResult<()> {
        const ALERT: &str = "INSERT INTO alerts (id, kind, title, title_folded, description, runbook, reference, \
             severity, status, quality, context_tags, detection_id, log_types, context, event_count, created_at, \
             first_event_at, last_event_at, updated_at, assignee_id, events) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
             ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, title = excluded.title, \
             title_folded = excluded.title_folded, description = excluded.description, runbook = excluded.runbook, \
             reference = excluded.reference, severity = excluded.severity, status = excluded.status, \
             quality = excluded.quality, context_tags = excluded.context_tags, \
             detection_id = excluded.detection_id, log_types = excluded.log_types, context = excluded.context, \
             event_count = excluded.event_count, created_at = excluded.created_at, \
             first_event_at = excluded.first_event_at, last_event_at = excluded.last_event_at, \
             updated_at = excluded.updated_at, assignee_id = excluded.assignee_id, events = excluded.events";
        const CLEAR: &str = "DELETE FROM alert_log_types WHERE alert_id = $1";
        in_transaction!(self.0, |tx| {
            for alert in alerts {
                let id = text(alert.id.as_str());
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
                    .bind(to_json(&alert.log_types)?)
                    .bind(to_json(&*readable(&alert.context))?)
                    .bind(alert.event_count)
                    .bind(alert.created_at.as_micros())
                    .bind(micros(alert.first_event_at))
                    .bind(micros(alert.last_event_at))
                    .bind(alert.updated_at.as_micros())
                    .bind(optional_text(alert.assignee_id.as_deref()))
                    .bind(to_json(&events)?)
                    .execute(&mut *tx)
                    .await
                    .db()?;
                sqlx::query(CLEAR).bind(id.as_str()).execute(&mut *tx).await.db()?;
                let log_types: BTreeSet<String> = alert.log_types.iter().map(|name| text(name)).collect();
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

    async fn get(&self, id: &AlertId) -> StoreResult<Option<Alert>> {
        const SQL: &str = concat!("SELECT ", alert_columns!(), ", a.events AS events FROM alerts a WHERE a.id = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, AlertWithEventsRow>(SQL).bind(text(id.as_str())).fetch_optional(pool).await.db()?
        });
        let Some(row) = row else { return Ok(None) };
        let events: Vec<StoredEventRef> = from_json("events of an alert", &row.events)?;
        row.alert.into_alert(events.into_iter().map(EventRef::from).collect()).map(Some)
    }

    async fn list(&self, filter: &AlertFilter, after: Option<&AlertPosition>, limit: u32) -> StoreResult<Vec<Alert>> {
        const SQL: &str = concat!("SELECT ", alert_columns!(), " FROM alerts a WHERE 1 = 1");
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, SQL);
            filter::push_conditions(&mut sql, filter);
            filter::push_page(&mut sql, filter.ascending, after, limit);
            sql.build_query_as::<AlertRow>().fetch_all(pool).await.db()?
        });
        rows.into_iter().map(|row| row.into_alert(Vec::new())).collect()
    }

    async fn count(&self, filter: &AlertFilter) -> StoreResult<u64> {
        let rows = on_read!(self.0, |pool| {
            let mut sql = builder(pool, "SELECT COUNT(*) FROM alerts a WHERE 1 = 1");
            filter::push_conditions(&mut sql, filter);
            sql.build_query_scalar::<i64>().fetch_one(pool).await.db()?
        });
        Ok(count(rows))
    }

    async fn add_comment(&self, comment: &AlertComment) -> StoreResult<()> {
        const SQL: &str =
            "INSERT INTO alert_comments (id, alert_id, body, created_by, created_at) VALUES ($1, $2, $3, $4, $5)";
        on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(&comment.id))
                .bind(text(comment.alert_id.as_str()))
                .bind(text(&comment.body))
                .bind(text(&comment.created_by))
                .bind(comment.created_at.as_micros())
                .execute(pool)
                .await
                .naming("a comment with this id", "alert")?
                .rows_affected()
        });
        Ok(())
    }

    async fn comments(&self, id: &AlertId) -> StoreResult<Vec<AlertComment>> {
        const SQL: &str = "SELECT id, alert_id, body, created_by, created_at FROM alert_comments \
             WHERE alert_id = $1 ORDER BY created_at, id";
        let rows = on_read!(self.0, |pool| {
            sqlx::query_as::<_, CommentRow>(SQL).bind(text(id.as_str())).fetch_all(pool).await.db()?
        });
        Ok(rows.into_iter().map(CommentRow::into_comment).collect())
    }
}
