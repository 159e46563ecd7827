//! What the tools read: alerts, detections, enrichments, log schemas.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    alert::{Alert, AlertComment, AlertFilter, AlertPosition},
    detection::Detection,
    enrichment::{Enrichment, EnrichmentRow},
    id::{AlertId, EnrichmentId},
    log_schema::LogSchema,
};

/// Alerts.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Adds alerts, or replaces those with the same id.
    async fn put(&self, alerts: &[Alert]) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &AlertId) -> StoreResult<Option<Alert>>;
    /// At most `limit` that match, after `position`. The `events` of listed alerts are empty.
    async fn list(&self, filter: &AlertFilter, after: Option<&AlertPosition>, limit: u32) -> StoreResult<Vec<Alert>>;
    /// How many match.
    async fn count(&self, filter: &AlertFilter) -> StoreResult<u64>;
    /// Adds a comment.
    async fn add_comment(&self, comment: &AlertComment) -> StoreResult<()>;
    /// The comments of an alert, oldest first.
    async fn comments(&self, id: &AlertId) -> StoreResult<Vec<AlertComment>>;
}

/// Detections.
#[async_trait]
pub trait Detections: Send + Sync {
    /// Adds detections, or replaces those with the same id.
    async fn put(&self, detections: &[Detection]) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &str) -> StoreResult<Option<Detection>>;
    /// All, by id, without `body` and `tests`.
    async fn list(&self) -> StoreResult<Vec<Detection>>;
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
