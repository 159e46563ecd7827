//! The store: one open database behind all ports.

use std::sync::Arc;

use margay_domain::{
    clock::Timestamp,
    ports::{
        Alerts, AuditLog, Clients, DataModels, Detections, Enrichments, Flows, GlobalHelpers, Grants, LogSchemas,
        LogSources, Roles, Settings, SigningKeys, StoreResult, Users,
    },
};

use crate::{
    alerts::SqlAlerts,
    audit_log::SqlAuditLog,
    clients::SqlClients,
    data_models::SqlDataModels,
    detections::SqlDetections,
    engine::{Engine, on_read},
    enrichments::SqlEnrichments,
    error::DbResult as _,
    flows::SqlFlows,
    global_helpers::SqlGlobalHelpers,
    grants::SqlGrants,
    log_schemas::SqlLogSchemas,
    log_sources::SqlLogSources,
    open::{self, Database, OpenError},
    readiness,
    roles::SqlRoles,
    sessions::SqlSessionStore,
    settings::SqlSettings,
    signing_keys::SqlSigningKeys,
    users::SqlUsers,
};

/// An open database. Cheap to clone; all clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    audit_log: Arc<SqlAuditLog>,
}

impl Store {
    /// Opens `database` and brings its tables up to date. Must be called inside a tokio runtime,
    /// on which the writer of the audit log then lives.
    pub async fn open(database: &Database) -> Result<Self, OpenError> {
        let engine = open::open(database).await?;
        let audit_log = Arc::new(SqlAuditLog::start(engine.clone()));
        Ok(Self { engine, audit_log })
    }

    /// People.
    pub fn users(&self) -> Arc<dyn Users> {
        Arc::new(SqlUsers(self.engine.clone()))
    }

    /// Roles.
    pub fn roles(&self) -> Arc<dyn Roles> {
        Arc::new(SqlRoles(self.engine.clone()))
    }

    /// The audit log.
    pub fn audit_log(&self) -> Arc<dyn AuditLog> {
        Arc::<SqlAuditLog>::clone(&self.audit_log)
    }

    /// Alerts.
    pub fn alerts(&self) -> Arc<dyn Alerts> {
        Arc::new(SqlAlerts(self.engine.clone()))
    }

    /// Detections.
    pub fn detections(&self) -> Arc<dyn Detections> {
        Arc::new(SqlDetections(self.engine.clone()))
    }

    /// Python code that detections share.
    pub fn global_helpers(&self) -> Arc<dyn GlobalHelpers> {
        Arc::new(SqlGlobalHelpers(self.engine.clone()))
    }

    /// Field names that detections use.
    pub fn data_models(&self) -> Arc<dyn DataModels> {
        Arc::new(SqlDataModels(self.engine.clone()))
    }

    /// Enrichment tables.
    pub fn enrichments(&self) -> Arc<dyn Enrichments> {
        Arc::new(SqlEnrichments(self.engine.clone()))
    }

    /// Log schemas.
    pub fn log_schemas(&self) -> Arc<dyn LogSchemas> {
        Arc::new(SqlLogSchemas(self.engine.clone()))
    }

    /// Log sources, and how much they brought.
    pub fn log_sources(&self) -> Arc<dyn LogSources> {
        Arc::new(SqlLogSources(self.engine.clone()))
    }

    /// Clients.
    pub fn clients(&self) -> Arc<dyn Clients> {
        Arc::new(SqlClients(self.engine.clone()))
    }

    /// Flows.
    pub fn flows(&self) -> Arc<dyn Flows> {
        Arc::new(SqlFlows(self.engine.clone()))
    }

    /// Grants, codes and refresh tokens.
    pub fn grants(&self) -> Arc<dyn Grants> {
        Arc::new(SqlGrants(self.engine.clone()))
    }

    /// Settings.
    pub fn settings(&self) -> Arc<dyn Settings> {
        Arc::new(SqlSettings(self.engine.clone()))
    }

    /// Keys that sign access tokens.
    pub fn signing_keys(&self) -> Arc<dyn SigningKeys> {
        Arc::new(SqlSigningKeys(self.engine.clone()))
    }

    /// Browser sessions, for `tower-sessions`.
    pub fn sessions(&self) -> SqlSessionStore {
        SqlSessionStore::new(self.engine.clone())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> StoreResult<()> {
        on_read!(self.engine, |pool| sqlx::query("SELECT 1").execute(pool).await.db()?.rows_affected());
        Ok(())
    }

    /// Whether a change can be committed now: makes a small one, in a transaction like those of requests.
    pub async fn try_change(&self, now: Timestamp) -> StoreResult<()> {
        readiness::try_change(&self.engine, now).await
    }

    /// Whether the writer of the audit log lives and goes on: returns when the events recorded so far are written, or
    /// failed. Without the writer every call is refused, and only a restart brings it back.
    pub async fn try_audit(&self) -> StoreResult<()> {
        self.audit_log.answers().await
    }

    /// Writes the audit events that still wait, then closes all connections. Whatever uses the store
    /// afterwards fails with `Unavailable`.
    pub async fn close(&self) {
        // An error means that the writer is gone, and then nothing waits.
        self.audit_log.answers().await.ok();
        match &self.engine {
            Engine::Sqlite { read, write } => {
                read.close().await;
                // Last, so that the last connection to leave folds the write-ahead log into the file.
                write.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}
