//! Few workers for many queries. Deadlines are watched here, with timers of the asking process: they hold whatever a
//! worker does.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use margay_domain::{id::UserId, lake::LakeError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};

use super::{
    WorkerCommand,
    process::{Worker, is_fatal},
    protocol::{Answer, Job, Setup, Spill},
};

/// How many queries may wait for a worker; more are refused at once.
const MAX_WAITING: usize = 64;
/// The folder for what a query cannot keep in memory, below the root.
const SPILL_FOLDER: &str = ".spill";
/// A time limit beyond what the clock can tell is this one.
const LONGEST: Duration = Duration::from_hours(24 * 365);
/// How long a worker beyond the first is kept without work.
const IDLE: Duration = Duration::from_mins(1);

/// Workers, and the queries that wait for one. Cheap to clone; clones share everything.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    command: WorkerCommand,
    setup: Setup,
    /// One permit for each worker there may be, handed out in the order in which they were asked for.
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    shares: Shares,
    idle: Mutex<Vec<Idle>>,
    /// Counts workers, for the names of their folders.
    started: AtomicUsize,
    closed: watch::Sender<bool>,
}

/// How many workers one person may have at a time: all but one, so that the queries of others always get on.
struct Shares {
    most: usize,
    by_person: Mutex<HashMap<UserId, Weak<Semaphore>>>,
}

impl Shares {
    fn new(workers: NonZeroUsize) -> Self {
        Self { most: (workers.get() - 1).max(1), by_person: Mutex::default() }
    }

    /// The share of a person; kept while one of their queries is under way.
    fn of(&self, person: &UserId) -> Arc<Semaphore> {
        let mut by_person = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = by_person.get(person).and_then(Weak::upgrade) {
            return share;
        }
        by_person.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.most));
        by_person.insert(person.clone(), Arc::downgrade(&share));
        share
    }
}

/// A worker without work.
struct Idle {
    worker: Worker,
    since: Instant,
}

