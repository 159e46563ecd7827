//! Browser sessions, for `tower-sessions`.
//!
//! The session id signs a person in, so only its SHA-256 is stored (promise 7).

use std::sync::Arc;

use async_trait::async_trait;
use margay_domain::{
    clock::{Clock, SystemClock, Timestamp},
    ports::{StoreError, StoreResult},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store,
};

use crate::{
    codec::{from_json, optional_text, to_json},
    engine::{Engine, on_read, on_write},
    error::DbResult as _,
};

/// The key of a session's data that holds the id of the person who signed in.
const USER_ID: &str = "user_id";

/// How often to draw a new id when one is taken. A second time never happens with 128 random bits.
const MAX_DRAWS: usize = 4;

/// Browser sessions in the database.
///
/// `save` changes existing sessions only: a session that was ended meanwhile (sign-out, new password, disabled
/// person) stays ended, even if a request that began before still holds its data.
#[derive(Clone, Debug)]
pub struct SqlSessionStore {
    engine: Engine,
    clock: Arc<dyn Clock>,
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    data: String,
    expires_at: i64,
}

impl SqlSessionStore {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, clock: Arc::new(SystemClock) }
    }

    /// The same store with another clock; it decides which sessions have expired.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Removes the sessions that expired at or before `now`; how many.
    pub async fn collect_expired(&self, now: Timestamp) -> StoreResult<u64> {
        const SQL: &str = "DELETE FROM sessions WHERE expires_at <= $1";
        Ok(on_write!(self.engine, |pool| {
            sqlx::query(SQL).bind(now.as_micros()).execute(pool).await.db()?.rows_affected()
        }))
    }

    async fn insert(&self, record: &Record) -> StoreResult<bool> {
        const SQL: &str = "INSERT INTO sessions (id_hash, user_id, data, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id_hash) DO NOTHING";
        let added = on_write!(self.engine, |pool| {
            sqlx::query(SQL)
                .bind(id_hash(&record.id))
                .bind(user_id(record))
                .bind(to_json(&record.data)?)
                .bind(expiry(record))
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        Ok(added == 1)
    }

    async fn update(&self, record: &Record) -> StoreResult<()> {
        const SQL: &str = "UPDATE sessions SET user_id = $2, data = $3, expires_at = $4 WHERE id_hash = $1";
        on_write!(self.engine, |pool| {
            sqlx::query(SQL)
                .bind(id_hash(&record.id))
                .bind(user_id(record))
                .bind(to_json(&record.data)?)
                .bind(expiry(record))
                .execute(pool)
                .await
                .db()?
                .rows_affected()
        });
        Ok(())
    }

    async fn find(&self, id: &Id) -> StoreResult<Option<Record>> {
        const SQL: &str = "SELECT data, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2";
        let now = self.clock.now().as_micros();
        let row = on_read!(self.engine, |pool| {
            sqlx::query_as::<_, SessionRow>(SQL).bind(id_hash(id)).bind(now).fetch_optional(pool).await.db()?
        });
        let Some(row) = row else { return Ok(None) };
        let expiry_date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(row.expires_at) * 1000)
            .map_err(|error| StoreError::Corrupt(format!("expiry of a session: {error}")))?;
        Ok(Some(Record { id: *id, data: from_json("data of a session", &row.data)?, expiry_date }))
    }

    async fn remove(&self, id: &Id) -> StoreResult<()> {
        const SQL: &str = "DELETE FROM sessions WHERE id_hash = $1";
        on_write!(self.engine, |pool| { sqlx::query(SQL).bind(id_hash(id)).execute(pool).await.db()?.rows_affected() });
        Ok(())
    }
}

#[async_trait]
impl SessionStore for SqlSessionStore {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        for _ in 0..MAX_DRAWS {
            if self.insert(record).await.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
        Err(session_store::Error::Backend("no free session id".to_owned()))
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.update(record).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        self.find(id).await.map_err(backend)
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.remove(id).await.map_err(backend)
    }
}

fn backend(error: StoreError) -> session_store::Error {
    match error {
        StoreError::Corrupt(text) => session_store::Error::Decode(text),
        other => session_store::Error::Backend(other.to_string()),
    }
}

fn id_hash(id: &Id) -> Vec<u8> {
    Sha256::digest(id.0.to_le_bytes()).to_vec()
}

fn user_id(record: &Record) -> Option<String> {
    optional_text(record.data.get(USER_ID).and_then(Value::as_str))
}

/// In microseconds; beyond the end of their range, at it.
fn expiry(record: &Record) -> i64 {
    i64::try_from(record.expiry_date.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::open::{self, Database};

    #[tokio::test]
    async fn the_session_id_is_not_stored() {
        let engine = open::open(&Database::SqliteInMemory).await.unwrap();
        let sessions = SqlSessionStore::new(engine.clone());
        let id = Id(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let expiry_date = OffsetDateTime::from_unix_timestamp(4_000_000_000).unwrap();
        let mut record = Record { id, data: HashMap::new(), expiry_date };
        sessions.create(&mut record).await.unwrap();
        let stored: Vec<u8> = on_read!(engine, |pool| {
            sqlx::query_scalar("SELECT id_hash FROM sessions").fetch_one(pool).await.unwrap()
        });
        assert_eq!(stored.len(), 32);
        assert!(!stored.windows(16).any(|part| part == id.0.to_le_bytes() || part == id.0.to_be_bytes()));
    }
}
