//! `margay query SQL`.

use std::time::Duration;

use anyhow::Result;
use margay_domain::{
    lake::{LOGS_DATABASE, QueryRequest},
    ports::DataLake as _,
    role::LogTypeAccess,
};
use serde_json::Value;

use super::Context;
use crate::wiring::Parts;

/// Run one read-only SQL statement over the lake.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The statement. Tables of events need a time filter, for example `p_occurs_since('1 d')`.
    sql: String,
    /// Where unqualified tables are.
    #[arg(long, default_value = LOGS_DATABASE)]
    database: String,
    /// At most so many rows.
    #[arg(long, default_value_t = 100)]
    max_rows: usize,
    /// Seconds until the query is given up.
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    let parts = Parts::open(&context.config).await?;
    let result = parts
        .lake
        .query(QueryRequest {
            sql: args.sql,
            database: args.database,
            max_rows: args.max_rows,
            offset: 0,
            timeout: Duration::from_secs(args.timeout),
            now: parts.clock.now(),
            log_types: LogTypeAccess::AllowAll,
        })
        .await?;
    let header: Vec<&str> = result.columns.iter().map(|column| column.name.as_str()).collect();
    context.print_rows(&header, &result.rows, |row| {
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
    parts.store.close().await;
    Ok(())
}
