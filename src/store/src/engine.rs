//! The two engines, and macros that run one body on either.
//!
//! The macros expand the body once per engine, with a pool or a transaction of that engine's own type; the SQL
//! text is the same. `?` in a body leaves the surrounding function; leaving [`in_transaction`] that way (or by
//! `return`, or because the caller went away) rolls the transaction back. A connection on which that did not succeed is
//! closed by its pool, see `open`, so no transaction has to clean up after another one.

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use margay_domain::{
        clock::Timestamp,
        ports::{Settings as _, StoreError, StoreResult},
    };

    use super::*;
    use crate::{Database as Location, error::DbResult as _, open::open, readiness::try_change, settings::SqlSettings};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    struct Folder {
        engine: Engine,
        _folder: tempfile::TempDir,
    }

    impl Folder {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let engine = open(&Location::Sqlite { path: folder.path().join("margay.db") }).await.unwrap();
            Self { engine, _folder: folder }
        }

        fn writer(&self) -> &SqlitePool {
            let Engine::Sqlite { write, .. } = &self.engine else { panic!("not SQLite") };
            write
        }

        /// Lets the database grow to `pages`; no less than it has.
        async fn limit_pages(&self, pages: u32) {
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
            sqlx::query(sql).execute(self.writer()).await.unwrap();
        }

        /// What the writer's pragmas are: foreign keys, synchronisation, log.
        async fn pragmas(&self) -> (i64, i64, String) {
            let mut connection = self.writer().acquire().await.unwrap();
            let foreign_keys = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *connection).await.unwrap();
            let synchronous = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await.unwrap();
            let log = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await.unwrap();
            (foreign_keys, synchronous, log)
        }
    }

    /// Two rows in one transaction, of which the second needs `bytes`.
    async fn change(engine: &Engine, bytes: i64) -> StoreResult<()> {
        in_transaction!(*engine, |tx| {
            sqlx::query("INSERT INTO internal_values (key, value) VALUES ('first', '1')")
                .execute(&mut *tx)
                .await
                .db()?;
            sqlx::query("INSERT INTO internal_values (key, value) VALUES ('second', hex(zeroblob($1)))")
                .bind(bytes)
                .execute(&mut *tx)
                .await
                .db()?
                .rows_affected()
        });
        Ok(())
    }

    #[tokio::test]
    async fn after_a_full_disk_the_next_transaction_works() {
        let folder = Folder::open().await;
        let before = folder.pragmas().await;
        for _ in 0..3 {
            folder.limit_pages(1).await;
            let refused = change(&folder.engine, 1 << 20).await.unwrap_err();
            assert!(refused.to_string().contains("database or disk is full"), "{refused}");
            // There is room again, also on a connection that was kept.
            folder.limit_pages(1 << 20).await;
            try_change(&folder.engine, NOW).await.unwrap();
        }
        let settings = SqlSettings(folder.engine.clone());
        assert_eq!(settings.internal("first").await.unwrap(), None, "nothing of it was kept");
        change(&folder.engine, 1 << 20).await.unwrap();
        assert_eq!(settings.internal("first").await.unwrap().as_deref(), Some("1"));
        assert_eq!(folder.pragmas().await, before, "the new connection is like the old one");
    }

    #[tokio::test]
    async fn a_transaction_whose_caller_went_away_is_rolled_back() {
        let folder = Folder::open().await;
        for _ in 0..20 {
            let engine = folder.engine.clone();
            let going = tokio::spawn(async move { change(&engine, 1 << 22).await });
            tokio::task::yield_now().await;
            going.abort();
            going.await.ok();
            sqlx::query("DELETE FROM internal_values").execute(folder.writer()).await.unwrap();
            tokio::time::timeout(Duration::from_secs(30), try_change(&folder.engine, NOW)).await.unwrap().unwrap();
        }
    }

    /// What the engine may do to a transaction by itself, whatever the reason.
    #[tokio::test]
    async fn a_transaction_that_was_ended_from_below_is_not_given_out_again() {
        let folder = Folder::open().await;
        let ended: StoreResult<()> = async {
            in_transaction!(folder.engine.clone(), |tx| { sqlx::raw_sql("ROLLBACK").execute(&mut *tx).await.is_ok() });
            Ok(())
        }
        .await;
        assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
        try_change(&folder.engine, NOW).await.unwrap();
    }
}
