//! Ports: what the domain needs from the outside, as traits.
//!
//! Rules: look-ups return `Result<Option<T>, _>`; whatever needs the time or an id
//! gets it as a parameter; single use and rotation are decided by the store in one
//! SQL statement, never by a read followed by a write.

mod accounts;
mod audit_log;
mod content;
mod data_lake;
mod oauth;

pub use accounts::{Roles, Users};
pub use audit_log::AuditLog;
pub use content::{Alerts, DataModels, Detections, Enrichments, GlobalHelpers, LogSchemas, LogSources};
pub use data_lake::DataLake;
pub use oauth::{
    Clients, CodeRedemption, Connected, ConsentError, ConsentPage, ConsentView, Flows, Grants, RefreshRotation,
    ReplacedGrant, Settings, SigningKeys, StoredSigningKey, TokenError, TokenVerifier, VerifiedToken,
};

/// Storage failed. The text is for the log, never for a client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Something with this unique name exists already.
    #[error("{0} exists already")]
    Conflict(&'static str),
    /// Nothing by this id, where there had to be something.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// Somebody else changed it in between.
    #[error("{0} was changed by somebody else in between")]
    Stale(&'static str),
    /// What is stored cannot be understood.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// The database did not answer.
    #[error("the database is not available: {0}")]
    Unavailable(String),
}

/// The result of a port.
pub type StoreResult<T> = Result<T, StoreError>;
