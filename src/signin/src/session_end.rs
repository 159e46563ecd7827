//! When sessions end.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use margay_domain::clock::Clock;
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::Result,
};

/// A store whose sessions end when they were not used for a while, by the clock of the server: `tower-sessions` reads
/// one of its own, which knows nothing of a clock that is handed in.
#[derive(Clone, Debug)]
pub(crate) struct IdleEnd<S> {
    pub(crate) store: S,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) idle: Duration,
}

impl<S> IdleEnd<S> {
    /// A moment that no calendar has counts as over.
    fn end(&self) -> OffsetDateTime {
        let micros = i128::from(self.clock.now().plus(self.idle).as_micros());
        OffsetDateTime::from_unix_timestamp_nanos(micros.saturating_mul(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

#[async_trait]
impl<S: SessionStore> SessionStore for IdleEnd<S> {
    async fn create(&self, record: &mut Record) -> Result<()> {
        record.expiry_date = self.end();
        self.store.create(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let record = Record { expiry_date: self.end(), ..record.clone() };
        self.store.save(&record).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        self.store.load(id).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.store.delete(id).await
    }
}
