//! The command line.

use std::{io::IsTerminal as _, path::PathBuf};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use margay_rules::display;
use serde::Serialize;

use crate::{
    config::Config,
    telemetry::{self, Reader},
};

#[macro_use]
mod output;

mod audit;
mod client;
mod config;
mod demo;
mod import;
mod ingest;
mod keys;
mod migrate;
mod query;
pub(crate) mod query_worker;
mod role;
mod schema;
mod serve;
mod source;
mod user;

pub use serve::{Running, start};
pub(crate) use user::accounts;

/// Margay lets AI assistants work with your security data: logs, detections and alerts.
///
/// It is a server that you run yourself. People sign in to it and connect their assistant (Claude, Cursor, VS Code and
/// others) through the Model Context Protocol (MCP); the assistant can do only what that person allowed.
///
/// Try it with `margay demo`. To begin in earnest, run `margay serve`, then `margay ingest` for logs and
/// `margay import` for detections.
#[derive(Debug, Parser)]
#[command(name = "margay", version, propagate_version = true)]
pub struct Cli {
    /// The configuration file. Without it, margay.toml in the current folder is used, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder in which Margay keeps its data; overrides data.dir of the configuration.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print results as JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: the web pages, sign-in, and the MCP endpoint that assistants connect to.
    ///
    /// On the first start it prints a link with which the first admin is created. Ctrl-C or SIGTERM ends it.
    Serve(serve::Args),
    /// Try Margay with made-up data: a week of logs, detections and alerts, and three people.
    ///
    /// Listens on this machine only. Without --data-dir everything is thrown away at the end.
    Demo(demo::Args),
    /// Manage the people who may sign in.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Show the roles that people can have, and what each may do.
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// Manage the MCP clients (assistants and programs) that people connect.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Manage the keys that sign access tokens.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Manage log schemas, which say what the events of a log type look like.
    ///
    /// A log schema is a YAML file. The smallest one names only where the time is; everything else in an event can then
    /// be queried under p_unmapped:
    ///
    /// schema: AWS.ALB{n}fields:{n}  - { name: time, type: timestamp, isEventTime: true }
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// Show where events come from, and whether they still come.
    #[command(subcommand)]
    Source(source::SourceCommand),
    /// Store events of one log type, so that they can be queried.
    ///
    /// Events are JSON objects: one on each line, one after the other, over several lines, in lists, or in the wrappers
    /// of vendors such as `{"Records": [...]}`. Files may be compressed with gzip or zstd and written in UTF-8 or
    /// UTF-16; their names do not matter. All events of a file are stored at once, or none if the file cannot be read to
    /// its end.
    ///
    /// What is no event is counted, named by its line, and kept in a file, so that it can be mended and ingested again.
    ///
    /// Exit status: 0 if everything was stored, 1 if something was left out or failed, 2 if the command line is wrong.
    Ingest(ingest::Args),
    /// Import detections, what they share, and lookup tables from a folder of YAML files.
    ///
    /// The files have the layout of the repository panther-analysis. What is there with the same id is replaced: whether
    /// a detection is enabled is then what its file says.
    ///
    /// Exit status: 0 if everything was imported, 1 if something was left out or failed, 2 if the command line is wrong.
    Import(import::Args),
    /// Run one SQL query over the stored events.
    ///
    /// Only SELECT can be run (also WITH and EXPLAIN), and every table of events needs a time range:
    ///
    /// margay query "SELECT eventname, count(*) AS n FROM aws_cloudtrail WHERE p_occurs_since('1 d') GROUP BY 1"
    Query(query::Args),
    /// Serve queries of a server, which starts this itself.
    #[command(hide = true)]
    QueryWorker(query_worker::Args),
    /// Read the audit log: who did what, and which tools assistants called.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Bring the database to the form that this version needs, and stop.
    ///
    /// `margay serve` does that, too, when it starts.
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
    /// What to do as a query worker, if that is asked for.
    pub const fn query_worker(&self) -> Option<&query_worker::Args> {
        if let Command::QueryWorker(args) = &self.command { Some(args) } else { None }
    }

    /// Runs the command; a query worker has [`Self::query_worker`].
    pub async fn run(self) -> Result<()> {
        let mut config = Config::load(self.config.as_deref())?;
        let data_dir_given = self.data_dir.is_some();
        if let Some(dir) = self.data_dir {
            config.data.dir = dir;
        }
        let serves = matches!(self.command, Command::Serve(_) | Command::Demo(_));
        telemetry::start(&config.log, if serves { Reader::Operator } else { Reader::Terminal })?;
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
            Command::QueryWorker(_) => bail!("a query worker needs a runtime of its own"),
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
        self.print_table(header, rows, usize::MAX, cells).map(|_| ())
    }

