//! Opening a database: checks that give one clear sentence, pools, migrations.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use sqlx::{
    Connection as _,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
    sqlite::{
        SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};

use crate::{
    engine::Engine,
    error::{code, sqlite_code},
};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How long SQLite waits while another program writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon to try again when another program holds the file while it is opened.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// How long to wait for PostgreSQL, to connect at the start and for a free connection later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers of SQLite; more than cores bring nothing, since a read never waits for the network.
const SQLITE_READERS: u32 = 8;
/// Connections to PostgreSQL, per node.
const POSTGRES_CONNECTIONS: u32 = 16;

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file, which is created if it is missing; its folder must exist.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// In memory, gone when the store is closed. For tests.
    SqliteInMemory,
    /// A PostgreSQL server, version 13 or newer. The database must exist.
    Postgres {
        /// `postgres://user:password@host:port/database`.
        url: String,
    },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => f.debug_struct("Sqlite").field("path", path).finish(),
            Self::SqliteInMemory => f.write_str("SqliteInMemory"),
            // Promise 7: built from the parts that are no secret, so that no spelling of the URL shows the password.
            Self::Postgres { url } => {
                let shown = PgConnectOptions::from_str(url)
                    .map_or_else(|_| "(not a PostgreSQL URL)".to_owned(), |options| describe(&options));
                f.debug_struct("Postgres").field("url", &shown).finish()
            }
        }
    }
}

/// Why a database was not opened. Each is one sentence for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file is missing.
    #[error("the data directory {} does not exist: create it, or name another one", .0.display())]
    NoDirectory(PathBuf),
    /// The folder or the file cannot be written by this user.
    #[error("{} cannot be written: give this user write access to it, or name another data directory", .0.display())]
    NotWritable(PathBuf),
    /// Another program holds the file.
    #[error("{} is locked by another program: stop that program, then try again", .0.display())]
    Locked(PathBuf),
    /// The file is something else, or damaged.
    #[error("{} is not a database of this server, or it is damaged: move it away, or restore it", .0.display())]
    NotADatabase(PathBuf),
    /// The URL cannot be read.
    #[error("the database URL is not of the form postgres://user:password@host:port/database")]
    BadUrl,
    /// Nobody answers.
    #[error("no PostgreSQL server answers at {server}: check the address and that it is running ({reason})")]
    Unreachable {
        /// The server, without the password.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The server refuses the user or the password.
    #[error("PostgreSQL at {server} refuses the user name or the password: correct the database URL")]
    WrongPassword {
        /// The server, without the password.
        server: String,
    },
    /// The server has no such database.
    #[error("PostgreSQL has no database {server}: create it, or correct the database URL")]
    NoDatabase {
        /// The server and the database, without the password.
        server: String,
    },
    /// A newer version wrote the tables.
    #[error("a newer version of this server wrote this database (its change {0} is unknown here): use that version")]
    TooNew(i64),
    /// The tables were made by other migrations than those of this version.
    #[error("this database was made by a different build of this server (its change {0} differs): use that build")]
    Different(i64),
    /// Anything else.
    #[error("the database cannot be opened: {0}")]
    Other(String),
}

/// Opens `database` and applies the migrations it lacks.
pub(crate) async fn open(database: &Database) -> Result<Engine, OpenError> {
    match database {
        Database::Sqlite { path } => open_file(path).await,
        Database::SqliteInMemory => open_in_memory().await,
        Database::Postgres { url } => open_postgres(url).await,
    }
}

async fn open_file(path: &Path) -> Result<Engine, OpenError> {
    prepare_file(path)?;
    let options = sqlite_options().filename(path);
    let deadline = tokio::time::Instant::now() + BUSY_TIMEOUT;
    let write = loop {
        match open_writer(path, &options).await {
            // SQLite does not wait by itself while another program turns on the write-ahead log.
            Err(OpenError::Locked(_)) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            opened => break opened?,
        }
    };
    // The pragma makes a statement that writes through the wrong pool fail at once.
    let read = file_pool(SQLITE_READERS).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Engine::Sqlite { read, write })
}

/// The one connection that writes, with all migrations applied.
async fn open_writer(path: &Path, options: &SqliteConnectOptions) -> Result<SqlitePool, OpenError> {
    // FULL: a commit that was answered survives a power cut (promise 4).
    let options = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let write = file_pool(1).connect_with(options).await.map_err(|error| sqlite_error(path, &error))?;
    migrate_sqlite(&write, path).await?;
    Ok(write)
}

/// A pool that gives no connection out again whose transaction is not over.
///
/// SQLite ends a transaction by itself when the disk is full, reading or writing fails, or memory is short. sqlx does not
/// notice, its own rollback then fails, and every later `BEGIN` on that connection would be refused.
fn file_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_outside_transaction(connection)))
}

/// Whether a connection that came back may be given out again; it is closed if not, and replaced by a new one.
async fn is_outside_transaction(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A transaction that was left is rolled back later, in the order of what was sent; the answer comes after that.
    connection.ping().await?;
    let is_outside = !connection.is_in_transaction();
    if !is_outside {
        tracing::warn!("SQLite ended a transaction by itself; its connection is closed and opened again");
    }
    Ok(is_outside)
}

