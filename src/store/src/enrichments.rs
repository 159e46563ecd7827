//! The port `Enrichments`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    enrichment::{Enrichment, EnrichmentRow, MatchKind},
    id::EnrichmentId,
    ports::{Enrichments, StoreResult},
};
use serde_json::Value;

use crate::{
    codec::{from_json, readable, text, to_json, word},
    engine::{Engine, builder, builder_in, in_transaction, on_read},
    error::DbResult as _,
};

/// Rows per statement: four values each, far below what either engine binds at once (32766 and 65535).
const ROWS_PER_STATEMENT: usize = 500;
/// Keys per statement.
const KEYS_PER_STATEMENT: usize = 1000;

macro_rules! enrichment_columns {
    () => {
        "id, name, description, primary_key, match_kind, columns, log_types, enabled, row_count, created_at, updated_at"
    };
}

#[derive(sqlx::FromRow)]
struct TableRow {
    id: String,
    name: String,
    description: String,
    primary_key: String,
    match_kind: String,
    columns: String,
    log_types: String,
    enabled: bool,
    row_count: i64,
    created_at: i64,
    updated_at: i64,
}

impl TableRow {
    fn into_enrichment(self) -> StoreResult<Enrichment> {
        Ok(Enrichment {
            match_kind: word("match kind of an enrichment", &self.match_kind, MatchKind::parse)?,
            columns: from_json("columns of an enrichment", &self.columns)?,
            log_types: from_json("log types of an enrichment", &self.log_types)?,
            id: EnrichmentId::new(self.id),
            name: self.name,
            description: self.description,
            primary_key: self.primary_key,
            enabled: self.enabled,
            row_count: self.row_count,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct DataRow {
    key: String,
    data: String,
}

impl DataRow {
    fn into_row(self) -> StoreResult<EnrichmentRow> {
        Ok(EnrichmentRow { row: from_json("a row of an enrichment", &self.data)?, key: self.key })
    }
}

/// A row about to be written.
struct NewRow {
    position: i64,
    key: String,
    data: String,
}

/// Enrichments in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlEnrichments(pub(crate) Engine);

#[async_trait]
impl Enrichments for SqlEnrichments {
    async fn put(&self, enrichment: &Enrichment, rows: &[EnrichmentRow]) -> StoreResult<()> {
        // A table that is there already keeps its id and its birthday, so that both stay true for who knows them.
        const TABLE: &str = "INSERT INTO enrichments (id, name, name_folded, description, primary_key, match_kind, \
             columns, log_types, enabled, row_count, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (name_folded) DO UPDATE SET name = excluded.name, description = excluded.description, \
             primary_key = excluded.primary_key, match_kind = excluded.match_kind, columns = excluded.columns, \
             log_types = excluded.log_types, enabled = excluded.enabled, row_count = excluded.row_count, \
             updated_at = excluded.updated_at";
        const ID: &str = "SELECT id FROM enrichments WHERE name_folded = $1";
        const CLEAR: &str = "DELETE FROM enrichment_rows WHERE enrichment_id = $1";
        let name = folded(&enrichment.name);
        let rows = new_rows(rows)?;
        in_transaction!(self.0, |tx| {
            sqlx::query(TABLE)
                .bind(text(enrichment.id.as_str()))
                .bind(text(&enrichment.name))
                .bind(name.as_str())
                .bind(text(&enrichment.description))
                .bind(text(&enrichment.primary_key))
                .bind(enrichment.match_kind.as_str())
                .bind(to_json(&enrichment.columns)?)
                .bind(to_json(&enrichment.log_types)?)
                .bind(enrichment.enabled)
                .bind(i64::try_from(rows.len()).unwrap_or(i64::MAX))
                .bind(enrichment.created_at.as_micros())
                .bind(enrichment.updated_at.as_micros())
                .execute(&mut *tx)
                .await
                .naming("an enrichment with this id", "enrichment")?;
            let id = sqlx::query_scalar::<_, String>(ID).bind(name.as_str()).fetch_one(&mut *tx).await.db()?;
            sqlx::query(CLEAR).bind(id.as_str()).execute(&mut *tx).await.db()?;
            for chunk in rows.chunks(ROWS_PER_STATEMENT) {
                let mut sql = builder_in(&tx, "INSERT INTO enrichment_rows (enrichment_id, position, key, data) ");
                sql.push_values(chunk, |mut tuple, row| {
                    tuple.push_bind(id.as_str());
                    tuple.push_bind(row.position);
                    tuple.push_bind(row.key.as_str());
                    tuple.push_bind(row.data.as_str());
                });
                sql.build().persistent(false).execute(&mut *tx).await.db()?;
            }
        });
        Ok(())
    }

    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Enrichment>> {
        const SQL: &str = concat!("SELECT ", enrichment_columns!(), " FROM enrichments WHERE name_folded = $1");
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, TableRow>(SQL).bind(folded(name)).fetch_optional(pool).await.db()?
        });
        row.map(TableRow::into_enrichment).transpose()
    }

    async fn list(&self) -> StoreResult<Vec<Enrichment>> {
        const SQL: &str = concat!("SELECT ", enrichment_columns!(), " FROM enrichments ORDER BY name_folded");
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, TableRow>(SQL).fetch_all(pool).await.db()?);
        rows.into_iter().map(TableRow::into_enrichment).collect()
    }

    async fn rows_by_key(&self, id: &EnrichmentId, keys: &[String]) -> StoreResult<Vec<EnrichmentRow>> {
        let id = text(id.as_str());
        // Sorted and once each, so that the answer is in the order of the keys whatever the chunks.
        let keys: Vec<String> = keys.iter().map(|key| text(key)).collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = Vec::new();
        for chunk in keys.chunks(KEYS_PER_STATEMENT) {
            let rows = on_read!(self.0, |pool| {
                let mut sql = builder(pool, "SELECT key, data FROM enrichment_rows WHERE enrichment_id = ");
                sql.push_bind(id.as_str()).push(" AND key IN (");
                let mut list = sql.separated(", ");
                for key in chunk {
                    list.push_bind(key.as_str());
                }
                sql.push(") ORDER BY key, position");
                sql.build_query_as::<DataRow>().persistent(false).fetch_all(pool).await.db()?
            });
            for row in rows {
                found.push(row.into_row()?);
            }
        }
        Ok(found)
    }

    async fn rows(&self, id: &EnrichmentId) -> StoreResult<Vec<EnrichmentRow>> {
        const SQL: &str = "SELECT key, data FROM enrichment_rows WHERE enrichment_id = $1 ORDER BY key, position";
        let rows = on_read!(self.0, |pool| {
            sqlx::query_as::<_, DataRow>(SQL).bind(text(id.as_str())).fetch_all(pool).await.db()?
        });
        rows.into_iter().map(DataRow::into_row).collect()
    }
}

/// Names are unique and found ignoring case.
fn folded(name: &str) -> String {
    text(&name.to_lowercase())
}

fn new_rows(rows: &[EnrichmentRow]) -> StoreResult<Vec<NewRow>> {
    let mut new = Vec::with_capacity(rows.len());
    for (position, row) in (0_i64..).zip(rows) {
        let fields =
            Value::Object(row.row.iter().map(|(name, value)| (name.clone(), readable(value).into_owned())).collect());
        new.push(NewRow { position, key: text(&row.key), data: to_json(&fields)? });
    }
    Ok(new)
}
