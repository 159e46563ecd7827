//! The stories, over HTTP, against the whole server; each on SQLite and on PostgreSQL.
//!
//! One test binary, so that the query engine is linked once. Tests go through public interfaces only.

#![expect(clippy::expect_used, reason = "in a test, stopping is the right answer to what must not happen")]

mod alert_access;
mod alert_changes;
mod all_connections;
mod audit;
mod bad_input;
mod blocked_redirects;
mod client_documents;
mod command_line;
mod concurrent_calls;
mod configuration;
mod connections;
mod consent;
mod data_folder;
mod demo;
mod detection_changes;
mod discovery;
mod first_admin;
mod full_disk;
mod harness;
mod hostile_queries;
mod keys;
mod last_used;
mod loopback_names;
mod mcp;
mod model;
mod real_data;
mod reconnecting;
mod redirects;
mod registration;
mod remote_mcp;
mod resources;
mod roles;
mod rows;
mod searches;
mod session_changes;
mod setup_again;
mod sign_in;
mod switch_account;
mod tokens;
mod tools;
mod waiting_clients;
