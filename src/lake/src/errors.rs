//! What went wrong below, as errors of the lake. No text of the engine passes unless it is about the statement.

use std::fmt::Display;

use datafusion::{arrow::error::ArrowError, common::DataFusionError, sql::sqlparser::parser::ParserError};
use deltalake::{DeltaTableError, kernel::transaction::TransactionError};
use margay_domain::lake::LakeError;

use crate::sql::find_place;

/// How the engine names what it looks for in the empty default database of a session.
const EMPTY_DATABASE: &str = "margay.empty.";

/// Storage failed; the text is for the log.
pub(crate) fn unavailable(cause: impl Display) -> LakeError {
    LakeError::Unavailable(cause.to_string())
}

/// A Delta table failed.
pub(crate) fn storage(error: &DeltaTableError) -> LakeError {
    LakeError::Unavailable(error.to_string())
}

/// Whether another commit came in between.
pub(crate) const fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_)
            }
    )
}

/// A statement cannot be read or planned.
pub(crate) fn bad_sql(message: impl Into<String>, position: Option<(u64, u64)>) -> LakeError {
    LakeError::BadSql { message: message.into(), position }
}

/// The parser did not understand the statement.
pub(crate) fn parser(error: &ParserError) -> LakeError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return bad_sql("the statement is nested too deeply; write it with fewer parentheses and subqueries", None);
        }
    };
    let (message, position) = split_position(text);
    bad_sql(message.replace("found: EOF", "found: the end of the statement"), position)
}

/// Takes ` at Line: 1, Column: 2` off the end.
fn split_position(text: &str) -> (&str, Option<(u64, u64)>) {
    let position = |place: &str| -> Option<(u64, u64)> {
        let (line, column) = place.split_once(", Column: ")?;
        Some((line.parse().ok()?, column.parse().ok()?))
    };
    match text.rsplit_once(" at Line: ") {
        Some((message, place)) => match position(place.trim()) {
            Some(position) => (message, Some(position)),
            None => (text, None),
        },
        None => (text, None),
    }
}

/// Reading the statement `sql` failed: the error with its place in it.
pub(crate) fn placed(error: LakeError, sql: &str) -> LakeError {
    match error {
        LakeError::BadSql { message, position: None } => {
            let position = Some(find_place(sql, &message));
            LakeError::BadSql { message, position }
        }
        LakeError::UnknownTable(name) => {
            let position = Some(find_place(sql, &format!("'{name}'")));
            LakeError::BadSql { message: LakeError::UnknownTable(name).to_string(), position }
        }
        other => other,
    }
}

/// Planning or running the statement `sql` failed: the error with its place in it.
pub(crate) fn of_statement(error: &DataFusionError, sql: &str) -> LakeError {
    match of_engine(error) {
        LakeError::BadSql { message, position: None } => {
            // What was taken off the message for people may be what tells the place.
            let position = Some(find_place(sql, &first(error).find_root().to_string()));
            LakeError::BadSql { message, position }
        }
        other => other,
    }
}

/// Planning or running a statement failed.
pub(crate) fn of_engine(error: &DataFusionError) -> LakeError {
    let position = place(error);
    let root = first(error).find_root();
    let text = match root {
        DataFusionError::ResourcesExhausted(cause) => {
            tracing::info!(%cause, "a query needed more memory than it may use");
            return LakeError::OutOfMemory;
        }
        DataFusionError::SQL(error, _) => return parser(error),
        DataFusionError::SchemaError(error, _) => {
            let text = error.to_string();
            // The other lines list every column of the table.
            let first = text.lines().next().unwrap_or_default().to_owned();
            if first.starts_with("No field named") {
                format!("{first} get_table_schema lists the columns.")
            } else {
                first
            }
        }
        DataFusionError::Plan(text) | DataFusionError::Execution(text) => text.clone(),
        DataFusionError::NotImplemented(text) => format!("not supported: {text}"),
        DataFusionError::ArrowError(cause, _) => match cause.as_ref() {
            ArrowError::IoError(..) | ArrowError::ParquetError(_) => return LakeError::Unavailable(cause.to_string()),
            cause => cause.to_string(),
        },
        DataFusionError::Internal(cause) | DataFusionError::Configuration(cause) => {
            tracing::warn!(%cause, "the query engine failed on a statement");
            "the query engine cannot run this statement; try to write it in a simpler way".to_owned()
        }
        other => return LakeError::Unavailable(other.to_string()),
    };
    let text = text.split("\n\nbacktrace: ").next().unwrap_or_default().trim();
    if names_a_file(text) {
        return LakeError::Unavailable(error.to_string());
    }
    bad_sql(strip_prefixes(text).replace(EMPTY_DATABASE, ""), position)
}

