//! The two engines, and macros that run one body on either.
//!
//! The macros expand the body once per engine, with a pool or a transaction of that engine's own type; the SQL
//! text is the same. `?` in a body leaves the surrounding function; leaving [`in_transaction`] that way (or by
//! `return`) rolls the transaction back.

use sqlx::{Database, Pool, QueryBuilder, Transaction, postgres::PgPool, sqlite::SqlitePool};

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// SQLite: many readers, one writer. In memory both are the same pool of one connection.
    Sqlite {
        /// For statements that only read.
        read: SqlitePool,
        /// Exactly one connection, so that writers queue here instead of failing with "database is locked".
        write: SqlitePool,
    },
    /// PostgreSQL.
    Postgres(PgPool),
}

impl Engine {
    /// What to run first in a transaction that must see every other user of this table wait.
    /// SQLite needs nothing: its transactions begin IMMEDIATE, one at a time.
    pub(crate) const fn lock_users(&self) -> Option<&'static str> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres(_) => Some("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"),
        }
    }
}

/// Runs a body that only reads.
macro_rules! on_read {
    ($engine:expr, |$pool:ident| $body:expr) => {
        match &$engine {
            $crate::engine::Engine::Sqlite { read: $pool, .. } => $body,
            $crate::engine::Engine::Postgres($pool) => $body,
        }
    };
}

/// Runs a body with one statement that writes.
macro_rules! on_write {
    ($engine:expr, |$pool:ident| $body:expr) => {
        match &$engine {
            $crate::engine::Engine::Sqlite { write: $pool, .. } => $body,
            $crate::engine::Engine::Postgres($pool) => $body,
        }
    };
}

/// Runs a body in a transaction and commits it.
macro_rules! in_transaction {
    ($engine:expr, |$tx:ident| $body:expr) => {
        match &$engine {
            $crate::engine::Engine::Sqlite { write, .. } => {
                // IMMEDIATE takes the write lock now, so that nothing read here can be stale when it writes.
                let mut $tx = $crate::error::DbResult::db(write.begin_with("BEGIN IMMEDIATE").await)?;
                let value = $body;
                $crate::error::DbResult::db($tx.commit().await)?;
                value
            }
            $crate::engine::Engine::Postgres(pool) => {
                let mut $tx = $crate::error::DbResult::db(pool.begin().await)?;
                let value = $body;
                $crate::error::DbResult::db($tx.commit().await)?;
                value
            }
        }
    };
}

pub(crate) use in_transaction;
pub(crate) use on_read;
pub(crate) use on_write;

/// A builder of SQL for the engine of `pool`.
pub(crate) fn builder<DB: Database>(_pool: &Pool<DB>, sql: &str) -> QueryBuilder<DB> {
    QueryBuilder::new(sql)
}

/// A builder of SQL for the engine of `transaction`.
pub(crate) fn builder_in<DB: Database>(_transaction: &Transaction<'_, DB>, sql: &str) -> QueryBuilder<DB> {
    QueryBuilder::new(sql)
}
