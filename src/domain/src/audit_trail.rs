//! Use case: reading the audit log.

use std::sync::Arc;

use margay_rules::Permission;

use crate::{
    audit::{AuditEvent, AuditQuery},
    ports::{AuditLog, StoreError},
    principal::SignedIn,
};

/// The service behind the page *Audit*.
#[derive(Clone)]
pub struct AuditTrail {
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
}

/// Why the audit log was not shown.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditTrailError {
    /// The role lacks Read Audit Logs.
    #[error("this needs the permission {}", Permission::AuditRead.title())]
    Forbidden,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuditTrail {
    /// Events, newest first. Needs Read Audit Logs.
    pub async fn search(&self, person: &SignedIn, query: &AuditQuery) -> Result<Vec<AuditEvent>, AuditTrailError> {
        if !person.may(Permission::AuditRead) {
            return Err(AuditTrailError::Forbidden);
        }
        Ok(self.audit.search(query).await?)
    }
}
