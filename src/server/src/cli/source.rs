//! `margay source list`.

use anyhow::Result;
use clap::Subcommand;
use margay_domain::{clock::Timestamp, log_source::LogSource};
use serde::Serialize;

use super::Context;
use crate::wiring::Parts;

/// What to do with log sources.
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Show all log sources, when their last event came, and what is wrong with them.
    List,
}

/// A source with its health at this moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    source: LogSource,
    is_healthy: bool,
    /// What is wrong with it, in one sentence.
    problem: Option<String>,
}

impl Shown {
    fn new(source: LogSource, now: Timestamp) -> Self {
        let problem = source.problem(now);
        Self { source, is_healthy: problem.is_none(), problem }
    }
}

pub(super) async fn run(context: &Context, command: &SourceCommand) -> Result<()> {
    let SourceCommand::List = command;
    let parts = Parts::open(&context.config).await?;
    let now = parts.clock.now();
    let sources = parts.store.log_sources().list().await?;
    let shown: Vec<Shown> = sources.into_iter().map(|source| Shown::new(source, now)).collect();
    context.print_rows(&["ID", "LABEL", "KIND", "LOG TYPES", "LAST EVENT", "HEALTH"], &shown, cells)?;
    parts.store.close().await;
    Ok(())
}

fn cells(shown: &Shown) -> Vec<String> {
    let Shown { source, problem, .. } = shown;
    let last = source.last_received_at.map_or_else(|| "never".to_owned(), Timestamp::to_display);
    vec![
        source.id.to_string(),
        source.label.clone(),
        source.kind.to_string(),
        source.log_types.join(" "),
        last,
        problem.clone().unwrap_or_else(|| "healthy".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use margay_domain::log_source::SourceKind;

    use super::*;

    #[test]
    fn a_source_is_shown_with_its_health() {
        let then = Timestamp::from_seconds(1_800_000_000);
        let mut source = LogSource::command_line(then);
        source.log_types = vec!["A.B".to_owned(), "C.D".to_owned()];
        let healthy = Shown::new(source.clone(), then);
        assert_eq!(
            cells(&healthy),
            ["src_command_line", "Files from the command line", "file-upload", "A.B C.D", "never", "healthy"]
        );
        source.quiet_after_minutes = Some(30);
        source.last_received_at = Some(then);
        let quiet = Shown::new(source, then.plus(Duration::from_hours(1)));
        let shown = cells(&quiet);
        assert_eq!(shown.get(4).map(String::as_str), Some("2027-01-15 08:00:00 UTC"));
        assert!(shown.last().is_some_and(|health| health.contains("every 30 minutes")), "{shown:?}");
    }

    #[test]
    fn json_names_health_beside_the_source() {
        let then = Timestamp::from_seconds(1_800_000_000);
        let json = serde_json::to_value(Shown::new(LogSource::command_line(then), then)).unwrap();
        assert_eq!(json.get("id").and_then(|id| id.as_str()), Some("src_command_line"));
        assert_eq!(json.get("kind").and_then(|kind| kind.as_str()), Some(SourceKind::FileUpload.as_str()));
        assert_eq!(json.get("isHealthy"), Some(&true.into()));
        assert_eq!(json.get("problem"), Some(&serde_json::Value::Null));
    }
}