/// The place that the engine names.
fn place(error: &DataFusionError) -> Option<(u64, u64)> {
    match error {
        DataFusionError::Collection(errors) => errors.iter().find_map(place),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let start = diagnostic.span.map(|span| span.start).filter(|start| start.line > 0);
            start.map(|start| (start.line, start.column)).or_else(|| place(inner))
        }
        DataFusionError::Context(_, inner) => place(inner),
        DataFusionError::Shared(inner) => place(inner),
        _ => None,
    }
}

/// Of several errors the first.
fn first(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Collection(errors) => errors.first().map_or(error, first),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => first(inner),
        DataFusionError::Shared(inner) => first(inner),
        other => other,
    }
}

/// Storage problems that come wrapped as problems of the statement name files; those texts stay in the log.
fn names_a_file(text: &str) -> bool {
    [".parquet", "file://", "_delta_log", "Object at location"].iter().any(|sign| text.contains(sign))
}

/// Takes the engine's own headings off the front.
fn strip_prefixes(mut text: &str) -> &str {
    const PREFIXES: [&str; 9] = [
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "Arrow error: ",
        "SQL error: ",
        "Cast error: ",
        "Parser error: ",
        "Invalid argument error: ",
        "Compute error: ",
    ];
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_taken_off() {
        assert_eq!(split_position("Expected: x at Line: 3, Column: 14"), ("Expected: x", Some((3, 14))));
        assert_eq!(split_position("no place"), ("no place", None));
        assert_eq!(split_position("look at Line: x"), ("look at Line: x", None));
    }

    #[test]
    fn engine_texts_are_cleaned_and_paths_kept_out() {
        let error = DataFusionError::Plan("Error during planning: no".to_owned()).context("while");
        assert_eq!(of_engine(&error), bad_sql("no", None));
        let error = DataFusionError::Execution("cannot read file:///data/x.parquet".to_owned());
        assert!(matches!(of_engine(&error), LakeError::Unavailable(_)));
        let error = DataFusionError::ResourcesExhausted("x".to_owned()).context("sort");
        assert_eq!(of_engine(&error), LakeError::OutOfMemory);
    }

    #[test]
    fn every_error_of_a_statement_has_a_place() {
        let sql = "SELECT a,\n  f(b) FROM t";
        let error = DataFusionError::Plan("Invalid function 'f'.".to_owned()).context("while");
        assert_eq!(of_statement(&error, sql), bad_sql("Invalid function 'f'.", Some((2, 3))));
        let error = DataFusionError::Internal("Function 'f' failed to match any signature".to_owned());
        assert!(matches!(of_statement(&error, sql), LakeError::BadSql { position: Some((2, 3)), .. }));
        let gone = placed(LakeError::UnknownTable("T".to_owned()), sql);
        let LakeError::BadSql { message, position } = &gone else { panic!("{gone:?}") };
        assert!(message.contains("list_database_tables"), "{message}");
        assert_eq!(*position, Some((2, 13)));
        assert_eq!(placed(LakeError::NoTimeFilter, sql), LakeError::NoTimeFilter);
    }
}
