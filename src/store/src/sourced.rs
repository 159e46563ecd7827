//! Rows of what has a source text: detections, global helpers and data models. Their tables have the same columns: the
//! summary is what lists show, and the source, which they leave out, stands beside it.

use std::mem;

use margay_domain::{clock::Timestamp, ports::StoreResult};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    codec::{from_json, readable, text, to_json},
    engine::{Engine, in_transaction, on_read},
    error::DbResult as _,
};

/// Something with a source text.
pub(crate) trait Sourced: Clone + Serialize + DeserializeOwned + Send + Sync {
    /// What one is called in the log.
    const WHAT: &'static str;
    /// The statements of its table.
    const SQL: Statements;

    /// By what it is found.
    fn id(&self) -> &str;

    /// What has columns of its own.
    fn parts(&mut self) -> Parts<'_>;
}

/// The parts of something that are not read from its summary.
pub(crate) struct Parts<'a> {
    pub(crate) body: &'a mut String,
    /// `None` if it can have none.
    pub(crate) tests: Option<&'a mut Vec<Value>>,
    pub(crate) created_at: &'a mut Timestamp,
    pub(crate) last_modified: &'a mut Timestamp,
}

/// The statements of a table, as `statements!` makes them.
pub(crate) struct Statements {
    pub(crate) put: &'static str,
    pub(crate) get: &'static str,
    pub(crate) list: &'static str,
}

macro_rules! statements {
    ($table:literal) => {
        $crate::sourced::Statements {
            // `created_at` is that of the first time.
            put: concat!(
                "INSERT INTO ",
                $table,
                " (id, summary, source, created_at, last_modified) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET summary = excluded.summary, source = excluded.source, \
                 last_modified = excluded.last_modified"
            ),
            get: concat!("SELECT summary, source, created_at, last_modified FROM ", $table, " WHERE id = $1"),
            list: concat!("SELECT summary, created_at, last_modified FROM ", $table, " ORDER BY id"),
        }
    };
}

pub(crate) use statements;

/// What lists leave out.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Source {
    body: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tests: Vec<Value>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct SummaryRow {
    summary: String,
    created_at: i64,
    last_modified: i64,
}

impl SummaryRow {
    /// With this source; lists have none.
    pub(crate) fn complete<T: Sourced>(self, source: Source) -> StoreResult<T> {
        let mut item: T = from_json(T::WHAT, &self.summary)?;
        let parts = item.parts();
        *parts.body = source.body;
        if let Some(tests) = parts.tests {
            *tests = source.tests;
        }
        // The summary has the time at which it was put, also if there was one before.
        *parts.created_at = Timestamp::from_micros(self.created_at);
        *parts.last_modified = Timestamp::from_micros(self.last_modified);
        Ok(item)
    }
}

#[derive(sqlx::FromRow)]
struct FullRow {
    #[sqlx(flatten)]
    summary: SummaryRow,
    source: String,
}

/// A row about to be written.
struct NewRow {
    id: String,
    summary: String,
    source: String,
    created_at: i64,
    last_modified: i64,
}

impl NewRow {
    fn new<T: Sourced>(item: &T) -> StoreResult<Self> {
        let mut summary = item.clone();
        let parts = summary.parts();
        let tests = parts.tests.map(mem::take).unwrap_or_default();
        let source = Source {
            body: mem::take(parts.body),
            tests: tests.iter().map(|test| readable(test).into_owned()).collect(),
        };
        let (created_at, last_modified) = (parts.created_at.as_micros(), parts.last_modified.as_micros());
        Ok(Self {
            id: text(item.id()),
            summary: to_json(&summary)?,
            source: to_json(&source)?,
            created_at,
            last_modified,
        })
    }
}

/// Adds, or replaces those with the same id; `created_at` of one that is there stays.
pub(crate) async fn put<T: Sourced>(engine: &Engine, items: &[T]) -> StoreResult<()> {
    let mut rows = items.iter().map(NewRow::new).collect::<StoreResult<Vec<_>>>()?;
    // All who put several lock their rows in this order, so that none waits for another in a circle. The order of equal
    // ids stays, so that the last of them stands.
    rows.sort_by(|left, right| left.id.cmp(&right.id));
    in_transaction!(engine, |tx| {
        for row in &rows {
            sqlx::query(T::SQL.put)
                .bind(row.id.as_str())
                .bind(row.summary.as_str())
                .bind(row.source.as_str())
                .bind(row.created_at)
                .bind(row.last_modified)
                .execute(&mut *tx)
                .await
                .db()?;
        }
    });
    Ok(())
}

/// By id, with its source.
pub(crate) async fn get<T: Sourced>(engine: &Engine, id: &str) -> StoreResult<Option<T>> {
    let row = on_read!(engine, |pool| {
        sqlx::query_as::<_, FullRow>(T::SQL.get).bind(text(id)).fetch_optional(pool).await.db()?
    });
    let Some(row) = row else { return Ok(None) };
    let source = from_json(T::WHAT, &row.source)?;
    row.summary.complete(source).map(Some)
}

/// All, by id, without their sources.
pub(crate) async fn list<T: Sourced>(engine: &Engine) -> StoreResult<Vec<T>> {
    let rows = on_read!(engine, |pool| sqlx::query_as::<_, SummaryRow>(T::SQL.list).fetch_all(pool).await.db()?);
    rows.into_iter().map(|row| row.complete(Source::default())).collect()
}
