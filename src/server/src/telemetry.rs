//! Logging to standard error.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{ConfigError, Log, LogFormat};

/// Reads `log.filter`.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(text).map_err(|error| {
        ConfigError::Invalid(format!("log.filter: {text:?} is no filter such as info or margay=debug,warn ({error})"))
    })
}

/// Starts logging. In a process that logs already nothing changes.
pub fn start(log: &Log) -> Result<(), ConfigError> {
    // The planner and the table format talk a lot at `info`. What the protocol library warns of are mistakes of clients,
    // with ids that they chose.
    let quiet = [
        ("datafusion", "warn"),
        ("deltalake", "warn"),
        ("deltalake_core", "warn"),
        ("delta_kernel", "warn"),
        ("buoyant_kernel", "warn"),
        ("sqlx", "warn"),
        ("rmcp", "error"),
    ];
    let asked = filter(&log.filter)?;
    let filter = quiet.into_iter().fold(asked, |filter, (target, level)| match format!("{target}={level}").parse() {
        Ok(directive) if !log.filter.contains(target) => filter.add_directive(directive),
        _ => filter,
    });
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => builder.with_target(false).compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}
