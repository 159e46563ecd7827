//! `cargo xtask`: builds what the browser gets, and checks what compilers do not.
//!
//! How to add a command: a variant of [`Command`] and a file of its own.

mod assets;
mod style;

use anyhow::Result;
use clap::Parser;

/// Build steps and checks that are not cargo's.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Builds the WebAssembly bundle and the style sheet, copies `public/`, compresses all of it.
    Assets {
        /// Does not make the bundle small, unless it was made small here before: several minutes less on a new machine.
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Assets { quick } => assets::build(quick),
    }
}
