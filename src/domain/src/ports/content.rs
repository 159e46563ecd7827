//! What the tools read and change: alerts, detections and what they share, enrichments, log schemas, log sources.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    alert::{Alert, AlertChange, AlertComment, AlertFilter, AlertPosition, AlertTally},
    clock::Timestamp,
    data_model::DataModel,
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow},
    global_helper::GlobalHelper,
    id::{AlertId, EnrichmentId, LogSourceId, UserId},
    log_schema::LogSchema,
    log_source::{LogSource, SourceVolume},
    role::LogTypeAccess,
};

/// Alerts. Everybody reads and changes them with the log-type access of their role: an alert that [`Alert::seen_with`]
/// has none for does not exist for them, in lists, numbers and changes alike, and of others they get what it leaves.
/// Filters find nothing by what is left out.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Adds alerts, or replaces those with the same id.
    async fn put(&self, alerts: &[Alert]) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Option<Alert>>;
    /// At most `limit` that match, after `position`. The `events` of listed alerts are empty.
    async fn list(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertPosition>,
        limit: u32,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<Alert>>;
    /// How many match.
    async fn count(&self, filter: &AlertFilter, access: &LogTypeAccess) -> StoreResult<u64>;
    /// How many match, by type, severity and detection, for each stretch of `width`; in the order of [`AlertTally`],
    /// without stretches that have none. `width` is at least one second.
    async fn tally(
        &self,
        filter: &AlertFilter,
        width: Duration,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertTally>>;
    /// Changes all of `ids` or, if any of them is not there, nothing: then the missing ones are returned, in the
    /// order of `ids`.
    async fn change(
        &self,
        ids: &[AlertId],
        change: &AlertChange,
        by: &UserId,
        now: Timestamp,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertId>>;
    /// Adds a comment. `NotFound` if there is no such alert.
    async fn add_comment(&self, comment: &AlertComment, access: &LogTypeAccess) -> StoreResult<()>;
    /// The comments of an alert, oldest first.
    async fn comments(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Vec<AlertComment>>;
}

/// Detections.
#[async_trait]
pub trait Detections: Send + Sync {
    /// Adds detections, or replaces those with the same id, of which `created_at` stays.
    async fn put(&self, detections: &[Detection]) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &str) -> StoreResult<Option<Detection>>;
    /// All, by id, without `body` and `tests`.
    async fn list(&self) -> StoreResult<Vec<Detection>>;
    /// Enables or disables, and notes by whom and when if that changes anything. The detection as it is then, without
    /// `body` and `tests`, and whether anything changed; `None` if there is none of this id and kind.
    async fn set_enabled(
        &self,
        id: &str,
        kind: DetectionKind,
        enabled: bool,
        by: &UserId,
        now: Timestamp,
    ) -> StoreResult<Option<(Detection, bool)>>;
}

/// Python code that detections share.
#[async_trait]
pub trait GlobalHelpers: Send + Sync {
    /// Adds helpers, or replaces those with the same id, of which `created_at` stays.
    async fn put(&self, helpers: &[GlobalHelper]) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &str) -> StoreResult<Option<GlobalHelper>>;
    /// All, by id, without `body`.
    async fn list(&self) -> StoreResult<Vec<GlobalHelper>>;
}

/// Field names that detections use.
#[async_trait]
pub trait DataModels: Send + Sync {
    /// Adds data models, or replaces those with the same id, of which `created_at` stays.
    async fn put(&self, models: &[DataModel]) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &str) -> StoreResult<Option<DataModel>>;
    /// All, by id, without `body`.
    async fn list(&self) -> StoreResult<Vec<DataModel>>;
}

/// Log sources, and how much they brought.
#[async_trait]
pub trait LogSources: Send + Sync {
    /// Adds a source, or replaces the one with the same id; `last_received_at` and `last_processed_at` of one that is
    /// there are kept if they are later than the given ones. `Conflict` if another source has the label.
    async fn put(&self, source: &LogSource) -> StoreResult<()>;
    /// Adds a source unless there is one with the same id, which then stays as it is. `Conflict` if another source has
    /// the label.
    async fn ensure(&self, source: &LogSource) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &LogSourceId) -> StoreResult<Option<LogSource>>;
    /// All, by label.
    async fn list(&self) -> StoreResult<Vec<LogSource>>;
    /// Adds to what a source brought, and notes its log type and `now` as the time of its last event; all or nothing.
    /// `NotFound` if there is no such source. The beginning of a volume is rounded down to its stretch.
    async fn record(&self, volumes: &[SourceVolume], now: Timestamp) -> StoreResult<()>;
    /// What sources brought within `from <= begin < until`, summed up by source and log type for each stretch of
    /// `width`, which begins at a whole multiple of it since 1970; in the order of [`SourceVolume`], without stretches
    /// that have none. `width` is at least one second.
    async fn volumes(&self, from: Timestamp, until: Timestamp, width: Duration) -> StoreResult<Vec<SourceVolume>>;
}

/// Enrichment tables.
#[async_trait]
pub trait Enrichments: Send + Sync {
    /// Adds a table with its rows, or replaces the one with the same name; the given `row_count` is ignored.
    async fn put(&self, enrichment: &Enrichment, rows: &[EnrichmentRow]) -> StoreResult<()>;
    /// By name, ignoring case.
    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Enrichment>>;
    /// All, by name.
    async fn list(&self) -> StoreResult<Vec<Enrichment>>;
    /// Rows whose key is one of `keys`, exactly.
    async fn rows_by_key(&self, id: &EnrichmentId, keys: &[String]) -> StoreResult<Vec<EnrichmentRow>>;
    /// All rows, by key.
    async fn rows(&self, id: &EnrichmentId) -> StoreResult<Vec<EnrichmentRow>>;
}

/// Log schemas.
#[async_trait]
pub trait LogSchemas: Send + Sync {
    /// Adds a schema, or replaces the one with the same name and counts its revision up if the text differs.
    async fn put(&self, schema: &LogSchema) -> StoreResult<()>;
    /// By name, exactly.
    async fn get(&self, name: &str) -> StoreResult<Option<LogSchema>>;
    /// All, by name.
    async fn list(&self) -> StoreResult<Vec<LogSchema>>;
}
