//! `margay client list|add|approve`.

use anyhow::{Result, bail};
use clap::Subcommand;
use margay_domain::{
    audit::{self, ActionResult, Actor, AuditEvent},
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    id::{AuditEventId, ClientId},
};
use serde_json::json;

use super::Context;
use crate::wiring::Parts;

/// The longest name of a client, in characters, as for those that register themselves.
const MAX_NAME: usize = 200;

/// What to do with MCP clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Show all clients, and when somebody last connected one.
    List {
        /// Show only clients that wait for approval.
        #[arg(long)]
        waiting: bool,
    },
    /// Add a client and print its id. Only for clients that do not register themselves.
    Add {
        /// The name that people see when they connect it.
        name: String,
        /// The address to which people return after they have allowed it, exactly as the client sends it. May be
        /// given several times.
        #[arg(long = "redirect-uri", value_name = "URI", required = true)]
        redirect_uris: Vec<String>,
    },
    /// Let people connect a client that waits for approval.
    ///
    /// Clients wait if the configuration says oauth.registration = "admin_approval".
    Approve {
        /// The id of the client; `margay client list` shows it.
        id: String,
    },
}

pub(super) async fn run(context: &Context, command: ClientCommand) -> Result<()> {
    // Judged before anything is opened: what could never receive a code is no redirect URI (rows OR10, OD3).
    if let ClientCommand::Add { redirect_uris, .. } = &command {
        for uri in redirect_uris {
            if let Err(reason) = margay_oauth::check_redirect_uri(uri) {
                bail!("{uri:?} cannot be used: {reason}");
            }
        }
    }
    let parts = if matches!(command, ClientCommand::Add { .. }) {
        Parts::open_or_create(&context.config).await?
    } else {
        Parts::open(&context.config).await?
    };
    match command {
        ClientCommand::List { waiting } => {
            let mut clients = parts.store.clients().list().await?;
            clients.retain(|client| !waiting || client.approval == Approval::Waiting);
            context.print_rows(&["ID", "NAME", "LAST AUTHORIZED", "REDIRECT URIS"], &clients, |client| {
                let last = match (client.approval, client.last_authorized_at) {
                    (Approval::Waiting, _) => "waits for approval".to_owned(),
                    (Approval::Approved, Some(at)) => Timestamp::to_display(at),
                    (Approval::Approved, None) => "never".to_owned(),
                };
                vec![client.id.to_string(), client.display_name().to_owned(), last, client.redirect_uris.join(" ")]
            })?;
        }
        ClientCommand::Add { name, redirect_uris } => {
            let now = parts.clock.now();
            let client = Client {
                id: ClientId::generate(now, parts.entropy.as_ref()),
                name: margay_rules::display::one_line(&name, MAX_NAME),
                redirect_uris,
                client_uri: None,
                application_type: None,
                grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
                source: ClientSource::Preregistered,
                approval: Approval::Approved,
                document_fresh_until: None,
                created_at: now,
                last_authorized_at: None,
            };
            parts.store.clients().create(&client).await?;
            say!("{}", client.id)?;
        }
        ClientCommand::Approve { id } => approve(&parts, &ClientId::new(id)).await?,
    }
    parts.store.close().await;
    Ok(())
}

async fn approve(parts: &Parts, id: &ClientId) -> Result<()> {
    let clients = parts.store.clients();
    let Some(client) = clients.get(id).await? else { bail!("there is no client with the id {id}") };
    if !clients.approve(id).await? {
        say!("{} does not wait for approval", client.display_name())?;
        return Ok(());
    }
    let now = parts.clock.now();
    let event = AuditEvent {
        id: AuditEventId::generate(now, parts.entropy.as_ref()),
        timestamp: now,
        action_name: audit::APPROVE_MCP_CLIENT.to_owned(),
        action_description: format!("Let people connect {}", client.display_name()),
        action_result: ActionResult::Succeeded,
        action_params: json!({ "clientId": client.id }),
        action_details: json!({ "clientName": client.name, "redirectUris": client.redirect_uris }),
        actor: Actor::command_line(),
        errors: Vec::new(),
        source_ip: None,
        user_agent: None,
    };
    parts.store.audit_log().record(event).await?;
    say!("People may connect {} now", client.display_name())?;
    Ok(())
}
