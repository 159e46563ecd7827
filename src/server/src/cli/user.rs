//! `margay user add|list|set-role|set-password|enable|disable`.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use margay_domain::clock::Timestamp;
use margay_signin::accounts::{Accounts, KeepConnections, NewAccount};
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use crate::wiring::Parts;

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a person. Asks for the password; it can also be piped in or set in MARGAY_USER_PASSWORD.
    Add(Add),
    /// Show all people, with their roles.
    List,
    /// Give a person another role. A running server follows with the next request.
    SetRole {
        /// The person's e-mail address.
        email: String,
        /// The name of the role; `margay role list` shows all of them.
        role: String,
    },
    /// Give a person another password, and end their browser sessions and connections.
    ///
    /// Asks for the password; it can also be piped in or set in MARGAY_USER_PASSWORD.
    SetPassword {
        /// The person's e-mail address.
        email: String,
        /// Keep the connections of their MCP clients. Only if nobody else knew the old password.
        #[arg(long)]
        keep_connections: bool,
    },
    /// Let a disabled person sign in again.
    Enable {
        /// The person's e-mail address.
        email: String,
    },
    /// Keep a person out: they cannot sign in, and all their connections end now.
    Disable {
        /// The person's e-mail address.
        email: String,
    },
}

/// A new person.
#[derive(Debug, Args)]
pub struct Add {
    /// The person's e-mail address.
    email: String,
    /// The name of the role; `margay role list` shows all of them.
    #[arg(long, value_name = "ROLE", default_value = "AnalystReadOnly")]
    role: String,
    /// The person's given name.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    given_name: String,
    /// The person's family name.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    family_name: String,
}

pub(super) async fn run(context: &Context, command: UserCommand) -> Result<()> {
    let parts = if matches!(command, UserCommand::Add(_)) {
        Parts::open_or_create(&context.config).await?
    } else {
        Parts::open(&context.config).await?
    };
    let accounts = accounts(&parts);
    match command {
        UserCommand::Add(add) => {
            let password = password()?;
            let account = NewAccount {
                email: add.email,
                given_name: add.given_name,
                family_name: add.family_name,
                role: add.role,
                password: Some(password),
            };
            let user = accounts.create_user(account).await?;
            say!("Added {} ({})", user.email, user.role_id)?;
        }
        UserCommand::List => {
            let users = parts.store.users().list().await?;
            context.print_rows(&["E-MAIL", "NAME", "ROLE", "ENABLED", "LAST SIGNED IN"], &users, |user| {
                let last = user.last_signed_in_at.map_or_else(|| "never".to_owned(), Timestamp::to_display);
                vec![user.email.clone(), user.display_name(), user.role_id.to_string(), user.enabled.to_string(), last]
            })?;
        }
        UserCommand::SetRole { email, role } => {
            accounts.set_role(&email, &role).await?;
            say!("{email} has the role {role} now.")?;
        }
        UserCommand::SetPassword { email, keep_connections } => {
            let keep = if keep_connections { KeepConnections::Yes } else { KeepConnections::No };
            let ended = accounts.set_password(&email, password()?, keep).await?;
            say!("{email} has a new password; their browser sessions and {ended} connections have ended.")?;
        }
        UserCommand::Enable { email } => {
            accounts.enable(&email).await?;
            say!("{email} can sign in.")?;
        }
        UserCommand::Disable { email } => {
            let ended = accounts.disable(&email).await?;
            say!("{email} is disabled; {ended} connections have ended.")?;
        }
    }
    parts.store.close().await;
    Ok(())
}

pub(crate) fn accounts(parts: &Parts) -> Accounts {
    Accounts {
        users: parts.store.users(),
        roles: parts.store.roles(),
        grants: parts.store.grants(),
        audit: parts.store.audit_log(),
        clock: parts.clock.clone(),
        entropy: parts.entropy.clone(),
    }
}

/// From the environment, else typed or piped in. Never an argument: those stand in process lists.
fn password() -> Result<String> {
    if let Ok(password) = std::env::var("MARGAY_USER_PASSWORD") {
        return Ok(password);
    }
    let password = if std::io::stdin().is_terminal() { typed()? } else { piped()? };
    if password.is_empty() {
        bail!("no password given: type it, pipe it in, or set MARGAY_USER_PASSWORD");
    }
    Ok(password)
}

/// Typed without being shown, and therefore twice: nobody sees a slip.
fn typed() -> Result<String> {
    // Ctrl-C has to end the prompt, not the process: only then is the terminal put back to showing what is typed.
    let _interrupt = signal(SignalKind::interrupt())?;
    let ask = |prompt: &str| rpassword::prompt_password(prompt).context("cannot read the password");
    let password = ask("Password (at least 12 characters, not shown): ")?;
    if !password.is_empty() && ask("The same password again: ")? != password {
        bail!("the two passwords differ, so nothing was changed");
    }
    Ok(password)
}

/// The first line of standard input.
fn piped() -> Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
