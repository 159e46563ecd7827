//! Query worker processes: everything that is done with a statement happens in one, so that memory, planning time,
//! regular expressions and cancellation are the kernel's business and not that of the process that serves HTTP.
//!
//! - [`protocol`]: what is asked and answered, in frames over standard input and output.
//! - [`process`]: one worker, as the process that asks it sees it. Dropping it kills it.
//! - [`pool`]: few workers for many queries, with deadlines that hold whatever a worker does.
//! - [`serve`]: the worker itself; [`runner`] does what it is asked.
//!
//! Rows travel as JSON that the worker makes within the limit on one answer. The asking process needs JSON anyway, and
//! so it never decodes columns whose layout a broken worker wrote.

mod limits;
mod pool;
mod process;
mod protocol;
mod runner;
mod serve;

use std::{ffi::OsString, path::PathBuf};

pub(crate) use pool::{Pool, spill_folder};
pub(crate) use protocol::{Answer, EventsJob, Job, QueryJob, Setup, Spill};
pub(crate) use runner::Runner;
pub use serve::run as run_worker;

/// How a worker is started: the program that calls [`run_worker`], with its arguments. It gets none of this process's
/// environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Whether nobody reads a log: the one who asked is told all there is to tell.
    pub is_quiet: bool,
}
