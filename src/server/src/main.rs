//! `margay`: see `margay --help`.

use std::process::ExitCode;

use clap::Parser as _;
use margay_server::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Deeply nested SQL is planned by recursion; unoptimised builds need room for it.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(16 << 20).build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("margay: {error:#}");
            ExitCode::FAILURE
        }
    }
}
