//! How errors of the databases become [`StoreError`]s, in one place.

use std::borrow::Cow;

use margay_domain::ports::{StoreError, StoreResult};
use sqlx::error::ErrorKind;

/// Turns results of sqlx into results of a port.
pub(crate) trait DbResult<T> {
    /// For statements that break no rule of the tables.
    fn db(self) -> StoreResult<T>;

    /// For statements that may repeat something unique (`unique`) or refer to something missing (`parent`).
    fn naming(self, unique: &'static str, parent: &'static str) -> StoreResult<T>;
}

impl<T> DbResult<T> for Result<T, sqlx::Error> {
    fn db(self) -> StoreResult<T> {
        self.map_err(|error| unavailable(&error))
    }

    fn naming(self, unique: &'static str, parent: &'static str) -> StoreResult<T> {
        self.map_err(|error| match kind(&error) {
            Some(ErrorKind::UniqueViolation) => StoreError::Conflict(unique),
            Some(ErrorKind::ForeignKeyViolation) => StoreError::NotFound(parent),
            _ => unavailable(&error),
        })
    }
}

/// Whether `error` says that something unique is there already.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(kind(error), Some(ErrorKind::UniqueViolation))
}

/// Whether `error` is about the values of a statement, so that other values may succeed.
/// Everything else (connection lost, disk full, database locked) would fail for them too.
pub(crate) fn is_about_values(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => true,
        sqlx::Error::Database(database) => match database.kind() {
            // PostgreSQL has five characters: 22 is "data exception", 54 "program limit exceeded".
            // SQLite has a number: 18 is "too big", 20 "type mismatch".
            ErrorKind::Other => match code(error) {
                Some(code) if code.len() == 5 => code.starts_with("22") || code.starts_with("54"),
                _ => matches!(sqlite_code(error), Some(18 | 20)),
            },
            _ => true,
        },
        _ => false,
    }
}

/// The code of an error that the database itself reported.
pub(crate) fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// The primary result code of SQLite, which is the low byte of the extended code.
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    primary(&code(error)?)
}

fn primary(extended: &str) -> Option<u32> {
    extended.parse::<u32>().ok().map(|code| code & 0xff)
}

/// An error as a port reports it. sqlx names statements and columns in its texts, never bound values.
pub(crate) fn unavailable(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn kind(error: &sqlx::Error) -> Option<ErrorKind> {
    Some(error.as_database_error()?.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_about_values_are_worth_another_try() {
        assert!(!is_about_values(&sqlx::Error::PoolTimedOut));
        assert!(!is_about_values(&sqlx::Error::WorkerCrashed));
        assert!(is_about_values(&sqlx::Error::Encode("too long".into())));
    }

    #[test]
    fn extended_codes_of_sqlite_lose_their_detail() {
        assert_eq!(primary("517"), Some(5));
        assert_eq!(primary("2067"), Some(19));
        assert_eq!(primary("42P01"), None);
    }
}
