//! Use case: a person sees and ends their own connections.

use std::sync::Arc;

use serde_json::json;

use crate::{
    audit::{self, ActionResult, Actor, AuditEvent},
    client::Client,
    clock::Clock,
    entropy::Entropy,
    grant::{Grant, RevocationReason},
    id::{AuditEventId, GrantId},
    ports::{AuditLog, Grants, StoreError},
    principal::{Origin, SignedIn},
};

/// The service behind the page *Connections*.
#[derive(Clone)]
pub struct Connections {
    /// Grants.
    pub grants: Arc<dyn Grants>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator.
    pub entropy: Arc<dyn Entropy>,
}

/// Why a connection was not ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectionError {
    /// No such connection, or somebody else's (which is not told apart).
    #[error("there is no such connection")]
    NotFound,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Connections {
    /// The person's own connections, newest first; active and ended ones.
    pub async fn list(&self, person: &SignedIn) -> Result<Vec<(Grant, Client)>, ConnectionError> {
        Ok(self.grants.list_for_user(&person.user.id).await?)
    }

    /// One of the person's own connections.
    pub async fn get(&self, person: &SignedIn, id: &GrantId) -> Result<(Grant, Client), ConnectionError> {
        self.list(person).await?.into_iter().find(|(grant, _)| grant.id == *id).ok_or(ConnectionError::NotFound)
    }

    /// Ends one of the person's own connections, with effect on the next request (row OP6), and with it the earlier
    /// sign-ins of the same client that it replaced: the client as a whole loses access.
    pub async fn revoke(&self, person: &SignedIn, id: &GrantId, origin: &Origin) -> Result<(), ConnectionError> {
        let list = self.list(person).await?;
        let (chosen, _) = list.iter().find(|(grant, _)| grant.id == *id).ok_or(ConnectionError::NotFound)?;
        let now = self.clock.now();
        let with_it = |grant: &Grant| grant.id == chosen.id || (chosen.replaces(grant) && grant.is_active(now));
        for (grant, client) in list.iter().filter(|(grant, _)| with_it(grant)) {
            self.end(person, grant, client, origin).await?;
        }
        Ok(())
    }

    async fn end(
        &self,
        person: &SignedIn,
        grant: &Grant,
        client: &Client,
        origin: &Origin,
    ) -> Result<(), ConnectionError> {
        let now = self.clock.now();
        if self.grants.revoke(&grant.id, RevocationReason::User, now).await? {
            self.audit
                .record(AuditEvent {
                    id: AuditEventId::generate(now, self.entropy.as_ref()),
                    timestamp: now,
                    action_name: audit::REVOKE_MCP_CONNECTION.to_owned(),
                    action_description: format!("Disconnected {}", client.display_name()),
                    action_result: ActionResult::Succeeded,
                    action_params: json!({ "grantId": grant.id }),
                    action_details: json!({ "clientId": client.id, "clientName": client.name }),
                    actor: Actor::user(&person.user, &person.role),
                    errors: Vec::new(),
                    source_ip: origin.ip.map(|ip| ip.to_string()),
                    user_agent: origin.user_agent.clone(),
                })
                .await?;
        }
        Ok(())
    }
}
