//! Ingest: events become rows, and a file becomes one commit.
//!
//! `input` undoes compression and other charsets, `documents` finds the events in what comes out, `json` reads one even
//! if a character in it is bad, `wrapper` opens objects that only carry events, `convert` makes a row of an event.
//!
//! A blocking thread reads events and fills batches; the caller's task writes them as Parquet and commits at the end.
//! Nothing is visible before the commit, so a crash leaves all of a file or nothing of it.

mod charset;
pub(crate) mod convert;
mod documents;
mod error;
pub(crate) mod files;
mod guess;
pub(crate) mod indicators;
mod input;
mod json;
mod punycode;
mod rejects;
mod wrapper;
mod write;

pub use error::IngestError;
pub use input::Input;
