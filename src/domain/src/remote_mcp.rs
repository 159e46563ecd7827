//! Use case: the Remote MCP settings: redirect allowlists, what they blocked, and clients that wait for approval.

pub mod blocked;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use margay_rules::{Allowlist, AllowlistError, Permission};
use serde_json::json;

use crate::{
    audit::{self, ActionResult, Actor, AuditEvent, AuditQuery},
    client::{Approval, Client},
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::{AuditEventId, ClientId},
    ports::{AuditLog, Clients, Settings, StoreError},
    principal::{Origin, SignedIn},
    remote_mcp::blocked::BlockedRedirects,
    settings::RemoteMcpSettings,
};

/// How far back blocked redirects are looked for.
pub const BLOCKED_WITHIN: Duration = Duration::from_hours(30 * 24);
/// At most so many blocked redirects are counted, the newest.
const MAX_BLOCKED_EVENTS: u32 = 1000;

/// The service behind *Settings > AI & Automation > Remote MCP*.
#[derive(Clone)]
pub struct RemoteMcp {
    /// Where the settings are.
    pub settings: Arc<dyn Settings>,
    /// Clients.
    pub clients: Arc<dyn Clients>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator.
    pub entropy: Arc<dyn Entropy>,
}

/// Why the settings were not shown or saved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteMcpError {
    /// The role lacks this permission.
    #[error("this needs the permission {}", .0.title())]
    Forbidden(Permission),
    /// Entries that cannot be saved; all of them.
    #[error("some entries cannot be saved")]
    Invalid(Vec<AllowlistError>),
    /// Somebody else saved in between.
    #[error("somebody else saved these settings in between")]
    Stale,
    /// There is no such client (any more).
    #[error("there is no such client")]
    UnknownClient,
    /// Storage failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for RemoteMcpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale(_) => Self::Stale,
            other => Self::Store(other),
        }
    }
}

impl RemoteMcp {
    /// The current settings. Needs Read Settings & SAML Preferences.
    pub async fn view(&self, person: &SignedIn) -> Result<RemoteMcpSettings, RemoteMcpError> {
        require(person, Permission::GeneralSettingsRead)?;
        Ok(self.settings.remote_mcp().await?)
    }

    /// Saves the posted entries over the revision they were edited from. Needs Edit Settings & SAML Preferences.
    pub async fn save(
        &self,
        person: &SignedIn,
        domains: &[String],
        schemes: &[String],
        revision: i64,
        origin: &Origin,
    ) -> Result<RemoteMcpSettings, RemoteMcpError> {
        require(person, Permission::GeneralSettingsModify)?;
        let allowlist = Allowlist::from_entries(domains, schemes).map_err(RemoteMcpError::Invalid)?;
        let before = self.settings.remote_mcp().await?;
        let now = self.clock.now();
        let mut saved = RemoteMcpSettings {
            allowlist,
            revision,
            updated_at: Some(now),
            updated_by: Some(person.user.email.clone()),
        };
        saved.revision = self.settings.save_remote_mcp(&saved).await?;
        self.audit
            .record(AuditEvent {
                action_name: audit::UPDATE_REMOTE_MCP_SETTINGS.to_owned(),
                action_description: "Changed the redirect allowlists".to_owned(),
                action_params: json!({ "before": before.allowlist, "after": saved.allowlist }),
                action_details: json!({ "revision": saved.revision }),
                ..self.event(now, person, origin)
            })
            .await?;
        Ok(saved)
    }

    /// Blocked redirects of the last 30 days, grouped, newest first. Needs Read Settings & SAML Preferences; who tried
    /// stands only in the answer to people who may read the audit log, where it is from.
    pub async fn recently_blocked(&self, person: &SignedIn) -> Result<Vec<BlockedRedirects>, RemoteMcpError> {
        require(person, Permission::GeneralSettingsRead)?;
        let query = AuditQuery {
            from: Some(self.clock.now().minus(BLOCKED_WITHIN)),
            action: Some(audit::MCP_REDIRECT_BLOCKED.to_owned()),
            limit: MAX_BLOCKED_EVENTS,
            ..AuditQuery::default()
        };
        let events = self.audit.search(&query).await?;
        let settings = self.settings.remote_mcp().await?;
        let mut groups = blocked::gather(&events, &settings.allowlist);
        if !person.may(Permission::AuditRead) {
            for group in &mut groups {
                group.people.clear();
            }
        }
        Ok(groups)
    }

    /// Clients that nobody may authorize before an admin has approved them, newest first. Needs Read Settings & SAML
    /// Preferences.
    pub async fn waiting_clients(&self, person: &SignedIn) -> Result<Vec<Client>, RemoteMcpError> {
        require(person, Permission::GeneralSettingsRead)?;
        let mut clients = self.clients.list().await?;
        clients.retain(|client| client.approval == Approval::Waiting);
        Ok(clients)
    }

    /// Lets people authorize a client that waits. Nothing happens if it does not wait any more. Needs Edit Settings &
    /// SAML Preferences.
    pub async fn approve(&self, person: &SignedIn, id: &ClientId, origin: &Origin) -> Result<(), RemoteMcpError> {
        require(person, Permission::GeneralSettingsModify)?;
        let Some(client) = self.clients.get(id).await? else { return Err(RemoteMcpError::UnknownClient) };
        // One statement decides: of two admins one has approved it, and there is one event.
        if !self.clients.approve(id).await? {
            return Ok(());
        }
        self.audit
            .record(AuditEvent {
                action_name: audit::APPROVE_MCP_CLIENT.to_owned(),
                action_description: format!("Let people connect {}", client.display_name()),
                action_params: json!({ "clientId": client.id }),
                action_details: json!({
                    "clientId": client.id,
                    "clientName": client.name,
                    "redirectUris": client.redirect_uris,
                }),
                ..self.event(self.clock.now(), person, origin)
            })
            .await?;
        Ok(())
    }

    /// What the events of this service have in common.
    fn event(&self, now: Timestamp, person: &SignedIn, origin: &Origin) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::generate(now, self.entropy.as_ref()),
            timestamp: now,
            action_name: String::new(),
            action_description: String::new(),
            action_result: ActionResult::Succeeded,
            action_params: json!({}),
            action_details: json!({}),
            actor: Actor::user(&person.user, &person.role),
            errors: Vec::new(),
            source_ip: origin.ip.map(|ip| ip.to_string()),
            user_agent: origin.user_agent.clone(),
        }
    }
}

fn require(person: &SignedIn, permission: Permission) -> Result<(), RemoteMcpError> {
    if person.may(permission) { Ok(()) } else { Err(RemoteMcpError::Forbidden(permission)) }
}