/// A query that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// Refuses where too many wait already.
    fn enter(waiting: &'a AtomicUsize) -> Result<Self, LakeError> {
        let one_more = |count: usize| (count < MAX_WAITING).then_some(count + 1);
        match waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Self(waiting)),
            Err(_) => Err(LakeError::Busy),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// At most `most` workers. Each spills into a folder of its own below that of `setup`.
    pub(crate) fn new(command: WorkerCommand, setup: Setup, most: NonZeroUsize) -> Self {
        Self(Arc::new(Shared {
            command,
            setup,
            places: Arc::new(Semaphore::new(most.get())),
            waiting: AtomicUsize::new(0),
            shares: Shares::new(most),
            idle: Mutex::default(),
            started: AtomicUsize::new(0),
            closed: watch::Sender::new(false),
        }))
    }

    /// Does a job within `timeout`, which counts from now: waiting for a worker, and starting one, is part of it.
    ///
    /// When the time is over, and when the future is dropped, the worker is killed, and what it did ends with it.
    pub(crate) async fn run(&self, job: Job, timeout: Duration, person: Option<&UserId>) -> Answer {
        let mut closed = self.0.closed.subscribe();
        tokio::select! {
            answer = self.run_open(job, timeout, person) => answer,
            _ = closed.wait_for(|closed| *closed) => Answer::Failed(stopping()),
        }
    }

    async fn run_open(&self, job: Job, timeout: Duration, person: Option<&UserId>) -> Answer {
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + LONGEST);
        // Before a place is asked for, so that a person who waits for their own queries keeps nobody else waiting.
        let share = match person {
            Some(person) => match timeout_at(deadline, self.0.shares.of(person).acquire_owned()).await {
                Ok(share) => share.ok(),
                Err(_) => return Answer::Failed(LakeError::Busy),
            },
            None => None,
        };
        let place = match self.place(deadline).await {
            Ok(place) => place,
            Err(error) => return Answer::Failed(error),
        };
        let outcome = timeout_at(deadline, async {
            let mut worker = match self.worker().await {
                Ok(worker) => worker,
                Err(error) => return Answer::Failed(error),
            };
            let answer = worker.ask(&job).await;
            if !is_fatal(&answer) {
                self.put_back(worker);
            }
            answer
        });
        let answer = outcome.await.unwrap_or(Answer::Failed(LakeError::TimedOut(timeout.as_secs())));
        // Only now: there are never more processes than places.
        drop((place, share));
        answer
    }

    /// Waits for a place, first come first served.
    async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, LakeError> {
        let waiting = Waiting::enter(&self.0.waiting)?;
        let place = timeout_at(deadline, Arc::clone(&self.0.places).acquire_owned()).await;
        drop(waiting);
        place.map_err(|_| LakeError::Busy)?.map_err(|_| stopping())
    }

    /// A worker that waits for work, or a new one.
    async fn worker(&self) -> Result<Worker, LakeError> {
        loop {
            let Some(mut idle) = self.idle().pop() else { break };
            // It may have been killed from outside since it was last used.
            if idle.worker.is_alive() {
                return Ok(idle.worker);
            }
        }
        self.start().await
    }

    async fn start(&self) -> Result<Worker, LakeError> {
        let number = self.0.started.fetch_add(1, Ordering::Relaxed);
        let spill = self.0.setup.spill.as_ref().map(|spill| Spill {
            folder: spill.folder.join(format!("{}-{number}", std::process::id())),
            bytes: spill.bytes,
        });
        let began = Instant::now();
        let worker = Worker::start(&self.0.command, &Setup { spill, ..self.0.setup.clone() }).await?;
        tracing::debug!(number, elapsed = ?began.elapsed(), "a query worker is ready");
        Ok(worker)
    }

    fn put_back(&self, worker: Worker) {
        let mut idle = self.idle();
        idle.push(Idle { worker, since: Instant::now() });
        if idle.len() > 1 {
            tokio::spawn(end_idle(Arc::downgrade(&self.0)));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a server that begins: starts a first worker, so that the first query does not wait for it, and removes what
    /// workers put aside whose server was killed.
    pub(crate) async fn warm(&self) {
        if let Some(folder) = self.0.setup.spill.as_ref().map(|spill| spill.folder.clone()) {
            // A failure means that something stays, which the next start tries again.
            drop(tokio::task::spawn_blocking(move || remove_left_behind(&folder)).await);
        }
        // Where all places are taken there are workers.
        let Ok(_place) = Arc::clone(&self.0.places).try_acquire_owned() else { return };
        if !self.idle().is_empty() {
            return;
        }
        match self.start().await {
            Ok(worker) if !*self.0.closed.borrow() => self.put_back(worker),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "no query can run"),
        }
    }

    /// Ends all workers, those that work too: their queries are told that the server stops.
    pub(crate) fn close(&self) {
        self.0.closed.send_replace(true);
        self.0.places.close();
        self.idle().clear();
    }

    /// How many workers wait for work.
    #[cfg(test)]
    fn idle_count(&self) -> usize {
        self.idle().len()
    }
}

/// Ends workers beyond the first that were not needed for some time.
async fn end_idle(pool: Weak<Shared>) {
    tokio::time::sleep(IDLE).await;
    let Some(pool) = pool.upgrade() else { return };
    let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
    // The one that worked last is at the end, and taken first.
    while idle.len() > 1 && idle.first().is_some_and(|oldest| oldest.since.elapsed() >= IDLE) {
        idle.remove(0);
    }
}

fn stopping() -> LakeError {
    LakeError::Unavailable("the server is stopping".to_owned())
}