    /// The same; of each cell of a table at most `limit` characters are shown. Whether any was longer.
    pub(crate) fn print_table<T: Serialize>(
        &self,
        header: &[&str],
        rows: &[T],
        limit: usize,
        cells: impl Fn(&T) -> Vec<String>,
    ) -> Result<bool> {
        if self.json {
            say!("{}", json_text(rows)?)?;
            return Ok(false);
        }
        let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
        let lines = table(header, &cells, limit);
        // Without rows only a terminal gets the header.
        let skipped = usize::from(!std::io::stdout().is_terminal() && rows.is_empty());
        for line in lines.iter().skip(skipped) {
            say!("{line}")?;
        }
        Ok(cells.iter().flatten().any(|cell| cell.chars().nth(limit).is_some()))
    }
}

/// A value as JSON over several lines. Text from logs can neither hide in it nor move a terminal's cursor.
pub(crate) fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    Ok(display::json(&serde_json::to_string_pretty(value)?).into_owned())
}

/// A text that somebody else chose, in one line: what is hidden in it, or does something to a terminal, is written out.
pub(crate) fn shown(text: &str) -> String {
    display::shown(text, usize::MAX)
}

/// An error with its causes, without what libraries add for their authors. It may quote a file or a statement, so that each line is shown as text of others.
pub fn error_text(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let text = ["\n\nbacktrace:", "\nBacktrace", "\nbacktrace", "\nstack backtrace"]
        .iter()
        .fold(text.as_str(), |text, mark| text.split(mark).next().unwrap_or_default());
    text.trim_end().lines().map(shown).collect::<Vec<_>>().join("\n")
}

/// The lines of an aligned table, the header first. Cells may hold text from logs; longer ones than `limit` characters
/// end in an ellipsis.
fn table(header: &[&str], rows: &[Vec<String>], limit: usize) -> Vec<String> {
    let header: Vec<String> = header.iter().map(|title| shown(title)).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| display::shown(cell, limit)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let mut widths: Vec<usize> = Vec::new();
    for line in &lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    // By hand: the width of a format is limited to 16 bits.
    let padding = |cell: &str, width: usize| " ".repeat(width.saturating_sub(cell.chars().count()));
    let padded = |line: &Vec<String>| -> Vec<String> {
        line.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", padding(cell, *width))).collect()
    };
    lines.iter().map(|line| padded(line).join("  ").trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HIDDEN: &str = "a\u{202e}b\u{1b}[2K\u{9b}\u{3164}\u{e0041}\nc";

    #[test]
    fn a_table_writes_out_what_hides_and_stays_aligned() {
        let rows = [vec![HIDDEN.to_owned(), "x".to_owned()], vec!["محمد".to_owned(), "y".to_owned()]];
        let lines = table(&["NAME", "B"], &rows, usize::MAX);
        assert!(lines.iter().all(|line| !line.contains(display::is_deceptive)), "{lines:?}");
        assert_eq!(lines[1], "a\\u{202e}b\\u{1b}[2K\\u{9b}\\u{3164}\\u{e0041}\\nc  x");
        assert!(lines[2].starts_with("محمد  "), "{}", lines[2]);
        assert_eq!(table(&["A"], &[], 1), ["A"]);
    }

    #[test]
    fn a_long_cell_is_shortened_and_never_stops_the_program() {
        let rows = [vec!["x".repeat(70_000), "y".to_owned()], vec!["z".to_owned(), "y".to_owned()]];
        let lines = table(&["A", "B"], &rows, usize::MAX);
        assert_eq!((lines[1].len(), lines[2].len()), (70_003, 70_003));
        assert_eq!(table(&["A", "B"], &rows, 3), ["A     B", "xxx…  y", "z     y"]);
    }

    #[test]
    fn an_error_has_no_backtrace() {
        let error = anyhow::anyhow!("garbage in the log\n\nbacktrace:\n   0: std::backtrace").context("a table");
        assert_eq!(error_text(&error), "a table: garbage in the log");
    }

    #[test]
    fn json_has_the_same_value_and_nothing_hidden() {
        let value = json!([{ HIDDEN: HIDDEN }]);
        let text = json_text(&value).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !display::is_deceptive(c)), "{text}");
        assert!(text.contains("\\u202e") && text.contains("\\u009b") && text.contains("\\udb40\\udc41"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
