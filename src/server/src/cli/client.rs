//! `margay client list|add`.

use anyhow::{Result, bail};
use clap::Subcommand;
use margay_domain::{
    client::{Client, ClientSource},
    clock::Timestamp,
    id::ClientId,
};

use super::Context;
use crate::wiring::Parts;

/// What to do with MCP clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Show all clients.
    List,
    /// Add a client by hand; prints its id. Clients that register themselves need no such step.
    Add {
        /// Its name.
        name: String,
        /// Where codes may be sent, exactly; may be repeated.
        #[arg(long = "redirect-uri", required = true)]
        redirect_uris: Vec<String>,
    },
}

pub(super) async fn run(context: &Context, command: ClientCommand) -> Result<()> {
    let parts = Parts::open(&context.config).await?;
    match command {
        ClientCommand::List => {
            let clients = parts.store.clients().list().await?;
            context.print_rows(&["ID", "NAME", "LAST AUTHORIZED", "REDIRECT URIS"], &clients, |client| {
                let last = client.last_authorized_at.map_or_else(|| "never".to_owned(), Timestamp::to_display);
                vec![client.id.to_string(), client.display_name().to_owned(), last, client.redirect_uris.join(" ")]
            })?;
        }
        ClientCommand::Add { name, redirect_uris } => {
            if let Some(bad) = redirect_uris.iter().find(|uri| url::Url::parse(uri).is_err()) {
                bail!("{bad:?} is not an absolute URI");
            }
            let now = parts.clock.now();
            let client = Client {
                id: ClientId::generate(now, parts.entropy.as_ref()),
                name,
                redirect_uris,
                client_uri: None,
                application_type: None,
                grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
                source: ClientSource::Preregistered,
                created_at: now,
                last_authorized_at: None,
            };
            parts.store.clients().create(&client).await?;
            println!("{}", client.id);
        }
    }
    parts.store.close().await;
    Ok(())
}
