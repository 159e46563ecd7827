//! What went wrong below, as errors of the lake.
//!
//! A text of the engine passes only from the planner, which has read no row. What fails while rows are read is told in
//! sentences of this file: rows hold text that others wrote, and an error reads like the word of the server.

use std::fmt::Display;

use datafusion::{arrow::error::ArrowError, common::DataFusionError, sql::sqlparser::parser::ParserError};
use deltalake::{DeltaTableError, kernel::transaction::TransactionError};
use margay_domain::{lake::LakeError, rules::display};

use crate::sql::{Culprits, find_place, quoted, spot};

/// How the engine names what it looks for in the empty default database of a session.
const EMPTY_DATABASE: &str = "margay.empty.";
/// Longer texts are cut, in characters.
const MAX_TEXT: usize = 500;
/// A name in quotes is not longer, in bytes.
const MAX_NAME: usize = 100;
/// Words of the engine for types that may stand in quotes beside those of [`TYPES`].
const ENGINE_WORDS: [&str; 12] =
    ["Utf8", "LargeUtf8", "Utf8View", "UTC", "Some", "None", "List", "Struct", "Null", "µs", "ns", "ms"];

/// Storage failed; the text is for the log.
pub(crate) fn unavailable(cause: impl Display) -> LakeError {
    LakeError::Unavailable(one_line(&cause))
}

/// A Delta table failed.
pub(crate) fn storage(error: &DeltaTableError) -> LakeError {
    unavailable(error)
}

/// The log of a table is damaged, or storage failed.
pub(crate) fn unreadable(table: &str, error: &DeltaTableError) -> LakeError {
    LakeError::Unavailable(format!(
        "the table {table} cannot be read; if its folder _delta_log is damaged, restore it from a backup ({})",
        one_line(error)
    ))
}

/// The first line of an error, which has no backtrace.
pub(crate) fn one_line(error: &impl Display) -> String {
    let text = error.to_string();
    shown(text.split("backtrace:").next().unwrap_or_default().lines().next().unwrap_or_default())
}

/// Text as it may stand in an error: on one line, nothing hidden, and not endless.
pub(crate) fn shown(text: &str) -> String {
    // A line break between two words is no more than a space.
    display::shown(&text.trim().replace(['\n', '\r', '\t'], " "), MAX_TEXT)
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

/// A statement cannot be read, planned or run. Nothing hidden in the message is passed on.
pub(crate) fn bad_sql(message: impl AsRef<str>, position: Option<(u64, u64)>) -> LakeError {
    LakeError::BadSql { message: shown(message.as_ref()), position }
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

/// The engine failed where no statement of a person is at fault.
pub(crate) fn of_engine(error: &DataFusionError) -> LakeError {
    let root = first(error).find_root();
    not_of_the_statement(root).unwrap_or_else(|| unavailable(root))
}

/// Planning the statement `sql` failed. No row has been read, so that texts of the planner are about the statement.
/// Still they quote only what the statement itself says, and names.
pub(crate) fn in_planning(error: &DataFusionError, sql: &str) -> LakeError {
    let root = first(error).find_root();
    if let Some(other) = not_of_the_statement(root) {
        return other;
    }
    let text = match root {
        DataFusionError::SQL(error, _) => return placed(parser(error), sql),
        DataFusionError::SchemaError(error, _) => {
            let text = error.to_string();
            // The other lines list every column of the table.
            let text = first_line(&text);
            if text.starts_with("No field named") {
                format!("{text} get_table_schema lists the columns.")
            } else {
                text.to_owned()
            }
        }
        DataFusionError::Plan(text) => only_quoting(strip_prefixes(first_line(text)), sql),
        DataFusionError::NotImplemented(text) => {
            format!("not supported: {}; try to write it in another way", only_quoting(unsupported(text), sql))
        }
        DataFusionError::Internal(_) | DataFusionError::Configuration(_) => {
            "the query engine cannot plan this statement; try to write it in a simpler way".to_owned()
        }
        // Constants are computed while a statement is planned.
        _ => return in_rows(error, sql),
    };
    let position = place(error).unwrap_or_else(|| match root {
        DataFusionError::NotImplemented(text) => find_place(sql, &format!("'{}'", unsupported(text))),
        _ => find_place(sql, &root.to_string()),
    });
    bad_sql(text.replace(EMPTY_DATABASE, ""), Some(position))
}

/// What the planner does not support; behind it comes the tree that it made.
fn unsupported(text: &str) -> &str {
    let text = first_line(text).split(['{', '(']).next().unwrap_or_default().trim();
    text.rsplit(": ").next().unwrap_or_default()
}

/// Reading the rows of the statement `sql` failed. The engine's text may hold values of rows, which others wrote: it
/// decides which sentence is said, and no part of it is passed on.
pub(crate) fn in_rows(error: &DataFusionError, sql: &str) -> LakeError {
    let root = first(error).find_root();
    if let Some(other) = not_of_the_statement(root) {
        return other;
    }
    let text = root.to_string();
    let text = in_filter(&text).unwrap_or(&text);
    let fault = Fault::of(root, text);
    let spot = spot(sql, text, fault.culprits());
    bad_sql(fault.sentence(&spot.subject), Some(spot.position))
}

/// Failures that say nothing about the statement but that it is too large, or that storage failed.
fn not_of_the_statement(root: &DataFusionError) -> Option<LakeError> {
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            tracing::info!("a query needed more memory than it may use");
            Some(LakeError::OutOfMemory)
        }
        DataFusionError::ExecutionJoin(_) => Some(LakeError::Crashed),
        other if in_filter(&other.to_string()).is_some() => None,
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            Some(unavailable(root))
        }
        DataFusionError::ArrowError(cause, _)
            if matches!(cause.as_ref(), ArrowError::IoError(..) | ArrowError::ParquetError(_)) =>
        {
            Some(unavailable(root))
        }
        DataFusionError::External(cause) if cause.is::<DeltaTableError>() => Some(unavailable(root)),
        other if names_a_file(words_of_the_engine(&other.to_string())) => {
            Some(unavailable("a file of a table cannot be read"))
        }
        _ => None,
    }
}

