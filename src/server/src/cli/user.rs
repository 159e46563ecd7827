//! `margay user add|list|set-role|set-password|enable|disable`.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use margay_domain::clock::Timestamp;
use margay_signin::accounts::{Accounts, NewAccount};

use super::Context;
use crate::wiring::Parts;

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a person. The password is read from standard input, or from MARGAY_USER_PASSWORD.
    Add(Add),
    /// Show all people.
    List,
    /// Give a person another role. Acts on the next request of a running server.
    SetRole {
        /// The person.
        email: String,
        /// The role's name.
        role: String,
    },
    /// Give a person another password, and end their browser sessions.
    SetPassword {
        /// The person.
        email: String,
    },
    /// Let a disabled person sign in again.
    Enable {
        /// The person.
        email: String,
    },
    /// Keep a person out: no sign-in, and all their connections end now.
    Disable {
        /// The person.
        email: String,
    },
}

/// A new person.
#[derive(Debug, Args)]
pub struct Add {
    /// E-mail address.
    email: String,
    /// The role's name, for example Analyst.
    #[arg(long, default_value = "AnalystReadOnly")]
    role: String,
    /// Given name.
    #[arg(long, default_value = "")]
    given_name: String,
    /// Family name.
    #[arg(long, default_value = "")]
    family_name: String,
}

pub(super) async fn run(context: &Context, command: UserCommand) -> Result<()> {
    let parts = Parts::open(&context.config).await?;
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
            println!("Added {} ({})", user.email, user.role_id);
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
            println!("{email} has the role {role} now.");
        }
        UserCommand::SetPassword { email } => {
            accounts.set_password(&email, password()?).await?;
            println!("{email} has a new password; their browser sessions have ended.");
        }
        UserCommand::Enable { email } => {
            accounts.enable(&email).await?;
            println!("{email} can sign in.");
        }
        UserCommand::Disable { email } => {
            let ended = accounts.disable(&email).await?;
            println!("{email} is disabled; {ended} connections have ended.");
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

/// From the environment, else one line of standard input. Never an argument: those stand in process lists.
fn password() -> Result<String> {
    if let Ok(password) = std::env::var("MARGAY_USER_PASSWORD") {
        return Ok(password);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("Password (at least 12 characters, shown as you type): ");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        bail!("no password given: type it, pipe it in, or set MARGAY_USER_PASSWORD");
    }
    Ok(password)
}
