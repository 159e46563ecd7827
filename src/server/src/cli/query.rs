//! `margay query SQL`.

use std::{
    io::{self, Read as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result};
use margay_domain::{
    lake::{LOGS_DATABASE, LakeError, QueryRequest},
    ports::DataLake as _,
    role::LogTypeAccess,
};
use serde_json::Value;

use super::Context;
use crate::wiring::Parts;

/// More characters of a cell are shown only with `--json`.
const MAX_CELL: usize = 100;

/// The statement, and its limits.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The statement; - reads it from standard input.
    #[arg(allow_hyphen_values = true, required_unless_present = "file")]
    sql: Option<String>,
    /// Read the statement from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "sql")]
    file: Option<PathBuf>,
    /// The database of tables that are named without one.
    #[arg(long, default_value = LOGS_DATABASE)]
    database: String,
    /// Show at most this many rows.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    max_rows: usize,
    /// Give the query up after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// An error with the place in the statement, where it has one.
fn with_place(error: LakeError) -> anyhow::Error {
    match error {
        LakeError::BadSql { message, position: Some((line, column)) } => {
            anyhow::anyhow!("SQL error at line {line}, column {column}: {message}")
        }
        other => other.into(),
    }
}

impl Args {
    fn statement(&self) -> Result<String> {
        match (&self.file, self.sql.as_deref()) {
            (Some(file), _) => std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())),
            (None, Some("-")) => {
                let mut sql = String::new();
                io::stdin().lock().read_to_string(&mut sql).context("cannot read the statement from standard input")?;
                Ok(sql)
            }
            (None, sql) => Ok(sql.unwrap_or_default().to_owned()),
        }
    }
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let sql = args.statement()?;
    let parts = Parts::open(&context.config).await?;
    let result = parts
        .lake
        .query(QueryRequest {
            sql,
            database: args.database,
            max_rows: args.max_rows,
            offset: 0,
            timeout: Duration::from_secs(args.timeout),
            now: parts.clock.now(),
            log_types: LogTypeAccess::AllowAll,
            person: None,
        })
        .await
        .map_err(with_place)?;
    let header: Vec<&str> = result.columns.iter().map(|column| column.name.as_str()).collect();
    let shortened = context.print_table(&header, &result.rows, MAX_CELL, |row| {
        header
            .iter()
            .map(|name| match row.get(*name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            })
            .collect()
    })?;
    if result.truncated && !context.json {
        eprintln!("More rows follow; raise --max-rows.");
    }
    if shortened {
        eprintln!("Values of more than {MAX_CELL} characters are shortened; --json shows them whole.");
    }
    parts.store.close().await;
    Ok(())
}
