//! Alerts as stored.

use margay_domain::{
    alert::{Alert, AlertComment, AlertQuality, AlertStatus, AlertTally, AlertType, EventRef, Severity},
    clock::Timestamp,
    id::AlertId,
    ports::StoreResult,
};
use serde::{Deserialize, Serialize};

use crate::codec::{count, from_json, timestamp, word};

/// The columns of an [`AlertRow`].
macro_rules! alert_columns {
    () => {
        "a.id AS id, a.kind AS kind, a.title AS title, a.description AS description, a.runbook AS runbook, \
         a.reference AS reference, a.severity AS severity, a.status AS status, a.quality AS quality, \
         a.context_tags AS context_tags, a.detection_id AS detection_id, a.log_types AS log_types, \
         a.context AS context, a.event_count AS event_count, a.created_at AS created_at, \
         a.first_event_at AS first_event_at, a.last_event_at AS last_event_at, a.updated_at AS updated_at, \
         a.assignee_id AS assignee_id, a.updated_by AS updated_by, a.log_source_ids AS log_source_ids, \
         a.resource_types AS resource_types"
    };
}
pub(super) use alert_columns;

/// An alert without its events.
#[derive(sqlx::FromRow)]
pub(super) struct AlertRow {
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
    updated_by: Option<String>,
    log_source_ids: String,
    resource_types: String,
}

impl AlertRow {
    pub(super) fn into_alert(self, events: Vec<EventRef>) -> StoreResult<Alert> {
        let quality = self.quality.map(|stored| word("quality of an alert", &stored, AlertQuality::parse));
        Ok(Alert {
            kind: word("type of an alert", &self.kind, AlertType::parse)?,
            severity: word("severity of an alert", &self.severity, Severity::parse)?,
            status: word("status of an alert", &self.status, AlertStatus::parse)?,
            quality: quality.transpose()?,
            context_tags: from_json("context tags of an alert", &self.context_tags)?,
            log_types: from_json("log types of an alert", &self.log_types)?,
            log_source_ids: from_json("log sources of an alert", &self.log_source_ids)?,
            resource_types: from_json("resource types of an alert", &self.resource_types)?,
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
            updated_by: self.updated_by,
            assignee_id: self.assignee_id,
            events,
            withheld: false,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct AlertWithEventsRow {
    #[sqlx(flatten)]
    pub(super) alert: AlertRow,
    pub(super) events: String,
}

/// An event reference as stored: in microseconds, because the entity's own JSON has milliseconds only.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredEventRef {
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
pub(super) struct CommentRow {
    id: String,
    alert_id: String,
    body: String,
    created_by: String,
    created_at: i64,
}

impl CommentRow {
    pub(super) fn into_comment(self) -> AlertComment {
        AlertComment {
            id: self.id,
            alert_id: AlertId::new(self.alert_id),
            body: self.body,
            created_by: self.created_by,
            created_at: Timestamp::from_micros(self.created_at),
        }
    }
}

/// How many alerts of one kind; `begin` is that of their stretch of time.
#[derive(sqlx::FromRow)]
pub(super) struct TallyRow {
    begin: i64,
    kind: String,
    severity: String,
    detection_id: Option<String>,
    alerts: i64,
}

impl TallyRow {
    pub(super) fn into_tally(self) -> StoreResult<AlertTally> {
        Ok(AlertTally {
            begin: Timestamp::from_micros(self.begin),
            kind: word("type of an alert", &self.kind, AlertType::parse)?,
            severity: word("severity of an alert", &self.severity, Severity::parse)?,
            detection_id: self.detection_id,
            alerts: count(self.alerts),
        })
    }
}
