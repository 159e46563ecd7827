//! The port `SigningKeys`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    ports::{SigningKeys, StoreError, StoreResult, StoredSigningKey},
};

use crate::{
    codec::{text, timestamp},
    engine::{Engine, on_read, on_write},
    error::DbResult as _,
};

#[derive(sqlx::FromRow)]
struct SigningKeyRow {
    id: String,
    private_der: Vec<u8>,
    created_at: i64,
    retired_at: Option<i64>,
}

impl SigningKeyRow {
    fn into_key(self) -> StoredSigningKey {
        StoredSigningKey {
            id: self.id,
            private_der: self.private_der,
            created_at: Timestamp::from_micros(self.created_at),
            retired_at: timestamp(self.retired_at),
        }
    }
}

/// Signing keys in the database.
#[derive(Clone, Debug)]
pub(crate) struct SqlSigningKeys(pub(crate) Engine);

#[async_trait]
impl SigningKeys for SqlSigningKeys {
    async fn list(&self) -> StoreResult<Vec<StoredSigningKey>> {
        const SQL: &str =
            "SELECT id, private_der, created_at, retired_at FROM signing_keys ORDER BY created_at DESC, id DESC";
        let rows = on_read!(self.0, |pool| sqlx::query_as::<_, SigningKeyRow>(SQL).fetch_all(pool).await.db()?);
        Ok(rows.into_iter().map(SigningKeyRow::into_key).collect())
    }

    async fn ensure_current(&self, key: &StoredSigningKey) -> StoreResult<StoredSigningKey> {
        // The unique index signing_keys_current lets one of several nodes through; the others take its key.
        const ADD: &str = "INSERT INTO signing_keys (id, private_der, created_at, retired_at) \
             VALUES ($1, $2, $3, NULL) ON CONFLICT DO NOTHING";
        const CURRENT: &str =
            "SELECT id, private_der, created_at, retired_at FROM signing_keys WHERE retired_at IS NULL";
        on_write!(self.0, |pool| {
            sqlx::query(ADD)
                .bind(text(&key.id))
                .bind(key.private_der.as_slice())
                .bind(key.created_at.as_micros())
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        let row =
            on_read!(self.0, |pool| { sqlx::query_as::<_, SigningKeyRow>(CURRENT).fetch_optional(pool).await.db()? });
        // Nothing was added and nothing is current: the id belongs to a retired key.
        row.map(SigningKeyRow::into_key).ok_or(StoreError::Conflict("a retired signing key with this id"))
    }
}
