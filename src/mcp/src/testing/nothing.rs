//! A store and a lake that are never there.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, AlertChange, AlertComment, AlertFilter, AlertPosition, AlertTally, EventRef},
    clock::{Clock, Timestamp},
    data_model::DataModel,
    detection::{Detection, DetectionKind},
    enrichment::{Enrichment, EnrichmentRow},
    global_helper::GlobalHelper,
    id::{AlertId, EnrichmentId, LogSourceId, RoleId, UserId},
    lake::{DatabaseInfo, IngestReport, LakeError, QueryRequest, QueryResult, TableInfo, TableSchema},
    log_schema::LogSchema,
    log_source::{LogSource, SourceVolume},
    ports::{
        Alerts, DataLake, DataModels, Detections, Enrichments, GlobalHelpers, LogSchemas, LogSources, Roles,
        StoreError, StoreResult, Users,
    },
    role::{LogTypeAccess, Role},
    testing::SeededEntropy,
    user::{PasswordHash, User},
};
use margay_tools::Ports;
use serde_json::{Map, Value};

pub(super) fn ports(clock: &Arc<dyn Clock>) -> Ports {
    Ports {
        alerts: Arc::new(Nothing),
        detections: Arc::new(Nothing),
        global_helpers: Arc::new(Nothing),
        data_models: Arc::new(Nothing),
        log_sources: Arc::new(Nothing),
        enrichments: Arc::new(Nothing),
        log_schemas: Arc::new(Nothing),
        users: Arc::new(Nothing),
        roles: Arc::new(Nothing),
        lake: Arc::new(Nothing),
        clock: Arc::clone(clock),
        entropy: Arc::new(SeededEntropy::new(1)),
        max_result_bytes: 100_000,
        cursor_key: [7; 32],
    }
}

/// A store and a lake that are never there; the tools of these tests do not read.
struct Nothing;

pub(super) fn unavailable() -> StoreError {
    StoreError::Unavailable("not in this test".to_owned())
}

fn no_lake() -> LakeError {
    LakeError::Unavailable("not in this test".to_owned())
}

#[async_trait]
impl Alerts for Nothing {
    async fn put(&self, _alerts: &[Alert]) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &AlertId, _access: &LogTypeAccess) -> StoreResult<Option<Alert>> {
        Err(unavailable())
    }
    async fn list(
        &self,
        _filter: &AlertFilter,
        _after: Option<&AlertPosition>,
        _limit: u32,
        _access: &LogTypeAccess,
    ) -> StoreResult<Vec<Alert>> {
        Err(unavailable())
    }
    async fn count(&self, _filter: &AlertFilter, _access: &LogTypeAccess) -> StoreResult<u64> {
        Err(unavailable())
    }
    async fn tally(
        &self,
        _filter: &AlertFilter,
        _width: Duration,
        _access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertTally>> {
        Err(unavailable())
    }
    async fn change(
        &self,
        _ids: &[AlertId],
        _change: &AlertChange,
        _by: &UserId,
        _now: Timestamp,
        _access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertId>> {
        Err(unavailable())
    }
    async fn add_comment(&self, _comment: &AlertComment, _access: &LogTypeAccess) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn comments(&self, _id: &AlertId, _access: &LogTypeAccess) -> StoreResult<Vec<AlertComment>> {
        Err(unavailable())
    }
}

#[async_trait]
impl Detections for Nothing {
    async fn put(&self, _detections: &[Detection]) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &str) -> StoreResult<Option<Detection>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<Detection>> {
        Err(unavailable())
    }
    async fn set_enabled(
        &self,
        _id: &str,
        _kind: DetectionKind,
        _enabled: bool,
        _by: &UserId,
        _now: Timestamp,
    ) -> StoreResult<Option<(Detection, bool)>> {
        Err(unavailable())
    }
}

#[async_trait]
impl GlobalHelpers for Nothing {
    async fn put(&self, _helpers: &[GlobalHelper]) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &str) -> StoreResult<Option<GlobalHelper>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<GlobalHelper>> {
        Err(unavailable())
    }
}

#[async_trait]
impl DataModels for Nothing {
    async fn put(&self, _models: &[DataModel]) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &str) -> StoreResult<Option<DataModel>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<DataModel>> {
        Err(unavailable())
    }
}

