//! `margay config check|print`.

use anyhow::Result;
use clap::Subcommand;

use super::Context;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether it can be used.
    Check,
    /// Print all keys with the values in force.
    Print,
}

pub(super) fn run(context: &Context, command: &ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check => {
            context.config.validate()?;
            let addresses = context.config.addresses(context.config.server.listen)?;
            println!("The configuration is good. MCP endpoint: {}/mcp", addresses.api_url);
        }
        ConfigCommand::Print => {
            let mut shown = context.config.clone();
            if let Ok(mut url) = url::Url::parse(&shown.database.url)
                && url.password().is_some()
                && url.set_password(Some("…")).is_ok()
            {
                shown.database.url = url.into();
            }
            print!("{}", toml::to_string(&shown)?);
        }
    }
    Ok(())
}
