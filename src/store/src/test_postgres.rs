//! A PostgreSQL server for tests: made in a temporary directory, gone with the value.
//!
//! One per test process is enough: [`TestPostgres::create_database`] gives each test an empty database.

use std::{
    env, fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, postgres::PgConnection};

use crate::Database;

/// If this environment variable is `1`, a missing PostgreSQL is an error instead of a skipped test.
pub const REQUIRE: &str = "MARGAY_REQUIRE_POSTGRES";

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

/// A running server. Dropping it, also in a panic, stops it and removes its files.
#[derive(Debug)]
pub struct TestPostgres {
    directory: tempfile::TempDir,
    programs: PathBuf,
    as_service_user: bool,
    port: u16,
    databases: AtomicU32,
}

impl TestPostgres {
    /// Starts a server on a free port of 127.0.0.1. `None`, and a line on the standard error, if PostgreSQL
    /// is not installed; an error instead if [`REQUIRE`] is set.
    pub fn start() -> Result<Option<Self>, TestPostgresError> {
        let Some(programs) = find_programs() else {
            if env::var_os(REQUIRE).is_some_and(|value| value == "1") {
                return Err(TestPostgresError(format!("initdb not found, but {REQUIRE}=1")));
            }
            eprintln!("SKIPPED on PostgreSQL: initdb not found");
            return Ok(None);
        };
        let directory = tempfile::tempdir().map_err(|error| failed("temporary directory", &error))?;
        let as_service_user = owned_by_root(directory.path()).map_err(|error| failed("temporary directory", &error))?;
        let mut server = Self { directory, programs, as_service_user, port: 0, databases: AtomicU32::new(0) };
        server.create_cluster()?;
        server.start_on_free_port()?;
        Ok(Some(server))
    }

    /// An empty database of its own for one test.
    pub async fn create_database(&self) -> Result<Database, TestPostgresError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection =
            PgConnection::connect(&self.url("postgres")).await.map_err(|error| failed("connect", &error))?;
        // The name is made above, of a word and a number.
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .map_err(|error| failed("create database", &error))?;
        connection.close().await.map_err(|error| failed("disconnect", &error))?;
        Ok(Database::Postgres { url: self.url(&name) })
    }

    /// The URL of a database of this server. Everybody on this machine may connect, without a password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SERVICE_USER}@127.0.0.1:{}/{database}", self.port)
    }

    fn create_cluster(&self) -> Result<(), TestPostgresError> {
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

impl Drop for TestPostgres {
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
