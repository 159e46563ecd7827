//! What a worker takes from itself before it works: priority, core dumps, address space.

use std::io;

use rustix::process::{Resource, Rlimit, nice, setrlimit};

/// How much the worker gives way: HTTP gets the processor first.
const NICE: i32 = 15;
/// Memory beside the pool of a query, in bytes: batches that are being worked on, plans, answers.
const BESIDE_THE_POOL: u64 = 192 * 1024 * 1024;

/// Gives way to the process that serves HTTP, and leaves no rows in a core dump.
pub(super) fn lower() -> io::Result<()> {
    nice(NICE)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Limits the address space to what is in use now and `memory_bytes` for a query, with a margin.
///
/// Where more is asked for, the allocator ends the process, and nothing else on the machine is touched.
pub(super) fn enclose(memory_bytes: usize) -> io::Result<()> {
    let Some(used) = used_bytes()? else { return Ok(()) };
    let most = used.saturating_add(memory_bytes as u64).saturating_add(BESIDE_THE_POOL);
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(())
}

/// The address space in use, where the system tells.
fn used_bytes() -> io::Result<Option<u64>> {
    let text = match std::fs::read_to_string("/proc/self/statm") {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let pages: Option<u64> = text.split_whitespace().next().and_then(|pages| pages.parse().ok());
    Ok(pages.map(|pages| pages.saturating_mul(rustix::param::page_size() as u64)))
}
