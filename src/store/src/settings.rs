//! The port `Settings`.

use async_trait::async_trait;
use margay_domain::{
    ports::{Settings, StoreError, StoreResult},
    settings::RemoteMcpSettings,
};

use crate::{
    codec::{from_json, micros, optional_text, text, timestamp, to_json},
    engine::{Engine, on_read, on_write},
    error::DbResult as _,
};

#[derive(sqlx::FromRow)]
struct RemoteMcpRow {
    allowlist: String,
    revision: i64,
    updated_at: Option<i64>,
    updated_by: Option<String>,
}

/// Settings in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlSettings(pub(crate) Engine);

#[async_trait]
impl Settings for SqlSettings {
    async fn remote_mcp(&self) -> StoreResult<RemoteMcpSettings> {
        const SQL: &str = "SELECT allowlist, revision, updated_at, updated_by FROM remote_mcp_settings WHERE id = 1";
        let row = on_read!(self.0, |pool| { sqlx::query_as::<_, RemoteMcpRow>(SQL).fetch_optional(pool).await.db()? });
        let Some(row) = row else { return Ok(RemoteMcpSettings::default()) };
        Ok(RemoteMcpSettings {
            allowlist: from_json("redirect allowlist", &row.allowlist)?,
            revision: row.revision,
            updated_at: timestamp(row.updated_at),
            updated_by: row.updated_by,
        })
    }

    async fn save_remote_mcp(&self, settings: &RemoteMcpSettings) -> StoreResult<i64> {
        // Each changes the row only if the revision is still the one that was edited; revision 0 is "no row yet".
        const FIRST: &str = "INSERT INTO remote_mcp_settings (id, allowlist, revision, updated_at, updated_by) \
             VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
        const NEXT: &str = "UPDATE remote_mcp_settings SET allowlist = $1, revision = $2, updated_at = $3, \
             updated_by = $4 WHERE id = 1 AND revision = $2 - 1";
        let sql = if settings.revision == 0 { FIRST } else { NEXT };
        let revision = settings.revision.saturating_add(1);
        let saved = on_write!(self.0, |pool| {
            sqlx::query(sql)
                .bind(to_json(&settings.allowlist)?)
                .bind(revision)
                .bind(micros(settings.updated_at))
                .bind(optional_text(settings.updated_by.as_deref()))
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        if saved == 1 { Ok(revision) } else { Err(StoreError::Stale("the Remote MCP configuration")) }
    }

    async fn internal(&self, key: &str) -> StoreResult<Option<String>> {
        const SQL: &str = "SELECT value FROM internal_values WHERE key = $1";
        Ok(on_read!(self.0, |pool| {
            sqlx::query_scalar::<_, String>(SQL).bind(text(key)).fetch_optional(pool).await.db()?
        }))
    }

    async fn ensure_internal(&self, key: &str, value: &str) -> StoreResult<String> {
        const ADD: &str = "INSERT INTO internal_values (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        on_write!(self.0, |pool| {
            sqlx::query(ADD).bind(text(key)).bind(text(value)).execute(pool).await.db()?.rows_affected()
        });
        self.internal(key).await?.ok_or(StoreError::NotFound("internal value"))
    }

    async fn set_internal(&self, key: &str, value: &str) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO internal_values (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(text(key)).bind(text(value)).execute(pool).await.db()?.rows_affected()
        });
        Ok(())
    }

    async fn take_internal(&self, key: &str, expected: &str) -> StoreResult<bool> {
        // Single use: of several at once exactly one removes the row.
        const SQL: &str = "DELETE FROM internal_values WHERE key = $1 AND value = $2";
        let taken = on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(text(key)).bind(text(expected)).execute(pool).await.db()?.rows_affected()
        });
        Ok(taken == 1)
    }
}
