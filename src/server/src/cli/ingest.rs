//! `margay ingest LOG_TYPE FILE…`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use margay_domain::ports::DataLake as _;

use super::Context;
use crate::wiring::Parts;

/// Read files of JSON lines into the table of a log type.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The log type, for example AWS.CloudTrail. `margay schema list` shows them.
    log_type: String,
    /// Files with one JSON object a line.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where lines that cannot be read are kept; without it beside each file, with `.rejected` appended.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, args: Args) -> Result<()> {
    if args.rejects.is_some() && args.files.len() > 1 {
        bail!("--rejects can be given with one file only");
    }
    let parts = Parts::open(&context.config).await?;
    let mut reports = Vec::new();
    for file in &args.files {
        let report = parts
            .lake
            .ingest_file(&args.log_type, file, args.rejects.as_deref(), parts.clock.now())
            .await
            .with_context(|| format!("{}", file.display()))?;
        if !context.json {
            println!("{}: {} of {} events stored", file.display(), report.stored, report.lines);
            for rejected in report.rejected.iter().take(10) {
                println!("  line {}: {}", rejected.line, rejected.reason);
            }
            if report.rejected_total > 0 {
                let kept = args.rejects.clone().unwrap_or_else(|| {
                    let mut name = file.clone().into_os_string();
                    name.push(".rejected");
                    PathBuf::from(name)
                });
                println!("  {} lines rejected, kept in {}", report.rejected_total, kept.display());
            }
            if report.misfits > 0 {
                println!("  {} values did not fit their column and are kept in p_unmapped", report.misfits);
            }
        }
        reports.push(serde_json::json!({ "file": file, "report": report }));
    }
    if context.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    }
    parts.store.close().await;
    Ok(())
}
