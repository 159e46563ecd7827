//! `margay keys list|rotate`.

use anyhow::Result;
use clap::Subcommand;
use margay_domain::{audit::Actor, clock::Timestamp};
use margay_oauth::{KeyState, SigningKeyInfo, list_keys, rotate_keys};

use super::Context;
use crate::{authorization, wiring::Parts};

/// What to do with the keys that sign access tokens.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show all keys: the one that signs, those that only verify, and the next one.
    List,
    /// Make a new key, for example because the old one may be known to somebody.
    ///
    /// It signs two minutes later. The old key verifies until its last token has ended, so nobody is signed out. A running
    /// server needs no restart.
    Rotate,
}

pub(super) async fn run(context: &Context, command: &KeysCommand) -> Result<()> {
    let parts = Parts::open(&context.config).await?;
    let keys = parts.store.signing_keys();
    let now = parts.clock.now();
    let shown = match command {
        KeysCommand::List => list_keys(keys.as_ref(), now).await?,
        KeysCommand::Rotate => {
            let master = authorization::master_key(&context.config)?;
            let audit = parts.store.audit_log();
            rotate_keys(
                keys.as_ref(),
                audit.as_ref(),
                master.as_ref(),
                now,
                parts.entropy.as_ref(),
                Actor::command_line(),
            )
            .await?
        }
    };
    context.print_rows(&["ID", "STATE", "MADE", "SIGNS UNTIL", "SEALED"], &shown, cells)?;
    parts.store.close().await;
    Ok(())
}

fn cells(key: &SigningKeyInfo) -> Vec<String> {
    let state = match key.state {
        KeyState::Next => "next",
        KeyState::Signing => "signing",
        KeyState::Verifying => "verifying",
    };
    let until = key.retires_at.map_or_else(|| "replaced".to_owned(), Timestamp::to_display);
    let sealed = if key.sealed { "yes" } else { "no" };
    vec![key.id.clone(), state.to_owned(), key.created_at.to_display(), until, sealed.to_owned()]
}