async fn open_in_memory() -> Result<Engine, OpenError> {
    let path = Path::new(":memory:");
    // The database lives as long as its one connection, which therefore never ends by itself.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(sqlite_options().in_memory(true))
        .await
        .map_err(|error| sqlite_error(path, &error))?;
    migrate_sqlite(&pool, path).await?;
    Ok(Engine::Sqlite { read: pool.clone(), write: pool })
}

fn sqlite_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().foreign_keys(true).busy_timeout(BUSY_TIMEOUT)
}

async fn migrate_sqlite(write: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    // One transaction around all of it: the command line may open the same file at the same moment.
    // `run_direct`, because `run` takes its connection by a trait whose future is not known to be `Send`.
    let mut transaction = write.begin_with("BEGIN IMMEDIATE").await.map_err(|error| sqlite_error(path, &error))?;
    SQLITE_MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| migrate_error(error, |error| sqlite_error(path, &error)))?;
    transaction.commit().await.map_err(|error| sqlite_error(path, &error))
}

/// Finds out what SQLite would only call "unable to open database file", and keeps other users of the machine
/// from reading the file: it holds password hashes and the signing key.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(OpenError::NoDirectory(directory.to_owned()));
    }
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Err(OpenError::NotWritable(if path.exists() { path.to_owned() } else { directory.to_owned() }))
        }
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Err(OpenError::NotADatabase(path.to_owned())),
        Err(error) => Err(OpenError::Other(format!("{}: {error}", path.display()))),
    }
}

fn sqlite_error(path: &Path, error: &sqlx::Error) -> OpenError {
    match sqlite_code(error) {
        // SQLITE_BUSY, SQLITE_LOCKED
        Some(5 | 6) => OpenError::Locked(path.to_owned()),
        // SQLITE_READONLY, SQLITE_CANTOPEN: the file opened before, so its folder does not take the log beside it.
        Some(8 | 14) => OpenError::NotWritable(path.parent().unwrap_or(path).to_owned()),
        // SQLITE_CORRUPT, SQLITE_NOTADB
        Some(11 | 26) => OpenError::NotADatabase(path.to_owned()),
        _ => OpenError::Other(format!("{}: {error}", path.display())),
    }
}

async fn open_postgres(url: &str) -> Result<Engine, OpenError> {
    // sqlx takes any scheme and fills gaps with defaults; a wrong URL must not lead to another server.
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(OpenError::BadUrl);
    }
    // The parser's own text may repeat parts of the URL, so it is dropped (promise 7).
    let options = PgConnectOptions::from_str(url).map_err(|_| OpenError::BadUrl)?.application_name("margay");
    let server = describe(&options);
    // A connection of its own first: a pool would try until its time is up and then only say "timed out".
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await;
    let mut connection = match connecting {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(postgres_error(&server, &error)),
        Err(_) => return Err(OpenError::Unreachable { server, reason: "no answer within 5 seconds".to_owned() }),
    };
    POSTGRES_MIGRATIONS
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| migrate_error(error, |error| postgres_error(&server, &error)))?;
    connection.close().await.map_err(|error| postgres_error(&server, &error))?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_release(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_lazy_with(options);
    Ok(Engine::Postgres(pool))
}

fn postgres_error(server: &str, error: &sqlx::Error) -> OpenError {
    let server = server.to_owned();
    if let sqlx::Error::Io(error) = error {
        return OpenError::Unreachable { server, reason: error.to_string() };
    }
    match code(error).as_deref() {
        // invalid_password, invalid_authorization_specification
        Some("28P01" | "28000") => OpenError::WrongPassword { server },
        // invalid_catalog_name
        Some("3D000") => OpenError::NoDatabase { server },
        _ => OpenError::Other(format!("{server}: {error}")),
    }
}

fn migrate_error(error: MigrateError, database: impl FnOnce(sqlx::Error) -> OpenError) -> OpenError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database(error),
        MigrateError::VersionMissing(version) => OpenError::TooNew(version),
        MigrateError::VersionMismatch(version) => OpenError::Different(version),
        other => OpenError::Other(other.to_string()),
    }
}

/// `user@host:port/database`.
fn describe(options: &PgConnectOptions) -> String {
    let (user, host, port) = (options.get_username(), options.get_host(), options.get_port());
    format!("{user}@{host}:{port}/{}", options.get_database().unwrap_or(user))
}

#[cfg(test)]
mod tests {
    use margay_domain::alert::AlertFilter;
    use sqlx::sqlite::SqliteConnection;

    use super::*;
    use crate::test_postgres::TestPostgres;

