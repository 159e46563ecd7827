//! Standard output, for those who may stop reading it.

use std::{
    fmt,
    io::{self, Write as _},
};

use anyhow::{Context as _, Result};

/// Writes a line to standard output. That nobody reads any more (`margay query … | head -1`) is no failure: what the
/// command does besides is done all the same.
pub(crate) fn line(text: fmt::Arguments<'_>) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}

/// [`line`] with a format, as `println!` has it.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::output::line(format_args!($($text)*)) };
}

/// A number with a word in the singular or the plural.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
