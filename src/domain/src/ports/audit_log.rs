//! The audit log.

use async_trait::async_trait;

use super::StoreResult;
use crate::audit::{AuditEvent, AuditQuery};

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes `event`. When this returns `Ok` the event survives a crash (promise 4).
    async fn record(&self, event: AuditEvent) -> StoreResult<()>;
    /// Events, newest first.
    async fn search(&self, query: &AuditQuery) -> StoreResult<Vec<AuditEvent>>;
}