/// A folder for what queries put aside, below `root`; `None` where nothing can be written, which only means that large
/// queries are refused.
pub(crate) fn spill_folder(root: &Path) -> Option<PathBuf> {
    let folder = root.join(SPILL_FOLDER);
    let usable = std::fs::create_dir_all(&folder).and_then(|()| probe(&folder));
    if let Err(error) = usable {
        tracing::warn!(%error, folder = %folder.display(), "queries cannot put anything aside; large ones are refused");
        return None;
    }
    Some(folder)
}

/// Removes the folders of processes that are gone.
fn remove_left_behind(folder: &Path) {
    for left in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_left_behind(&left.file_name().to_string_lossy())
            && let Err(error) = std::fs::remove_dir_all(left.path())
        {
            tracing::warn!(%error, folder = %left.path().display(), "what a query put aside could not be removed");
        }
    }
}

/// Whether a folder can be written.
fn probe(folder: &Path) -> std::io::Result<()> {
    let made = folder.join(format!("{}-probe", std::process::id()));
    std::fs::create_dir_all(&made)?;
    std::fs::remove_dir(&made)
}

/// Whether the process that made a folder of this name is gone.
fn is_left_behind(name: &str) -> bool {
    let Some((process, _)) = name.split_once('-') else { return false };
    let is_number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    let processes = Path::new("/proc");
    is_number && processes.join("self").exists() && !processes.join(process).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(script: &str) -> Pool {
        let command = WorkerCommand {
            program: "/bin/sh".into(),
            arguments: ["-c", script].map(Into::into).to_vec(),
            is_quiet: false,
        };
        let setup = Setup { root: "/nowhere".into(), memory_bytes: 1, spill: None };
        Pool::new(command, setup, NonZeroUsize::MIN)
    }

    fn job() -> Job {
        Job::Events(super::super::EventsJob { refs: Vec::new(), known: crate::catalog::Known::default() })
    }

    fn failure(answer: Answer) -> LakeError {
        match answer {
            Answer::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }

    /// A worker that reads something, says that it is ready (a frame of `null`) and then does `then`.
    fn ready(then: &str) -> String {
        format!("/usr/bin/head -c 4 > /dev/null; printf '\\004\\000\\000\\000null'; {then}")
    }

    #[tokio::test]
    async fn the_deadline_holds_whatever_a_worker_does() {
        let pool = pool(&ready("trap '' TERM INT; while :; do :; done"));
        let answer = pool.run(job(), Duration::from_millis(300), None).await;
        assert_eq!(failure(answer), LakeError::TimedOut(0));
        assert_eq!(pool.idle_count(), 0, "it was not kept");
        assert_eq!(pool.0.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_kills_a_worker_is_the_fault_of_the_query() {
        for (signal, expected) in
            [("ABRT", LakeError::OutOfMemory), ("KILL", LakeError::OutOfMemory), ("SEGV", LakeError::Crashed)]
        {
            let pool = pool(&ready(&format!("kill -{signal} $$")));
            assert_eq!(failure(pool.run(job(), Duration::from_secs(20), None).await), expected, "{signal}");
        }
        let pool = pool(&ready("exit 0"));
        assert_eq!(failure(pool.run(job(), Duration::from_secs(20), None).await), LakeError::Crashed);
        let pool = self::pool(&ready("printf 'garbage that is no frame'; exec /bin/sleep 60"));
        assert_eq!(failure(pool.run(job(), Duration::from_secs(20), None).await), LakeError::Crashed);
    }

    #[tokio::test]
    async fn what_cannot_be_started_is_an_outage() {
        let pool = pool("exit 3");
        assert!(matches!(failure(pool.run(job(), Duration::from_secs(20), None).await), LakeError::Unavailable(_)));
        let command = WorkerCommand { program: "/nowhere/margay".into(), arguments: Vec::new(), is_quiet: true };
        let setup = Setup { root: "/nowhere".into(), memory_bytes: 1, spill: None };
        let pool = Pool::new(command, setup, NonZeroUsize::MIN);
        assert!(matches!(failure(pool.run(job(), Duration::from_secs(20), None).await), LakeError::Unavailable(_)));
    }

    #[tokio::test]
    async fn a_worker_that_answered_is_used_again() {
        // Answers every request without reading it: {"Events":[]} has 13 bytes.
        let answer = "printf '\\015\\000\\000\\000{\"Events\":[]}'";
        let pool = pool(&ready(&format!("{answer}; {answer}; exec /bin/sleep 60")));
        for _ in 0..2 {
            assert!(matches!(pool.run(job(), Duration::from_secs(20), None).await, Answer::Events(_)));
            assert_eq!(pool.idle_count(), 1);
        }
        assert_eq!(pool.0.started.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn those_who_wait_too_long_or_are_too_many_are_told_that_it_is_busy() {
        let pool = pool(&ready("exec /bin/sleep 60"));
        let long = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(job(), Duration::from_secs(30), None).await }
        });
        while pool.0.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(failure(pool.run(job(), Duration::from_millis(20), None).await), LakeError::Busy);
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| Waiting::enter(&pool.0.waiting).unwrap()).collect();
        assert_eq!(failure(pool.run(job(), Duration::from_secs(30), None).await), LakeError::Busy);
        drop(waiting);
        // Dropping the caller frees the place, and the worker is gone.
        long.abort();
        assert!(long.await.is_err());
        assert_eq!((pool.0.places.available_permits(), pool.idle_count()), (1, 0));
    }

    #[tokio::test]
    async fn one_person_never_has_all_workers() {
        let command = WorkerCommand {
            program: "/bin/sh".into(),
            arguments: ["-c", &ready("exec /bin/sleep 60")].map(Into::into).to_vec(),
            is_quiet: false,
        };
        let setup = Setup { root: "/nowhere".into(), memory_bytes: 1, spill: None };
        let pool = Pool::new(command, setup, NonZeroUsize::new(2).unwrap());
        let greedy = UserId::new("usr_greedy");
        let queries: Vec<_> = (0..4)
            .map(|_| {
                let (pool, person) = (pool.clone(), greedy.clone());
                tokio::spawn(async move { pool.run(job(), Duration::from_secs(30), Some(&person)).await })
            })
            .collect();
        while pool.0.places.available_permits() > 1 {
            tokio::task::yield_now().await;
        }
        // The query of another person gets a worker at once: it ends at its own time limit, not waiting for a place.
        let other = UserId::new("usr_other");
        let answer = pool.run(job(), Duration::from_millis(300), Some(&other)).await;
        assert_eq!(failure(answer), LakeError::TimedOut(0));
        let answer = pool.run(job(), Duration::from_millis(50), Some(&greedy)).await;
        assert_eq!(failure(answer), LakeError::Busy);
        for query in queries {
            query.abort();
            assert!(query.await.is_err());
        }
        assert_eq!(pool.0.places.available_permits(), 2);
    }

    #[tokio::test]
    async fn closing_ends_what_is_under_way() {
        let pool = pool(&ready("while :; do :; done"));
        let job_of = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(job(), Duration::from_secs(30), None).await }
        });
        while pool.0.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        pool.close();
        assert!(matches!(failure(job_of.await.unwrap()), LakeError::Unavailable(_)));
        assert!(matches!(failure(pool.run(job(), Duration::from_secs(30), None).await), LakeError::Unavailable(_)));
    }

    #[test]
    fn what_was_left_behind_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let spill = dir.path().join(SPILL_FOLDER);
        let own = format!("{}-0", std::process::id());
        for name in ["4294967295-3", own.as_str(), "other"] {
            std::fs::create_dir_all(spill.join(name)).unwrap();
        }
        assert_eq!(spill_folder(dir.path()), Some(spill.clone()));
        remove_left_behind(&spill);
        let mut left: Vec<_> = std::fs::read_dir(&spill).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [own.as_str(), "other"]);
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(spill_folder(&file), None);
    }
}
