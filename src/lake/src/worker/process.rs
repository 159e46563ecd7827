//! One worker, as the process that asks it sees it.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use margay_domain::lake::LakeError;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{
    WorkerCommand,
    protocol::{Answer, Job, Setup, Spill, frame, receive, send},
};
use crate::errors::unavailable;

/// `SIGABRT`: the allocator found no memory.
const ABORTED: i32 = 6;
/// `SIGKILL`: the kernel found no memory, or an operator ended it.
const KILLED: i32 = 9;

/// A worker that is ready. Dropping it kills the process, whatever it does.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    is_quiet: bool,
    /// Removed with the worker, which has no time to do so itself.
    _spill: Option<Folder>,
}

/// A folder that is removed with all that is in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %folder.display(), "what a query put aside could not be removed");
        }
        _ => {}
    }
}

impl Worker {
    /// Starts a worker and waits until it is ready. Where that fails the lake is [`LakeError::Unavailable`]: no query
    /// has been tried yet.
    pub(super) async fn start(command: &WorkerCommand, setup: &Setup) -> Result<Self, LakeError> {
        let mut setup = setup.clone();
        let spill = setup.spill.as_ref().map(|Spill { folder, .. }| Folder(folder.clone()));
        if let Some(folder) = &spill
            && let Err(error) = tokio::fs::create_dir_all(&folder.0).await
        {
            // A full disk refuses only what is large.
            tracing::warn!(%error, folder = %folder.0.display(), "a query worker cannot put anything aside");
            setup.spill = None;
        }
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            // The configuration of a server holds secrets. One arena, so that the limit on address space is exact.
            .env_clear()
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if command.is_quiet { Stdio::null() } else { Stdio::inherit() })
            .kill_on_drop(true)
            // An interrupt at the terminal is for the server, which ends its workers in its own time.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unavailable("a query worker has no pipes"));
        };
        let mut worker = Self { child, input, output, is_quiet: command.is_quiet, _spill: spill };
        let setup = frame(&setup).map_err(failed)?;
        send(&mut worker.input, &setup).await.map_err(failed)?;
        receive(&mut worker.output).await.map_err(failed)?;
        Ok(worker)
    }

    /// Whether the process is there still.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Does a job. After [`Answer::Failed`] with an error that [`is_fatal`], and after any other end than an answer, the
    /// worker must not be used again.
    pub(super) async fn ask(&mut self, job: &Job) -> Answer {
        match self.exchange(job).await {
            Ok(answer) => answer,
            Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => {
                let status = self.child.wait().await;
                if !self.is_quiet {
                    tracing::warn!(?status, "a query worker ended in the middle of a query");
                }
                Answer::Failed(status.map_or(LakeError::Crashed, death))
            }
            Err(error) => {
                tracing::error!(%error, "the answer of a query worker cannot be read");
                Answer::Failed(LakeError::Crashed)
            }
        }
    }

    async fn exchange(&mut self, job: &Job) -> io::Result<Answer> {
        send(&mut self.input, &frame(job)?).await?;
        let bytes = receive(&mut self.output).await?;
        // An answer may have many megabytes, and the threads of this runtime serve HTTP.
        let read = tokio::task::spawn_blocking(move || serde_json::from_slice(&bytes).map(Answer::unpacked));
        Ok(read.await.map_err(io::Error::other)??)
    }
}

/// A worker could not be started.
fn failed(error: io::Error) -> LakeError {
    unavailable(format!("a query worker could not be started: {error}"))
}

/// What the end of a worker says about the statement that it ran.
fn death(status: ExitStatus) -> LakeError {
    match status.signal() {
        Some(ABORTED | KILLED) => LakeError::OutOfMemory,
        _ => LakeError::Crashed,
    }
}

/// Whether a worker that answers so may be in a bad state.
pub(super) const fn is_fatal(answer: &Answer) -> bool {
    matches!(answer, Answer::Failed(LakeError::Crashed | LakeError::OutOfMemory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_worker_is_the_fault_of_its_statement() {
        for (status, expected) in [
            (ExitStatus::from_raw(6), LakeError::OutOfMemory),
            (ExitStatus::from_raw(9), LakeError::OutOfMemory),
            (ExitStatus::from_raw(11), LakeError::Crashed),
            (ExitStatus::from_raw(0), LakeError::Crashed),
            (ExitStatus::from_raw(1 << 8), LakeError::Crashed),
        ] {
            assert_eq!(death(status), expected, "{status}");
        }
    }
}
