//! `/healthz` (the process runs) and `/readyz` (it can do its work).

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use margay_domain::clock::{Clock, Monotonic};
use margay_store::Store;
use tokio::{sync::Mutex, time::timeout};

/// How long all of the trying may take. A part that has not answered by then counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an outcome holds, so that a flood of requests costs one try a second.
const FRESH: Duration = Duration::from_secs(1);

/// The two routes. They need no sign-in and say nothing but a word.
pub(crate) fn router(readiness: Readiness) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    match readiness.outcome().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(Part::Database) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: database\n"),
        Err(Part::Audit) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: audit\n"),
        Err(Part::Lake) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: lake\n"),
    }
}

/// What the server needs for its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Changes can be committed.
    Database,
    /// Audit events can be written; without them no call is answered.
    Audit,
    /// The folder of the log events can be read.
    Lake,
}

type Outcome = Result<(), Part>;

/// Tries what requests need. Clones share the outcome.
#[derive(Clone)]
pub(crate) struct Readiness {
    store: Store,
    lake: LakeFolder,
    clock: Arc<dyn Clock>,
    latest: Arc<Mutex<Option<(Monotonic, Outcome)>>>,
}

impl Readiness {
    /// `lake` is the folder of the lake.
    pub(crate) fn new(store: Store, lake: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { store, lake: LakeFolder { root: Arc::from(lake), busy: Arc::default() }, clock, latest: Arc::default() }
    }

    async fn outcome(&self) -> Outcome {
        // One try at a time; requests that come meanwhile get its outcome.
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        if let Some((at, outcome)) = *latest
            && self.clock.monotonic().since(at) < FRESH
        {
            return outcome;
        }
        let this = self.clone();
        // A task of its own: clients that ask and leave at once must not begin one try after another.
        let trying = tokio::spawn(async move {
            let outcome = this.try_all().await;
            *latest = Some((this.clock.monotonic(), outcome));
            outcome
        });
        trying.await.unwrap_or(Err(Part::Database))
    }

    async fn try_all(&self) -> Outcome {
        let (database, audit, lake) = tokio::join!(
            timeout(PATIENCE, self.store.try_change(self.clock.now())),
            timeout(PATIENCE, self.store.try_audit()),
            timeout(PATIENCE, self.lake.look()),
        );
        judge(Part::Database, database)?;
        judge(Part::Audit, audit)?;
        judge(Part::Lake, lake)
    }
}

/// The details are for the log.
fn judge<E: std::fmt::Display>(part: Part, tried: Result<Result<(), E>, tokio::time::error::Elapsed>) -> Outcome {
    match tried {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => tracing::warn!(?part, %error, "not ready"),
        Err(_) => tracing::warn!(?part, "not ready: no answer within {} seconds", PATIENCE.as_secs()),
    }
    Err(part)
}

/// The folder of the lake.
#[derive(Clone)]
struct LakeFolder {
    root: Arc<Path>,
    /// Whether a look is still under way. On a network file system that hangs it may never end, and must not take one
    /// thread after another.
    busy: Arc<AtomicBool>,
}

impl LakeFolder {
    async fn look(&self) -> io::Result<()> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an earlier look at the folder has not ended"));
        }
        let (root, busy) = (Arc::clone(&self.root), Arc::clone(&self.busy));
        let looking = tokio::task::spawn_blocking(move || {
            let found = fs::read_dir(&root).and_then(|mut entries| entries.next().transpose());
            busy.store(false, Ordering::Release);
            found
        });
        looking.await?.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{clock::Timestamp, testing::ManualClock};
    use margay_store::Database;

    use super::*;

    struct World {
        readiness: Readiness,
        clock: Arc<ManualClock>,
        folder: tempfile::TempDir,
    }

    impl World {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&Database::Sqlite { path: folder.path().join("margay.db") }).await.unwrap();
            let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
            let lake = folder.path().join("lake");
            fs::create_dir(&lake).unwrap();
            Self { readiness: Readiness::new(store, lake, clock.clone()), clock, folder }
        }

        async fn answer(&self) -> (u16, &'static str) {
            let (status, text) = ready(State(self.readiness.clone())).await;
            (status.as_u16(), text)
        }
    }

    #[tokio::test]
    async fn the_part_that_fails_is_named_and_comes_back() {
        let world = World::new().await;
        assert_eq!(world.answer().await, (200, "ready\n"));
        fs::rename(world.folder.path().join("lake"), world.folder.path().join("away")).unwrap();
        // The outcome holds for a second, whatever happens to the time of day.
        world.clock.set_wall(Timestamp::from_seconds(0));
        world.clock.advance(Duration::from_millis(999));
        assert_eq!(world.answer().await, (200, "ready\n"));
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.answer().await, (503, "not ready: lake\n"));
        fs::rename(world.folder.path().join("away"), world.folder.path().join("lake")).unwrap();
        world.clock.advance(FRESH);
        assert_eq!(world.answer().await, (200, "ready\n"));
        world.readiness.store.close().await;
        world.clock.advance(FRESH);
        assert_eq!(world.answer().await, (503, "not ready: database\n"));
    }

    #[tokio::test]
    async fn many_askers_make_one_try() {
        let world = World::new().await;
        let note = async || world.readiness.store.settings().internal("readiness").await.unwrap();
        let askers: Vec<_> = (0..50).map(|_| world.readiness.clone()).collect();
        let outcomes = futures::future::join_all(askers.iter().map(Readiness::outcome)).await;
        assert!(outcomes.iter().all(Result::is_ok));
        let first = note().await;
        assert!(first.is_some());
        world.clock.set_wall(Timestamp::from_seconds(1_900_000_000));
        assert_eq!(world.answer().await, (200, "ready\n"));
        assert_eq!(note().await, first, "nothing was tried again");
    }

    #[tokio::test]
    async fn a_look_that_hangs_takes_one_thread() {
        let world = World::new().await;
        world.readiness.lake.busy.store(true, Ordering::Release);
        assert_eq!(world.answer().await, (503, "not ready: lake\n"));
        assert_eq!(world.readiness.lake.look().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
