//! The lake: log schemas, ingest, Delta tables of Parquet files, and guarded SQL over them.
//!
//! - [`Lake`] implements `margay_domain::ports::DataLake`; [`managed_schemas`] are the schemas that come with the product.
//! - `schema` reads the YAML of a log schema, `columns` says which columns a table has.
//! - `ingest` turns files of JSON into one Delta commit each; `tables` opens, creates and widens tables.
//! - `worker` has the processes in which everything is done with a statement: `sql` parses it, refuses what may not
//!   run and rewrites what the engine spells differently; `query` runs it; `rows` turns what comes back into JSON;
//!   `errors` says what went wrong, without a value of a row.
//!
//! This is the only crate that sees DataFusion and Delta Lake. It must not depend on axum, sqlx, Leptos, rmcp or a
//! sibling crate; no type of the engine leaves it, and no text of the engine that could name a file does.
//!
//! How to add a log schema: a file in `schemas/` and a line in [`managed_schemas`]'s list. How to add a function of
//! SQL: its name in the list of `functions` if the engine has it; else a file in `functions/` and a line in
//! `functions::added`; or, if it only needs other spelling, a line in `sql::rewrite`.

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
mod worker;

pub use ingest::{
    IngestError, Input,
    files::{IngestOptions, Ingested, Progress, is_same_file, rejects_beside, rejects_of},
};
pub use lake::{Execution, Lake, LakeConfig};
pub use managed::managed_schemas;
pub use tables::table_path;
pub use worker::{WorkerCommand, run_worker};