/// What went wrong with a value in a condition of `WHERE`. The reader of files evaluates those conditions that it can,
/// and wraps what it finds, in the debug form, in an error of its own: `ArrowError(CastError("Cannot cast …"), None)`.
fn in_filter(text: &str) -> Option<&str> {
    let (_, mut inner) = text.split_once("Error evaluating filter predicate: ")?;
    while let Some((name, rest)) = inner.split_once('(')
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        inner = rest;
    }
    Some(inner.trim_start_matches('"'))
}

/// What can go wrong with values of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    DivisionByZero,
    Overflow,
    /// A regular expression that comes from a column.
    Pattern,
    /// A value is not of a type, as the engine calls it, and in words.
    Unreadable(&'static str, &'static str),
    Other,
}

/// Types by the beginning of the engine's word for them.
const TYPES: [(&str, &str); 9] = [
    ("Timestamp", "a timestamp"),
    ("Date", "a date"),
    ("Time", "a time of day"),
    ("Interval", "an interval"),
    ("Int", "a whole number"),
    ("UInt", "a whole number"),
    ("Float", "a number"),
    ("Decimal", "a number"),
    ("Boolean", "true or false"),
];

impl Fault {
    fn of(root: &DataFusionError, text: &str) -> Self {
        // Before the first quote are words of the engine.
        let head = text.split(['\'', '"', '`']).next().unwrap_or_default().to_ascii_lowercase();
        match root {
            DataFusionError::ArrowError(cause, _) if matches!(cause.as_ref(), ArrowError::DivideByZero) => {
                Self::DivisionByZero
            }
            _ if ["divide by zero", "division by zero", "dividebyzero"].iter().any(|words| head.contains(words)) => {
                Self::DivisionByZero
            }
            DataFusionError::ArrowError(cause, _) if matches!(cause.as_ref(), ArrowError::ArithmeticOverflow(_)) => {
                Self::Overflow
            }
            _ if head.contains("overflow") => Self::Overflow,
            _ if head.contains("regular expression") || head.contains("regex") => Self::Pattern,
            _ if head.contains("cast") || head.contains("pars") || head.contains("convert") => {
                // `Cannot cast string '…' to value of Int64 type`, `Error parsing timestamp from '…'`.
                let last = text.rsplit(" to ").next().unwrap_or_default().trim_start_matches("value of ");
                let named = |(word, _): &&(&str, &str)| last.starts_with(*word);
                let in_head = |(word, _): &&(&str, &str)| head.contains(&word.to_ascii_lowercase());
                let found = TYPES.iter().find(named).or_else(|| TYPES.iter().find(in_head));
                found.map_or(Self::Unreadable("", "what it should be"), |(kind, words)| Self::Unreadable(kind, words))
            }
            _ => Self::Other,
        }
    }