#[async_trait]
impl LogSources for Nothing {
    async fn put(&self, _source: &LogSource) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn ensure(&self, _source: &LogSource) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &LogSourceId) -> StoreResult<Option<LogSource>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<LogSource>> {
        Err(unavailable())
    }
    async fn record(&self, _volumes: &[SourceVolume], _now: Timestamp) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn volumes(&self, _from: Timestamp, _until: Timestamp, _width: Duration) -> StoreResult<Vec<SourceVolume>> {
        Err(unavailable())
    }
}

#[async_trait]
impl Enrichments for Nothing {
    async fn put(&self, _enrichment: &Enrichment, _rows: &[EnrichmentRow]) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn find_by_name(&self, _name: &str) -> StoreResult<Option<Enrichment>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<Enrichment>> {
        Err(unavailable())
    }
    async fn rows_by_key(&self, _id: &EnrichmentId, _keys: &[String]) -> StoreResult<Vec<EnrichmentRow>> {
        Err(unavailable())
    }
    async fn rows(&self, _id: &EnrichmentId) -> StoreResult<Vec<EnrichmentRow>> {
        Err(unavailable())
    }
}

#[async_trait]
impl LogSchemas for Nothing {
    async fn put(&self, _schema: &LogSchema) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _name: &str) -> StoreResult<Option<LogSchema>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<LogSchema>> {
        Err(unavailable())
    }
}

#[async_trait]
impl Users for Nothing {
    async fn create(&self, _user: &User, _password: Option<&PasswordHash>) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn create_first(&self, _user: &User, _password: &PasswordHash) -> StoreResult<bool> {
        Err(unavailable())
    }
    async fn get(&self, _id: &UserId) -> StoreResult<Option<User>> {
        Err(unavailable())
    }
    async fn find_by_email(&self, _email: &str) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<User>> {
        Err(unavailable())
    }
    async fn count(&self) -> StoreResult<u64> {
        Err(unavailable())
    }
    async fn set_role(&self, _id: &UserId, _role: &RoleId) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn set_enabled(&self, _id: &UserId, _enabled: bool) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn set_password(&self, _id: &UserId, _password: &PasswordHash) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn signed_in(&self, _id: &UserId, _at: Timestamp) -> StoreResult<()> {
        Err(unavailable())
    }
}

#[async_trait]
impl Roles for Nothing {
    async fn ensure_built_in(&self, _now: Timestamp) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn create(&self, _role: &Role) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn update(&self, _role: &Role) -> StoreResult<()> {
        Err(unavailable())
    }
    async fn get(&self, _id: &RoleId) -> StoreResult<Option<Role>> {
        Err(unavailable())
    }
    async fn find_by_name(&self, _name: &str) -> StoreResult<Option<Role>> {
        Err(unavailable())
    }
    async fn list(&self) -> StoreResult<Vec<Role>> {
        Err(unavailable())
    }
}

#[async_trait]
impl DataLake for Nothing {
    async fn databases(&self) -> Result<Vec<DatabaseInfo>, LakeError> {
        Err(no_lake())
    }
    async fn tables(&self, _database: &str, _access: &LogTypeAccess) -> Result<Vec<TableInfo>, LakeError> {
        Err(no_lake())
    }
    async fn table_schema(
        &self,
        _database: &str,
        _table: &str,
        _access: &LogTypeAccess,
    ) -> Result<TableSchema, LakeError> {
        Err(no_lake())
    }
    async fn query(&self, _request: QueryRequest) -> Result<QueryResult, LakeError> {
        Err(no_lake())
    }
    async fn events(&self, _refs: &[EventRef], _access: &LogTypeAccess) -> Result<Vec<Map<String, Value>>, LakeError> {
        Err(no_lake())
    }
    async fn ingest_file(
        &self,
        _log_type: &str,
        _file: &Path,
        _rejects: Option<&Path>,
        _now: Timestamp,
    ) -> Result<IngestReport, LakeError> {
        Err(no_lake())
    }
    async fn ingest_events(
        &self,
        _log_type: &str,
        _events: Vec<Map<String, Value>>,
        _now: Timestamp,
    ) -> Result<(IngestReport, Vec<EventRef>), LakeError> {
        Err(no_lake())
    }
    fn check_schema(&self, _name: &str, _spec: &str) -> Result<(), LakeError> {
        Err(no_lake())
    }
}
