//! `margay role list`.

use anyhow::Result;
use clap::Subcommand;

use super::Context;
use crate::wiring::Parts;

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Show all roles with their permissions.
    List,
}

pub(super) async fn run(context: &Context, command: &RoleCommand) -> Result<()> {
    let RoleCommand::List = command;
    let parts = Parts::open(&context.config).await?;
    let roles = parts.store.roles().list().await?;
    context.print_rows(&["NAME", "BUILT IN", "PERMISSIONS"], &roles, |role| {
        vec![role.name.clone(), role.built_in.to_string(), role.permissions.to_scope()]
    })?;
    parts.store.close().await;
    Ok(())
}