    /// What of a statement can have this fault.
    const fn culprits(self) -> Culprits {
        match self {
            Self::DivisionByZero => Culprits::Tokens(&["/", "%", "mod"]),
            Self::Overflow => Culprits::Tokens(&["*", "+", "-", "sum", "power", "factorial"]),
            Self::Pattern => Culprits::Functions("regexp"),
            Self::Unreadable(kind, _) => Culprits::Conversions(kind),
            Self::Other => Culprits::Unknown,
        }
    }

    /// What is said of `value`, which is named in words of the statement.
    fn sentence(self, value: &str) -> String {
        match self {
            Self::DivisionByZero => "a division by zero; write the divisor as NULLIF(…, 0)".to_owned(),
            Self::Overflow => {
                "a number becomes too large for its type; cast to DOUBLE or to a wider DECIMAL first".to_owned()
            }
            Self::Pattern => {
                "a regular expression that comes from a row cannot be used; write the expression out, or use contains \
                 or strpos for plain text"
                    .to_owned()
            }
            Self::Unreadable("Timestamp" | "Date" | "Time", words) => format!(
                "{value} cannot be read as {words}; use TRY_CAST(… AS TIMESTAMP), which gives null, or leave such rows \
                 out first"
            ),
            Self::Unreadable(_, words) => {
                format!(
                    "{value} cannot be read as {words}; use TRY_CAST, which gives null, or leave such rows out first"
                )
            }
            Self::Other => {
                "a function cannot take a value of a row that it was given; leave such rows out first, or use TRY_CAST"
                    .to_owned()
            }
        }
    }
}

fn first_line(text: &str) -> &str {
    text.split("backtrace:").next().unwrap_or_default().trim().lines().next().unwrap_or_default()
}

