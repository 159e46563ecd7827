//! The command line.

use std::{io::IsTerminal as _, path::PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::config::Config;

mod audit;
mod client;
mod config;
mod demo;
mod import;
mod ingest;
mod keys;
mod migrate;
mod query;
mod role;
mod schema;
mod serve;
mod source;
mod user;

pub use serve::{Running, start};
pub(crate) use user::accounts;

/// Margay: a self-hosted Remote MCP server for security operations.
#[derive(Debug, Parser)]
#[command(name = "margay", version, about, propagate_version = true)]
pub struct Cli {
    /// The configuration file; without it `margay.toml` in the current folder, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder; overrides `data.dir`.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print data as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve pages, authorization server and MCP endpoint.
    Serve(serve::Args),
    /// Serve a generated week of logs, detections and alerts with three people. Loopback only.
    Demo(demo::Args),
    /// People: add, list, set-role, set-password, enable, disable.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Roles: list.
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// MCP clients: list, add, approve.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// The keys that sign access tokens: list, rotate.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Log schemas: list, check, add.
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// Log sources: list.
    #[command(subcommand)]
    Source(source::SourceCommand),
    /// Read files of JSON lines into the table of a log type.
    Ingest(ingest::Args),
    /// Import detections, what they share, and enrichments from a folder in the YAML layout of the field.
    Import(import::Args),
    /// Run one read-only SQL statement over the lake.
    Query(query::Args),
    /// The audit log: search.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The configuration: check, print.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Bring the database to this version's form, and stop.
    Migrate,
}

/// What every command gets.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) json: bool,
    /// Whether the data folder was named on the command line.
    pub(crate) data_dir_given: bool,
}

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> Result<()> {
        let mut config = Config::load(self.config.as_deref())?;
        let data_dir_given = self.data_dir.is_some();
        if let Some(dir) = self.data_dir {
            config.data.dir = dir;
        }
        crate::telemetry::start(&config.log)?;
        let context = Context { config, json: self.json, data_dir_given };
        match self.command {
            Command::Serve(args) => serve::run(context, args).await,
            Command::Demo(args) => demo::run(context, args).await,
            Command::User(command) => user::run(&context, command).await,
            Command::Role(command) => role::run(&context, &command).await,
            Command::Client(command) => client::run(&context, command).await,
            Command::Keys(command) => keys::run(&context, &command).await,
            Command::Schema(command) => schema::run(&context, command).await,
            Command::Source(command) => source::run(&context, &command).await,
            Command::Ingest(args) => ingest::run(&context, args).await,
            Command::Import(args) => import::run(&context, args).await,
            Command::Query(args) => query::run(&context, args).await,
            Command::Audit(command) => audit::run(&context, command).await,
            Command::Config(command) => config::run(&context, &command),
            Command::Migrate => migrate::run(&context).await,
        }
    }
}

impl Context {
    /// Prints rows: as a JSON array with `--json`, else as an aligned table.
    pub(crate) fn print_rows<T: Serialize>(
        &self,
        header: &[&str],
        rows: &[T],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(rows)?);
            return Ok(());
        }
        let table: Vec<Vec<String>> = rows.iter().map(cells).collect();
        print_table(header, &table);
        Ok(())
    }
}

/// An aligned table. Control characters are replaced: cells may hold text from logs.
fn print_table(header: &[&str], rows: &[Vec<String>]) {
    let clean = |text: &str| text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
    let mut widths: Vec<usize> = header.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", padded.join("  ").trim_end());
    };
    if std::io::stdout().is_terminal() || !rows.is_empty() {
        line(&mut header.iter().map(|title| (*title).to_owned()));
    }
    for row in rows {
        line(&mut row.iter().map(|cell| clean(cell)));
    }
}
