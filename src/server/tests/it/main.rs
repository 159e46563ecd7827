//! The stories, over HTTP, against the whole server; each on SQLite and on PostgreSQL.
//!
//! One test binary, so that the query engine is linked once. Tests go through public interfaces only.

#![expect(clippy::expect_used, reason = "in a test, stopping is the right answer to what must not happen")]

mod audit;
mod bad_input;
mod command_line;
mod connections;
mod consent;
mod discovery;
mod harness;
mod mcp;
mod redirects;
mod registration;
mod remote_mcp;
mod roles;
mod sign_in;
mod tokens;
mod tools;
