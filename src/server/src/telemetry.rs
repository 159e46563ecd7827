//! Logging to standard error.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Starts logging. A filter that cannot be read falls back to `info`, and says so.
pub fn start(log: &Log) {
    let (filter, problem) = match EnvFilter::try_new(&log.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    // The planner and the table format talk a lot at `info`.
    let quiet = ["datafusion", "deltalake", "deltalake_core", "delta_kernel", "buoyant_kernel", "sqlx", "rmcp"];
    let filter = quiet.into_iter().fold(filter, |filter, target| match format!("{target}=warn").parse() {
        Ok(directive) if !log.filter.contains(target) => filter.add_directive(directive),
        _ => filter,
    });
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_target(false).compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if let (Some(error), Ok(())) = (problem, started) {
        tracing::warn!(%error, "log.filter cannot be read; using info");
    }
}
