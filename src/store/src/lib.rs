//! SQLite and PostgreSQL behind the domain's storage ports.
//!
//! [`Store::open`] opens a [`Database`] and brings its tables up to date; each accessor of [`Store`] is one port
//! of [`margay_domain::ports`], and [`Store::sessions`] keeps browser sessions for `tower-sessions`. One file per
//! port, one SQL text for both engines; `tests/contract` holds both engines to the same behaviour.
//!
//! Rules of this crate:
//! - Single use and rotation are decided by one `UPDATE … WHERE … IS NULL`, never by a read followed by a write.
//! - Secrets arrive as hashes and stay hashes. Nothing is logged that a person or a client sent.
//! - Time is a parameter. Only browser sessions ask a clock, because `tower-sessions` hands none in.
//! - Every text from outside is bound through `codec::text`, so that both engines accept it.
//!
//! Must not depend on axum, DataFusion, Leptos, rmcp or a sibling crate.
//!
//! How to add a table: a migration of the same name in `migrations/sqlite` and `migrations/postgres` (applied ones
//! are never edited), a row struct in the file of its port, a contract in `tests/contract`.
//! How to add a port: a file with one struct around the engine, an accessor in [`Store`], its contract.

mod alerts;
mod audit_log;
mod clients;
mod codec;
mod data_models;
mod detections;
mod engine;
mod enrichments;
mod error;
mod flows;
mod global_helpers;
mod grants;
mod log_schemas;
mod log_sources;
mod open;
mod readiness;
mod roles;
mod sessions;
mod settings;
mod signing_keys;
mod sourced;
mod store;
#[cfg(feature = "test-support")]
pub mod test_postgres;
mod users;

pub use open::{Database, OpenError};
pub use sessions::SqlSessionStore;
pub use store::Store;
