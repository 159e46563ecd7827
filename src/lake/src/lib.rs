//! The lake: log schemas, ingest, Delta tables of Parquet files, and guarded SQL over them.
//!
//! - [`Lake`] implements `margay_domain::ports::DataLake`; [`managed_schemas`] are the schemas that come with the product.
//! - `schema` reads the YAML of a log schema, `columns` says which columns a table has.
//! - `ingest` turns JSON lines into one Delta commit per file; `tables` opens, creates and widens tables.
//! - `sql` parses a statement, refuses what may not run and rewrites what the engine spells differently;
//!   `query` runs it within its limits; `rows` turns what comes back into JSON.
//!
//! This is the only crate that sees DataFusion and Delta Lake. It must not depend on axum, sqlx, Leptos, rmcp or a
//! sibling crate; no type of the engine leaves it, and no text of the engine that could name a file does.
//!
//! How to add a log schema: a file in `schemas/` and a line in [`managed_schemas`]'s list. How to add a function of
//! SQL: a file in `functions/` and a line in `functions::all`; or, if it only needs other spelling, a line in
//! `sql::rewrite`.

mod catalog;
mod columns;
mod engine;
mod errors;
mod events;
mod functions;
mod ingest;
mod lake;
mod managed;
mod query;
mod rows;
mod schema;
mod size;
mod sql;
mod tables;
#[cfg(test)]
mod tests;
mod timestamp;

pub use ingest::{
    IngestError,
    files::{is_same_file, rejects_beside},
};
pub use lake::{Lake, LakeConfig};
pub use managed::managed_schemas;
pub use tables::table_path;
