//! `margay`: see `margay --help`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser as _;
use margay_server::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(worker) = cli.query_worker() {
        return worker.run();
    }
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(cli.run());
            // What does not hand back control must not keep the process.
            runtime.shutdown_timeout(Duration::from_millis(500));
            result
        }
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be there to read it any more.
            let _ = writeln!(io::stderr(), "margay: {}", margay_server::cli::error_text(&error));
            ExitCode::FAILURE
        }
    }
}
