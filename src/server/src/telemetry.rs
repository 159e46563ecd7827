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
    // The planner and the table format talk a lot at `info`.
    let quiet = ["datafusion", "deltalake", "deltalake_core", "delta_kernel", "buoyant_kernel", "sqlx", "rmcp"];
    let asked = filter(&log.filter)?;
    let filter = quiet.into_iter().fold(asked, |filter, target| match format!("{target}=warn").parse() {
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
