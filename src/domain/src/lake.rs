//! What the lake is asked and what it answers. No query engine's type appears here.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{clock::Timestamp, id::UserId, role::LogTypeAccess};

/// The database of log events.
pub const LOGS_DATABASE: &str = "panther_logs.public";

/// The database of views over all log events.
pub const VIEWS_DATABASE: &str = "panther_views.public";

/// The table of a log type: lower case, `.` becomes `_` (`AWS.CloudTrail` → `aws_cloudtrail`).
pub fn table_name(log_type: &str) -> String {
    log_type.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInfo {
    /// For example `panther_logs.public`.
    pub name: String,
    /// What is in it.
    pub description: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableInfo {
    /// For example `aws_cloudtrail`.
    pub name: String,
    /// What is in it.
    pub description: String,
    /// Its log type.
    pub log_type: Option<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Its name, in lower case.
    pub name: String,
    /// Its type in words of SQL: `string`, `bigint`, `timestamp`, `array`, `object` …
    #[serde(rename = "type")]
    pub kind: String,
    /// What it holds.
    pub description: String,
}

/// A table with its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The table.
    #[serde(flatten)]
    pub table: TableInfo,
    /// Its columns, in order.
    pub columns: Vec<ColumnInfo>,
}

/// A query.
#[derive(Clone, Debug)]
pub struct QueryRequest {
    /// One read-only statement.
    pub sql: String,
    /// Where unqualified tables are, for example `panther_logs.public`.
    pub database: String,
    /// At most so many rows are returned.
    pub max_rows: usize,
    /// Rows to skip first (for the next page of the same query).
    pub offset: usize,
    /// When the query is given up.
    pub timeout: Duration,
    /// The present, for `p_occurs_since` and its kin.
    pub now: Timestamp,
    /// Which log types the person may read.
    pub log_types: LogTypeAccess,
    /// The person who asks, so that nobody takes all query workers; `None` for a command on the server itself.
    pub person: Option<UserId>,
}

/// What a query found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryResult {
    /// Columns in order, with their types.
    pub columns: Vec<ColumnInfo>,
    /// Rows as objects by column name.
    pub rows: Vec<Map<String, Value>>,
    /// Whether more rows follow.
    pub truncated: bool,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// Bytes read from storage, where known.
    pub bytes_scanned: Option<u64>,
}

/// Why the lake did not answer. The texts are for the person who asked: they name positions, never internals, and no
/// value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LakeError {
    /// The SQL cannot be read or planned.
    #[error("{message}")]
    BadSql {
        /// What is wrong, in words.
        message: String,
        /// Line and column of the place, from 1, where known.
        position: Option<(u64, u64)>,
    },
    /// Not a single `SELECT` (or `WITH … SELECT`, `EXPLAIN`).
    #[error("only one read-only SELECT statement can be run; this is {0}")]
    NotReadOnly(String),
    /// No time filter on a table of events.
    #[error(
        "Query must include a time filter: either `p_event_time` condition or Panther macro (p_occurs_since, p_occurs_between, etc.)"
    )]
    NoTimeFilter,
    /// No such database.
    #[error("there is no database named {0}; list_databases shows them")]
    UnknownDatabase(String),
    /// No such table, or one that the role may not read.
    #[error("there is no table named {0}; list_database_tables shows them")]
    UnknownTable(String),
    /// No schema for that log type.
    #[error("there is no log schema named {0}; list_log_type_schemas shows them")]
    UnknownLogType(String),
    /// A log schema that cannot be used.
    #[error("log schema {name}: {message}")]
    BadSchema {
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Given up after its time.
    #[error("the query was cancelled after {0} s; narrow the time range or raise the timeout")]
    TimedOut(u64),
    /// More memory than a query may use.
    #[error(
        "the query needs more memory than one query may use; narrow the time range, select fewer columns, or join and \
         group fewer rows"
    )]
    OutOfMemory,
    /// The query engine broke on this statement. It breaks again on the same one.
    #[error(
        "the query engine gave this statement up; the same statement fails again, so write it in a simpler way: fewer \
         joins and nested queries, a narrower time range"
    )]
    Crashed,
    /// Too many other queries; this one was not begun.
    #[error("the data lake is busy with other queries; try again in a few seconds")]
    Busy,
    /// Storage failed; the text is for the log.
    #[error("the data lake is not available now: {0}")]
    Unavailable(String),
}

/// How an ingest ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReport {
    /// Events found, and pieces that are none. For JSON lines that is the number of lines that are not empty.
    pub lines: u64,
    /// Events stored.
    pub stored: u64,
    /// Bytes of the stored events, as they arrived, without line ends.
    #[serde(default)]
    pub bytes: u64,
    /// Pieces that are not JSON objects: line number from 1 and reason. The first 100.
    pub rejected: Vec<RejectedLine>,
    /// How many pieces were rejected in all. Stored and rejected together are all that was found.
    pub rejected_total: u64,
    /// Values that did not fit their column's type and are kept as JSON in `p_unmapped`.
    pub misfits: u64,
    /// Stored events in which characters that are none were replaced by U+FFFD.
    #[serde(default)]
    pub repaired: u64,
    /// Names that came twice in one object. The later value counts, the earlier one is kept in `p_unmapped`.
    #[serde(default)]
    pub duplicate_keys: u64,
    /// Objects that only carried events (`{"Records": […]}`) and were opened. What else they held is not kept.
    #[serde(default)]
    pub unwrapped: u64,
    /// Stored events without a time that can be read. Their `p_event_time` is the time of the ingest, and their
    /// `p_event_time_source` says so.
    #[serde(default)]
    pub without_time: u64,
    /// The first 10 of them.
    #[serde(default)]
    pub without_time_examples: Vec<WithoutTime>,
}

/// An event without a time that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithoutTime {
    /// Where it begins, from 1.
    pub line: u64,
    /// The field that should hold the time, and what is in it instead; `None` if there is no such field in the event.
    pub found: Option<String>,
}

/// A line that could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedLine {
    /// From 1.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// The line itself, for the reject file.
    #[serde(skip)]
    pub text: String,
}
