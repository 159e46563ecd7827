//! The port `LogSchemas`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    log_schema::LogSchema,
    ports::{LogSchemas, StoreResult},
};

use crate::{
    codec::text,
    engine::{Engine, on_read, on_write},
    error::DbResult as _,
};

#[derive(sqlx::FromRow)]
struct LogSchemaRow {
    name: String,
    description: String,
    spec: String,
    revision: i64,
    is_managed: bool,
    is_archived: bool,
    reference_url: String,
    created_at: i64,
    updated_at: i64,
}

impl LogSchemaRow {
    fn into_log_schema(self) -> LogSchema {
        LogSchema {
            name: self.name,
            description: self.description,
            spec: self.spec,
            revision: self.revision,
            is_managed: self.is_managed,
            is_archived: self.is_archived,
            reference_url: self.reference_url,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        }
    }
}

/// Log schemas in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlLogSchemas(pub(crate) Engine);

#[async_trait]
impl LogSchemas for SqlLogSchemas {
    async fn put(&self, schema: &LogSchema) -> StoreResult<()> {
        // Writes only what differs, so that `updated_at` means something; `created_at` is that of the first time.
        const SQL: &str = "INSERT INTO log_schemas (name, description, spec, revision, is_managed, is_archived, \
             reference_url, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (name) DO UPDATE SET description = excluded.description, spec = excluded.spec, \
             revision = log_schemas.revision + CASE WHEN log_schemas.spec <> excluded.spec THEN 1 ELSE 0 END, \
             is_managed = excluded.is_managed, is_archived = excluded.is_archived, \
             reference_url = excluded.reference_url, updated_at = excluded.updated_at \
             WHERE log_schemas.description <> excluded.description OR log_schemas.spec <> excluded.spec \
             OR log_schemas.is_managed <> excluded.is_managed OR log_schemas.is_archived <> excluded.is_archived \
             OR log_schemas.reference_url <> excluded.reference_url";
        on_write!(self.0, |pool| {
            sqlx::query(SQL)
                .bind(text(&schema.name))
                .bind(text(&schema.description))
                .bind(text(&schema.spec))
                .bind(schema.revision)
                .bind(schema.is_managed)
                .bind(schema.is_archived)
                .bind(text(&schema.reference_url))
                .bind(schema.created_at.as_micros())
                .bind(schema.updated_at.as_micros())
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        Ok(())
    }

    async fn get(&self, name: &str) -> StoreResult<Option<LogSchema>> {
        const SQL: &str = "SELECT name, description, spec, revision, is_managed, is_archived, reference_url, \
             created_at, updated_at FROM log_schemas WHERE name = $1";
        let row = on_read!(self.0, |pool| {
            sqlx::query_as::<_, LogSchemaRow>(SQL).bind(text(name)).fetch_optional(pool).await.db()?
        });
        Ok(row.map(LogSchemaRow::into_log_schema))
    }

    async fn list(&self) -> StoreResult<Vec<LogSchema>> {
        const SQL: &str = "SELECT name, description, spec, revision, is_managed, is_archived, reference_url, \
             created_at, updated_at FROM log_schemas ORDER BY name";
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, LogSchemaRow>(SQL).fetch_all(pool).await.db()?);
        Ok(rows.into_iter().map(LogSchemaRow::into_log_schema).collect())
    }
}
