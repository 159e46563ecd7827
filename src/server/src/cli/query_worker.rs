//! `margay query-worker`: what a server, and `margay query`, start for their queries. Not for people.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use margay_lake::WorkerCommand;

use crate::{
    config::{Log, LogFormat},
    telemetry::{self, Reader},
};

/// Serve queries on standard input and output. Started by the server; not for people.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `log.filter` of the server.
    #[arg(long, default_value = "info")]
    log_filter: String,
    /// Whether `log.format` of the server is `json`.
    #[arg(long)]
    log_json: bool,
}

impl Args {
    /// Serves until the input ends. To be called before any runtime is made: a worker has its own, within its limits.
    pub fn run(&self) -> ExitCode {
        let format = if self.log_json { LogFormat::Json } else { LogFormat::Text };
        let log = Log { filter: self.log_filter.clone(), format };
        if let Err(error) = telemetry::start(&log, Reader::Operator) {
            eprintln!("margay: {error}");
            return ExitCode::FAILURE;
        }
        margay_lake::run_worker()
    }
}

/// How `program` is started as a worker that logs as `log` says, for this reader.
pub(crate) fn command(program: PathBuf, log: &Log, reader: Reader) -> WorkerCommand {
    let mut arguments: Vec<OsString> = ["query-worker", "--log-filter", &log.filter].map(OsString::from).into();
    if log.format == LogFormat::Json {
        arguments.push("--log-json".into());
    }
    WorkerCommand { program, arguments, is_quiet: reader == Reader::Terminal }
}

/// The program that runs now: the very same one, also where its file was replaced since by another version.
pub(crate) fn own_program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Ok(running) } else { std::env::current_exe() }
}
