//! The domain: what Margay is about, without any input or output.
//!
//! - **Values**: [`id`], [`clock`] (time), [`allowance`] (rates), [`entropy`] (randomness), [`secret`] (tokens and their hashes).
//! - **Entities**: [`user`], [`role`], [`client`], [`flow`], [`grant`], [`alert`], [`detection`],
//!   [`global_helper`], [`data_model`], [`enrichment`], [`log_schema`], [`log_source`], [`audit`], [`settings`].
//! - **The one predicate**: [`principal`] computes granted ∩ role-now; nothing else does.
//! - **Ports** ([`ports`]): traits that `store`, `lake`, `oauth` and `signin` implement.
//! - **Use cases**: [`connections`], [`all_connections`], [`remote_mcp`] and [`audit_trail`], which pages and the command
//!   line share.
//!
//! Must not depend on axum, sqlx, DataFusion, Leptos or rmcp. Time and
//! randomness are parameters; `clippy.toml` bans the alternatives.

pub mod alert;
pub mod all_connections;
pub mod allowance;
pub mod audit;
pub mod audit_trail;
pub mod client;
pub mod clock;
pub mod connections;
pub mod data_model;
pub mod detection;
pub mod enrichment;
pub mod entropy;
pub mod flow;
pub mod global_helper;
pub mod grant;
pub mod id;
pub mod lake;
pub mod log_schema;
pub mod log_source;
pub mod page;
pub mod ports;
pub mod principal;
pub mod remote_mcp;
pub mod role;
pub mod secret;
pub mod settings;
pub mod testing;
pub mod user;

pub use margay_rules as rules;
