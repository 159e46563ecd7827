//! Use case: the Remote MCP settings (redirect allowlists).

use std::sync::Arc;

use margay_rules::{Allowlist, AllowlistError, Permission};
use serde_json::json;

use crate::{
    audit::{self, ActionResult, Actor, AuditEvent},
    clock::Clock,
    entropy::Entropy,
    id::AuditEventId,
    ports::{AuditLog, Settings, StoreError},
    principal::{Origin, SignedIn},
    settings::RemoteMcpSettings,
};

/// The service behind *Settings > AI & Automation > Remote MCP*.
#[derive(Clone)]
pub struct RemoteMcp {
    /// Where the settings are.
    pub settings: Arc<dyn Settings>,
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
                id: AuditEventId::generate(now, self.entropy.as_ref()),
                timestamp: now,
                action_name: audit::UPDATE_REMOTE_MCP_SETTINGS.to_owned(),
                action_description: "Changed the redirect allowlists".to_owned(),
                action_result: ActionResult::Succeeded,
                action_params: json!({ "before": before.allowlist, "after": saved.allowlist }),
                action_details: json!({ "revision": saved.revision }),
                actor: Actor::user(&person.user, &person.role),
                errors: Vec::new(),
                source_ip: origin.ip.map(|ip| ip.to_string()),
                user_agent: origin.user_agent.clone(),
            })
            .await?;
        Ok(saved)
    }
}

fn require(person: &SignedIn, permission: Permission) -> Result<(), RemoteMcpError> {
    if person.may(permission) { Ok(()) } else { Err(RemoteMcpError::Forbidden(permission)) }
}
