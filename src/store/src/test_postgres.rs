//! A PostgreSQL server for tests: one that runs already, or one that is made in a temporary directory and gone with the
//! value.
//!
//! One per test process is enough: [`TestPostgres::create_database`] gives each test an empty database.

use std::{
    env, fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use sqlx::{AssertSqlSafe, Connection as _, postgres::PgConnection};

use crate::Database;

/// If this environment variable is `1`, a missing PostgreSQL is an error instead of a skipped test.
pub const REQUIRE: &str = "MARGAY_REQUIRE_POSTGRES";

/// If this environment variable names a server, `postgres://user@host:port`, tests make their databases there, instead
/// of starting one for each process. Its user must be allowed to make databases; what was made is removed again.
pub const SHARED: &str = "MARGAY_TEST_POSTGRES_URL";

/// Where Debian keeps the programs of each installed version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Somebody else may take a free port between finding and using it.
const PORTS_TO_TRY: usize = 5;
/// PostgreSQL refuses to run as root; root runs it as this user.
const SERVICE_USER: &str = "postgres";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL for tests: {0}")]
pub struct TestPostgresError(String);

/// A running server. Dropping it, also in a panic, removes its databases, and ends it if it was started here.
#[derive(Debug)]
pub struct TestPostgres {
    /// `postgres://user@host:port`.
    address: String,
    cluster: Option<Cluster>,
    /// The databases that were made here.
    made: Mutex<Vec<String>>,
}

impl TestPostgres {
    /// The server that [`SHARED`] names, else a new one on a free port of 127.0.0.1. `None`, and a line on the standard
    /// error, if PostgreSQL is not installed; an error instead if [`REQUIRE`] is set.
    pub fn start() -> Result<Option<Self>, TestPostgresError> {
        if let Some(address) = env::var(SHARED).ok().filter(|address| !address.is_empty()) {
            let address = address.trim_end_matches('/').to_owned();
            return Ok(Some(Self { address, cluster: None, made: Mutex::default() }));
        }
        let Some(programs) = find_programs() else {
            if env::var_os(REQUIRE).is_some_and(|value| value == "1") {
                return Err(TestPostgresError(format!("initdb not found, but {REQUIRE}=1")));
            }
            eprintln!("SKIPPED on PostgreSQL: initdb not found");
            return Ok(None);
        };
        let cluster = Cluster::start(programs)?;
        let address = format!("postgres://{SERVICE_USER}@127.0.0.1:{}", cluster.port);
        Ok(Some(Self { address, cluster: Some(cluster), made: Mutex::default() }))
    }

    /// An empty database of its own for one test.
    pub async fn create_database(&self) -> Result<Database, TestPostgresError> {
        let mut connection =
            PgConnection::connect(&self.url("postgres")).await.map_err(|error| failed("connect", &error))?;
        // Other processes make databases on a shared server at the same time.
        let name: String = sqlx::query_scalar("SELECT 'test_' || replace(gen_random_uuid()::text, '-', '')")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| failed("name a database", &error))?;
        // The name is made above, of a word and hexadecimal digits.
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .map_err(|error| failed("create database", &error))?;
        connection.close().await.map_err(|error| failed("disconnect", &error))?;
        let url = self.url(&name);
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        Ok(Database::Postgres { url })
    }

    /// The URL of a database of this server. Everybody on this machine may connect, without a password.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.address)
    }

    /// What was made on a shared server; with one of its own everything goes.
    fn left_behind(&self) -> Vec<String> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cluster.is_some() { Vec::new() } else { made.clone() }
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        let (names, url) = (self.left_behind(), self.url("postgres"));
        if names.is_empty() {
            return;
        }
        // A runtime of its own on a thread of its own: this may be dropped inside one that must not be blocked.
        let removed = thread::spawn(move || drop_databases(&url, &names)).join();
        if let Ok(Err(error)) = removed {
            eprintln!("{error}");
        }
    }
}

fn drop_databases(url: &str, names: &[String]) -> Result<(), TestPostgresError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("runtime", &error))?;
    let dropping = async {
        let mut connection = PgConnection::connect(url).await?;
        for name in names {
            let sql = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        }
        connection.close().await
    };
    runtime.block_on(dropping).map_err(|error| failed("drop database", &error))
}

/// A server of our own.
#[derive(Debug)]
struct Cluster {
    directory: tempfile::TempDir,
    programs: PathBuf,
    as_service_user: bool,
    port: u16,
}

impl Cluster {
    fn start(programs: PathBuf) -> Result<Self, TestPostgresError> {
        let directory = tempfile::tempdir().map_err(|error| failed("temporary directory", &error))?;
        let as_service_user = owned_by_root(directory.path()).map_err(|error| failed("temporary directory", &error))?;
        let mut cluster = Self { directory, programs, as_service_user, port: 0 };
        cluster.initialise()?;
        cluster.start_on_free_port()?;
        Ok(cluster)
    }

    fn initialise(&self) -> Result<(), TestPostgresError> {
        if self.as_service_user {
            let mut chown = Command::new("chown");
            chown.arg(SERVICE_USER).arg(self.directory.path());
            run(&mut chown, "chown")?;
        }
        let mut initdb = self.program("initdb");
        initdb.arg("-D").arg(self.data()).args([
            "-U",
            SERVICE_USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        run(&mut initdb, "initdb")
    }

    fn start_on_free_port(&mut self) -> Result<(), TestPostgresError> {
        let mut outcome = Ok(());
        for _ in 0..PORTS_TO_TRY {
            self.port = free_port().map_err(|error| failed("free port", &error))?;
            // No socket file, no care for the disk: the data is gone in a minute.
            let options = format!(
                "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c max_connections=200 \
                 -c fsync=off -c full_page_writes=off",
                self.port
            );
            let mut start = self.program("pg_ctl");
            start.arg("-D").arg(self.data()).arg("-l").arg(self.directory.path().join("log"));
            start.args(["-w", "-o", &options, "start"]);
            outcome = run(&mut start, "pg_ctl start");
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if self.as_service_user {
            let mut command = Command::new("runuser");
            command.args(["-u", SERVICE_USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The present directory may be one that the other user cannot enter.
        command.current_dir(self.directory.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.data().join("postmaster.pid").exists() {
            return;
        }
        let mut stop = self.program("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-w", "-m", "immediate", "stop"]);
        if let Err(error) = run(&mut stop, "pg_ctl stop") {
            eprintln!("{error}");
        }
    }
}

fn run(command: &mut Command, step: &str) -> Result<(), TestPostgresError> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| failed(step, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(TestPostgresError(format!("{step} failed: {out}{err}")))
}

fn failed(step: &str, error: &dyn std::error::Error) -> TestPostgresError {
    TestPostgresError(format!("{step}: {error}"))
}

/// The directory with `initdb` and `pg_ctl`: first of `PATH`, else the newest that Debian installed.
fn find_programs() -> Option<PathBuf> {
    let complete = |directory: &PathBuf| directory.join("initdb").is_file() && directory.join("pg_ctl").is_file();
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).find(complete).or_else(|| {
        let mut installed: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN)
            .ok()?
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        installed.sort();
        installed.into_iter().rev().map(|(_, directory)| directory).find(complete)
    })
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether this process is root, seen from what it has just made.
#[cfg(unix)]
fn owned_by_root(made_here: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata(made_here)?.uid() == 0)
}

#[cfg(not(unix))]
fn owned_by_root(_made_here: &Path) -> io::Result<bool> {
    Ok(false)
}
