//! The worker itself.

use std::{
    io,
    num::NonZeroUsize,
    process::ExitCode,
    sync::{Arc, Barrier, mpsc},
    time::Duration,
};

use margay_domain::lake::LakeError;
use tokio::runtime::{Builder, Runtime};

use super::{
    Runner, Setup, limits,
    protocol::{self, Answer, Job, Ready},
};

/// Threads that compute; more do not make one query faster, and each takes a share of its memory.
const MAX_THREADS: usize = 4;
/// Threads that read and write files. All begin before the address space is limited, so that none fails later.
const FILE_THREADS: usize = 16;
/// Deeply nested SQL is planned by recursion; unoptimised builds need room for it, in bytes.
const STACK: usize = 16 << 20;

/// Serves jobs from standard input until it ends. Called by the program that [`super::WorkerCommand`] names, before it
/// starts any thread or runtime of its own.
pub fn run() -> ExitCode {
    hush_panics();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // The end of the pipe: the process that asks is gone.
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "a query worker could not go on");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    limits::lower()?;
    let setup: Setup = protocol::read(&mut io::stdin().lock())?;
    let memory_bytes = setup.memory_bytes;
    let runtime = runtime()?;
    let runner = Arc::new(Runner::new(setup).map_err(io::Error::other)?);
    limits::enclose(memory_bytes)?;
    let jobs = jobs()?;
    let mut output = io::stdout().lock();
    protocol::write(&mut output, &Ready)?;
    while let Ok(job) = jobs.recv() {
        let runner = Arc::clone(&runner);
        let task = runtime.spawn(async move { runner.run(job).await });
        let answer = runtime.block_on(task).unwrap_or(Answer::Failed(LakeError::Crashed));
        protocol::write(&mut output, &answer.packed())?;
    }
    Ok(())
}

/// Reads jobs on a thread of its own. At the end of the input it ends the process at once, so that none outlives the
/// process that asked, whatever it computes.
fn jobs() -> io::Result<mpsc::Receiver<Job>> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut input = io::stdin().lock();
        while let Ok(job) = protocol::read(&mut input) {
            if sender.send(job).is_err() {
                break;
            }
        }
        std::process::exit(0);
    };
    std::thread::Builder::new().name("requests".to_owned()).spawn(read)?;
    Ok(receiver)
}

/// A runtime all of whose threads are there.
fn runtime() -> io::Result<Runtime> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS);
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(FILE_THREADS)
        .thread_keep_alive(Duration::from_hours(1_000_000))
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    let all_there = Arc::new(Barrier::new(FILE_THREADS + 1));
    for _ in 0..FILE_THREADS {
        let all_there = Arc::clone(&all_there);
        runtime.spawn_blocking(move || all_there.wait());
    }
    all_there.wait();
    Ok(runtime)
}

/// The text of a panic may hold values of rows; only its place goes to the log.
fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "the query engine panicked");
    }));
}
