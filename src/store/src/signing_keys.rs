//! The port `SigningKeys`.

use async_trait::async_trait;
use margay_domain::{
    clock::Timestamp,
    ports::{SigningKeys, StoreError, StoreResult, StoredSigningKey},
};

use crate::{
    codec::{text, timestamp},
    engine::{Engine, in_transaction, on_read, on_write},
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

    async fn rotate(&self, key: &StoredSigningKey, from: Timestamp) -> StoreResult<()> {
        // Of two rotations at once the second finds the first one's key and retires it; none is lost.
        const RETIRE: &str = "UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL";
        const ADD: &str =
            "INSERT INTO signing_keys (id, private_der, created_at, retired_at) VALUES ($1, $2, $3, NULL)";
        in_transaction!(self.0, |tx| {
            sqlx::query(RETIRE).bind(from.as_micros()).execute(&mut *tx).await.db()?;
            sqlx::query(ADD)
                .bind(text(&key.id))
                .bind(key.private_der.as_slice())
                .bind(key.created_at.as_micros())
                .execute(&mut *tx)
                .await
                .naming("a current signing key", "signing key")?;
        });
        Ok(())
    }

    async fn reseal(&self, id: &str, before: &[u8], after: &[u8]) -> StoreResult<bool> {
        const SQL: &str = "UPDATE signing_keys SET private_der = $3 WHERE id = $1 AND private_der = $2";
        let changed = on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(text(id)).bind(before).bind(after).execute(pool).await.db()?.rows_affected()
        });
        Ok(changed == 1)
    }

    async fn collect(&self, before: Timestamp) -> StoreResult<u64> {
        const SQL: &str = "DELETE FROM signing_keys WHERE retired_at < $1";
        Ok(on_write!(self.0, |pool| {
            sqlx::query(SQL).bind(before.as_micros()).execute(pool).await.db()?.rows_affected()
        }))
    }
}
