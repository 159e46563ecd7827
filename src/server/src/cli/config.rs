//! `margay config check|print`.

use anyhow::Result;
use clap::Subcommand;

use super::Context;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether a server can be started with the configuration.
    Check,
    /// Show all settings with the values in force: defaults, file, environment and command line together.
    Print,
}

pub(super) fn run(context: &Context, command: &ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check => {
            context.config.validate()?;
            let addresses = context.config.addresses(context.config.server.listen)?;
            for warning in context.config.warnings() {
                say!("Warning: {warning}.")?;
            }
            say!("The configuration is good. MCP endpoint: {}/mcp", addresses.api_url)?;
        }
        ConfigCommand::Print => {
            let mut shown = context.config.clone();
            if let Ok(mut url) = url::Url::parse(&shown.database.url)
                && url.password().is_some()
                && url.set_password(Some("…")).is_ok()
            {
                shown.database.url = url.into();
            }
            say!("{}", toml::to_string(&shown)?.trim_end())?;
        }
    }
    Ok(())
}
