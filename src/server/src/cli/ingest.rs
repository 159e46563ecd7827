//! `margay ingest LOG_TYPE FILE…`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use margay_domain::{
    clock::Timestamp,
    lake::IngestReport,
    log_source::{LogSource, SourceVolume},
};
use margay_lake::{IngestError, is_same_file, rejects_beside};

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
    check_rejects(&args.files, args.rejects.as_deref())?;
    let parts = Parts::open_or_create(&context.config).await?;
    let mut reports = Vec::new();
    for file in &args.files {
        let now = parts.clock.now();
        let report = match parts.lake.ingest(&args.log_type, file, args.rejects.as_deref(), now).await {
            Ok(report) => report,
            Err(IngestError::Lake(error)) => return Err(error).with_context(|| file.display().to_string()),
            // These name the file they are about.
            Err(other) => return Err(other.into()),
        };
        if let Some(volume) = volume(&args.log_type, &report, now) {
            parts.store.log_sources().record(&[volume], now).await.with_context(|| {
                format!("the events of {} are stored, but could not be counted; do not read it again", file.display())
            })?;
        }
        if !context.json {
            println!("{}: {} of {} events stored", file.display(), report.stored, report.lines);
            for rejected in report.rejected.iter().take(10) {
                println!("  line {}: {}", rejected.line, rejected.reason);
            }
            if report.rejected_total > 0 {
                let kept = args.rejects.clone().unwrap_or_else(|| rejects_beside(file));
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

/// What the source of the command line brought with a file that was read at `now`; `None` if nothing was stored.
fn volume(log_type: &str, report: &IngestReport, now: Timestamp) -> Option<SourceVolume> {
    (report.stored > 0).then(|| SourceVolume {
        begin: now,
        source_id: LogSource::command_line(now).id,
        log_type: log_type.to_owned(),
        bytes: report.bytes,
        events: report.stored,
    })
}

/// Refuses, before anything is opened, to write rejected lines over a file that is to be read.
fn check_rejects(files: &[PathBuf], rejects: Option<&Path>) -> Result<()> {
    for file in files {
        let kept = rejects.map_or_else(|| rejects_beside(file), Path::to_path_buf);
        if let Some(read) = files.iter().find(|read| is_same_file(read, &kept)) {
            bail!(
                "the rejected lines of {} would go into {}, which is read too; name another file with --rejects",
                file.display(),
                read.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_counted() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let report = IngestReport { lines: 3, stored: 2, bytes: 70, rejected_total: 1, ..IngestReport::default() };
        let counted = volume("A.B", &report, now).unwrap();
        assert_eq!((counted.begin, counted.bytes, counted.events, counted.log_type.as_str()), (now, 70, 2, "A.B"));
        assert_eq!(counted.source_id.as_str(), "src_command_line");
        assert_eq!(volume("A.B", &IngestReport { lines: 3, ..IngestReport::default() }, now), None);
    }

    #[test]
    fn rejected_lines_never_overwrite_what_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a", "b", "a.rejected"] {
            std::fs::write(path(name), "x\n").unwrap();
        }
        std::fs::create_dir(path("c")).unwrap();
        let refused = |files: &[&str], rejects: Option<PathBuf>| {
            let files: Vec<PathBuf> = files.iter().map(|name| path(name)).collect();
            check_rejects(&files, rejects.as_deref()).map_err(|error| error.to_string())
        };
        assert_eq!(refused(&["a", "b"], None), Ok(()));
        assert_eq!(refused(&["a"], Some(path("b"))), Ok(()));
        assert_eq!(refused(&["missing"], Some(path("missing"))), Ok(()));
        assert!(refused(&["a"], Some(path("a"))).is_err_and(|text| text.contains("--rejects")));
        assert!(refused(&["a"], Some(path("c/../a"))).is_err());
        assert!(refused(&["b", "a", "a.rejected"], None).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
            assert!(refused(&["a"], Some(path("link"))).is_err());
        }
    }
}
