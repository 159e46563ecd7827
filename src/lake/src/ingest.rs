//! Ingest: events become rows, and a file becomes one commit.
//!
//! A blocking thread reads lines and fills batches; the caller's task writes them as Parquet and commits at the end.
//! Nothing is visible before the commit, so a crash leaves all of a file or nothing of it.

pub(crate) mod convert;
mod error;
pub(crate) mod files;
pub(crate) mod indicators;
mod lines;
mod punycode;
mod write;

pub use error::IngestError;
