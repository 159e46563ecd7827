//! The composition root: command line, configuration, wiring, router.
//!
//! The only crate that knows all others. It holds no rule of its own: what it decides is who gets which port.
//!
//! How to add a command: a file in `cli/` with an `Args` struct and `run`, and a variant in [`cli::Command`].

pub mod authorization;
pub mod cli;
pub mod config;
pub mod demo;
pub mod health;
pub mod telemetry;
pub mod wiring;

mod assets;
mod data_folder;
mod linger;
mod unfinished;
mod wrong_address;