    #[test]
    fn debug_hides_the_password() {
        for url in [
            "postgres://margay:hunter2@db.example.com:5433/prod",
            "postgres://margay@db.example.com:5433/prod?password=hunter2",
            "hunter2",
        ] {
            let shown = format!("{:?}", Database::Postgres { url: url.to_owned() });
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let shown =
            format!("{:?}", Database::Postgres { url: "postgres://margay:x@db.example.com:5433/prod".to_owned() });
        assert!(shown.contains("margay@db.example.com:5433/prod"), "{shown}");
    }

    #[test]
    fn both_engines_have_the_same_migrations() {
        let names = |migrator: &Migrator| -> Vec<(i64, String)> {
            migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
        };
        assert!(!names(&SQLITE_MIGRATIONS).is_empty());
        assert_eq!(names(&SQLITE_MIGRATIONS), names(&POSTGRES_MIGRATIONS));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = prepare_file(Path::new("/no/such/folder/margay.db")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the data directory /no/such/folder does not exist: create it, or name another one"
        );
    }

    #[tokio::test]
    async fn a_file_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("margay.db");
        fs::write(&path, "This is a letter, not a database. ".repeat(100)).unwrap();
        let error = open(&Database::Sqlite { path: path.clone() }).await.unwrap_err();
        assert!(matches!(error, OpenError::NotADatabase(_)), "{error}");
        let folder = folder.path().to_owned();
        let error = open(&Database::Sqlite { path: folder }).await.unwrap_err();
        assert!(matches!(error, OpenError::NotADatabase(_)), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn several_programs_open_one_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite { path: folder.path().join("margay.db") };
        let opening: Vec<_> = (0..4)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move { open(&database).await })
            })
            .collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite { path: folder.path().join("margay.db") };
        for expected in [None, Some("kept".to_owned())] {
            let store = crate::Store::open(&database).await.unwrap();
            assert_eq!(store.settings().internal("note").await.unwrap(), expected);
            store.settings().set_internal("note", "kept").await.unwrap();
            store.close().await;
        }
    }

    /// An alert of a version that knew no terms.
    const OLD_ALERT: &str = r#"INSERT INTO alerts (id, kind, title, title_folded, description, runbook, reference,
        severity, status, context_tags, log_types, context, event_count, created_at, updated_at, events)
        VALUES ('alr_old', 'RULE', 'Old', 'old', '', '', '', 'HIGH', 'OPEN', '["vip","a\u0000b","vip"]', '[]', 'null',
        1, 5, 5, '[]')"#;
    /// The last change of that version.
    const OLD_VERSION: i64 = 6;

    /// Opens a database that only [`OLD_ALERT`] is in.
    async fn check_old_alert(database: &Database) {
        let store = crate::Store::open(database).await.unwrap();
        for tag in ["vip", "a\0b"] {
            let context_tags = vec![tag.to_owned()];
            let filter = AlertFilter { context_tags, ..AlertFilter::default() };
            let found =
                store.alerts().list(&filter, None, 10, &margay_domain::role::LogTypeAccess::AllowAll).await.unwrap();
            let [alert] = found.as_slice() else { panic!("{tag}: {found:?}") };
            assert_eq!(alert.context_tags, ["vip", "a\0b", "vip"]);
            assert!(alert.updated_by.is_none() && alert.log_source_ids.is_empty() && alert.resource_types.is_empty());
        }
        store.close().await;
    }

    #[tokio::test]
    async fn labels_of_old_alerts_are_found_in_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("margay.db");
        let options = sqlite_options().filename(&path).create_if_missing(true);
        let mut old = SqliteConnection::connect_with(&options).await.unwrap();
        SQLITE_MIGRATIONS.run_direct(Some(OLD_VERSION), &mut old, false).await.unwrap();
        sqlx::query(OLD_ALERT).execute(&mut old).await.unwrap();
        old.close().await.unwrap();
        check_old_alert(&Database::Sqlite { path }).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn labels_of_old_alerts_are_found_in_postgres() {
        let Some(server) = TestPostgres::start().unwrap() else { return };
        let database = server.create_database().await.unwrap();
        let Database::Postgres { url } = &database else { panic!("not PostgreSQL") };
        let mut old = PgConnection::connect(url).await.unwrap();
        POSTGRES_MIGRATIONS.run_direct(Some(OLD_VERSION), &mut old, false).await.unwrap();
        sqlx::query(OLD_ALERT).execute(&mut old).await.unwrap();
        old.close().await.unwrap();
        check_old_alert(&database).await;
    }

    #[tokio::test]
    async fn the_reading_side_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(&Database::Sqlite { path: folder.path().join("margay.db") }).await.unwrap();
        let Engine::Sqlite { read, .. } = engine else { panic!("not SQLite") };
        assert!(sqlx::query("DELETE FROM users").execute(&read).await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("margay.db");
        open(&Database::Sqlite { path: path.clone() }).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_without_the_password() {
        // Port 1 of the own machine: refused at once.
        let url = "postgres://margay:hunter2@127.0.0.1:1/prod".to_owned();
        let error = open(&Database::Postgres { url }).await.unwrap_err();
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"));
        let error = open(&Database::Postgres { url: "mysql://margay@localhost/prod".to_owned() }).await.unwrap_err();
        assert!(matches!(error, OpenError::BadUrl), "{error}");
    }
}
