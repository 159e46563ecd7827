//! The lake.

use std::path::Path;

use async_trait::async_trait;

use crate::{
    alert::EventRef,
    clock::Timestamp,
    lake::{DatabaseInfo, IngestReport, LakeError, QueryRequest, QueryResult, TableInfo, TableSchema},
    role::LogTypeAccess,
};

/// Tables of events, and SQL over them. Every look-up takes the caller's log-type access.
#[async_trait]
pub trait DataLake: Send + Sync {
    /// The databases.
    async fn databases(&self) -> Result<Vec<DatabaseInfo>, LakeError>;
    /// The tables of a database that the caller may read, by name.
    async fn tables(&self, database: &str, access: &LogTypeAccess) -> Result<Vec<TableInfo>, LakeError>;
    /// A table by its name or by its log type.
    async fn table_schema(&self, database: &str, table: &str, access: &LogTypeAccess)
    -> Result<TableSchema, LakeError>;
    /// Runs one read-only statement. Dropping the future cancels it.
    async fn query(&self, request: QueryRequest) -> Result<QueryResult, LakeError>;
    /// The events behind references, as JSON objects, in the order of `refs`; those that are gone are left out.
    async fn events(
        &self,
        refs: &[EventRef],
        access: &LogTypeAccess,
    ) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, LakeError>;
    /// Reads JSON lines from `file` into the table of `log_type`. Bad lines go to `<file>.rejected` beside it
    /// (or into `rejects` if given) and do not stop the rest. Atomic per file: a crash leaves all or nothing.
    async fn ingest_file(
        &self,
        log_type: &str,
        file: &Path,
        rejects: Option<&Path>,
        now: Timestamp,
    ) -> Result<IngestReport, LakeError>;
    /// The same for events at hand; returns the report and the reference of each stored event, in order.
    async fn ingest_events(
        &self,
        log_type: &str,
        events: Vec<serde_json::Map<String, serde_json::Value>>,
        now: Timestamp,
    ) -> Result<(IngestReport, Vec<EventRef>), LakeError>;
    /// Checks the YAML of a log schema.
    fn check_schema(&self, name: &str, spec: &str) -> Result<(), LakeError>;
}
