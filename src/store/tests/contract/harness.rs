//! Runs checks on either engine.

use futures::future::BoxFuture;
use margay_store::{Database, OpenError, Store, test_postgres::TestPostgres};

/// One check: it gets a store with an empty database.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Store) -> BoxFuture<'static, ()>,
}

/// Defines `CHECKS`, the list of a subject.
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        pub(crate) const CHECKS: &[$crate::harness::Check] = &[$($crate::harness::Check {
            name: stringify!($name),
            run: |store| Box::pin($name(store)),
        }),*];
    };
}

pub(crate) async fn on_sqlite(checks: &[Check]) {
    for check in checks {
        eprintln!("in memory: {}", check.name);
        run(check, &Database::SqliteInMemory).await;
        eprintln!("in a file: {}", check.name);
        let folder = tempfile::tempdir().unwrap();
        run(check, &Database::Sqlite { path: folder.path().join("margay.db") }).await;
    }
}

pub(crate) async fn on_postgres(subjects: &[(&str, &[Check])]) {
    let Some(server) = TestPostgres::start().unwrap() else { return };
    opening_twice(&server).await;
    for (subject, checks) in subjects {
        for check in *checks {
            eprintln!("on PostgreSQL: {subject}, {}", check.name);
            let database = server.create_database().await.unwrap();
            run(check, &database).await;
        }
    }
}

/// Several nodes start at once on an empty database, and one looks for a database that is not there.
async fn opening_twice(server: &TestPostgres) {
    let database = server.create_database().await.unwrap();
    let nodes = at_once(4, |_| {
        let database = database.clone();
        async move { Store::open(&database).await.unwrap() }
    })
    .await;
    for node in nodes {
        node.ping().await.unwrap();
        node.close().await;
    }
    let missing = Database::Postgres { url: server.url("no_such_database") };
    let error = Store::open(&missing).await.unwrap_err();
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{error}");
}

async fn run(check: &Check, database: &Database) {
    let store = sendable(Store::open(database)).await.unwrap();
    (check.run)(store.clone()).await;
    sendable(store.close()).await;
}

/// The server opens and closes its store inside spawned tasks.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}

/// Runs the same task so many times at once, on all threads, and collects the results.
pub(crate) async fn at_once<T, F>(times: u8, task: impl Fn(u8) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|number| tokio::spawn(task(number))).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
