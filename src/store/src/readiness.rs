//! Whether the store can do what requests need, not only answer.

use margay_domain::{clock::Timestamp, ports::StoreResult};

use crate::{
    engine::{Engine, in_transaction},
    error::DbResult as _,
};

/// Commits a small change the way every change of the product is committed: a full disk, a file system that fails or a
/// lock that is not released shows here, and to a reader nowhere. The value differs each time, or SQLite would not write.
pub(crate) async fn try_change(engine: &Engine, now: Timestamp) -> StoreResult<()> {
    const SQL: &str = "INSERT INTO internal_values (key, value) VALUES ('readiness', $1) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let note = now.as_micros().to_string();
    in_transaction!(engine, |tx| { sqlx::query(SQL).bind(note).execute(&mut *tx).await.db()?.rows_affected() });
    Ok(())
}