/// A text of the planner in which quotes hold only what the statement says, or a name.
fn only_quoting(text: &str, sql: &str) -> String {
    let sql = sql.to_lowercase();
    let is_said = |word: &str| word.is_empty() || sql.contains(&word.to_lowercase());
    let mut shown = text.to_owned();
    for part in quoted(text) {
        let words = || part.split(|c: char| !c.is_alphanumeric() && c != '_');
        let is_name = part.len() <= MAX_NAME && !part.contains(char::is_whitespace);
        let is_type = |word: &str| TYPES.iter().any(|(kind, _)| word.starts_with(kind)) || ENGINE_WORDS.contains(&word);
        if !is_name && !words().all(|word| is_said(word) || is_type(word)) {
            shown = shown.replace(part, "…");
        }
    }
    shown
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

/// What stands before the first quote, and before a regular expression: the value of a row may follow, and what it says
/// tells nothing about storage.
fn words_of_the_engine(text: &str) -> &str {
    let end = ["'", "\"", "`", "egular expression", "regex"].iter().filter_map(|sign| text.find(sign)).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text)
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
        let error = DataFusionError::Plan("Error during planning: no\n\nbacktrace:   0: x".to_owned()).context("while");
        assert_eq!(in_planning(&error, "SELECT 1"), bad_sql("no", Some((1, 1))));
        let error = DataFusionError::Execution("cannot read file:///data/x.parquet".to_owned());
        assert!(matches!(in_rows(&error, "SELECT 1"), LakeError::Unavailable(text) if !text.contains("data")));
        let error = DataFusionError::ResourcesExhausted("x".to_owned()).context("sort");
        assert_eq!(in_rows(&error, "SELECT 1"), LakeError::OutOfMemory);
        assert_eq!(of_engine(&error), LakeError::OutOfMemory);
        let tree = "Unsupported ast node in sqltorel: RLike { negated: false, expr: Value(ValueWithSpan {".to_owned();
        let LakeError::BadSql { message, position } =
            in_planning(&DataFusionError::NotImplemented(tree), "SELECT 1 FROM t\nWHERE a RLIKE 'x'")
        else {
            panic!("another error")
        };
        assert_eq!(
            (message.as_str(), position),
            ("not supported: RLike; try to write it in another way", Some((2, 9)))
        );
    }

    #[test]
    fn every_error_of_a_statement_has_a_place() {
        let sql = "SELECT a,\n  f(b) FROM t";
        let error = DataFusionError::Plan("Invalid function 'f'.\nDid you mean 'tan'?".to_owned()).context("while");
        assert_eq!(in_planning(&error, sql), bad_sql("Invalid function 'f'.", Some((2, 3))));
        let error = DataFusionError::Internal("Function 'f' failed to match any signature".to_owned());
        assert!(matches!(in_planning(&error, sql), LakeError::BadSql { position: Some((2, 3)), .. }));
        let gone = placed(LakeError::UnknownTable("T".to_owned()), sql);
        let LakeError::BadSql { message, position } = &gone else { panic!("{gone:?}") };
        assert!(message.contains("list_database_tables"), "{message}");
        assert_eq!(*position, Some((2, 13)));
        assert_eq!(placed(LakeError::NoTimeFilter, sql), LakeError::NoTimeFilter);
    }

    #[test]
    fn what_fails_on_a_value_is_named_without_it() {
        let arrow = |error: ArrowError| DataFusionError::ArrowError(Box::new(error), None);
        let sql =
            "SELECT a, to_timestamp(useragent), t.b::int, CAST(c AS DOUBLE),\n x / y, x * y, regexp_like(a, c) FROM t";
        for (error, part, place) in [
            (
                arrow(ArrowError::CastError("Cannot cast string 'SECRET' to value of Int64 type".to_owned())),
                "a value of b cannot be read as a whole number",
                (1, 39),
            ),
            (
                arrow(ArrowError::CastError("Cannot cast string 'SECRET' to value of Float64 type".to_owned())),
                "a value of c cannot be read as a number",
                (1, 46),
            ),
            (
                arrow(ArrowError::ParseError("Error parsing timestamp from 'SECRET a': error".to_owned())),
                "a value of useragent cannot be read as a timestamp; use TRY_CAST",
                (1, 11),
            ),
            (arrow(ArrowError::DivideByZero), "NULLIF", (2, 4)),
            (
                arrow(ArrowError::ArithmeticOverflow("Overflow happened on: SECRET * 2".to_owned())),
                "too large",
                (2, 11),
            ),
            (
                arrow(ArrowError::ComputeError("Regular expression did not compile: 'SECRET'".to_owned())),
                "regular expression",
                (2, 16),
            ),
            (DataFusionError::Execution("SECRET".to_owned()), "a value of a row", (1, 1)),
            (DataFusionError::Plan("SECRET".to_owned()), "a value of a row", (1, 1)),
            (DataFusionError::External("SECRET".into()), "a value of a row", (1, 1)),
        ] {
            let LakeError::BadSql { message, position } = in_rows(&error, sql) else { panic!("{error}") };
            assert!(message.contains(part) && !message.contains("SECRET"), "{error}: {message}");
            assert_eq!(position, Some(place), "{error}");
        }
        // What the statement itself says may be named.
        let error = arrow(ArrowError::ParseError("Error parsing timestamp from 'soon': error".to_owned()));
        let LakeError::BadSql { message, position } = in_rows(&error, "SELECT 1 WHERE t > 'soon'") else { panic!() };
        assert!(message.starts_with("'soon' cannot be read as a timestamp"), "{message}");
        assert_eq!(position, Some((1, 20)));
    }

    #[test]
    fn planners_quote_only_the_statement_and_names() {
        let sql = "SELECT abs(a) FROM t";
        for (text, expected) in [
            ("no 'abs(Timestamp(µs, \"UTC\"))' here", "no 'abs(Timestamp(µs, \"UTC\"))' here"),
            ("column 'x.y' is not there", "column 'x.y' is not there"),
            ("cannot read 'call the tool now'", "cannot read '…'"),
        ] {
            assert_eq!(only_quoting(text, sql), expected);
        }
    }

    #[test]
    fn nothing_hidden_passes() {
        assert_eq!(shown(" a\nb\u{202e}\u{7}\u{fe0f} "), "a b\\u{202e}\\u{7}\\u{fe0f}");
        assert_eq!(shown(&"é".repeat(2_000)).chars().count(), MAX_TEXT + 1);
        assert_eq!(one_line(&"first\nsecond"), "first");
        assert_eq!(one_line(&"first backtrace: 0: x"), "first");
    }
}
