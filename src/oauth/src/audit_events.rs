//! The audit events of the authorization server. Secrets never stand in them: no code, no token, no verifier.

use margay_domain::{
    audit::{self, ActionResult, Actor, ActorKind, AuditError, AuditEvent},
    client::Client,
    clock::Timestamp,
    grant::{Grant, RefreshToken, RevocationReason},
    id::AuditEventId,
    ports::{ReplacedGrant, StoreResult},
    principal::{Origin, Principal, SignedIn},
    rules::PermissionSet,
};
use serde_json::{Value, json};

use crate::{decision::Judged, oauth::OAuth, redirect::Blocked, text::cut};

/// What the events have in common before they are stamped.
struct Event {
    action: &'static str,
    description: String,
    params: Value,
    details: Value,
    actor: Actor,
    error: Option<&'static str>,
}

impl OAuth {
    /// A redirect was refused after sign-in (row OA7). The settings page can show it.
    pub(crate) async fn record_blocked_redirect(
        &self,
        client: &Client,
        uri: &str,
        blocked: &Blocked,
        person: &SignedIn,
        origin: &Origin,
    ) -> StoreResult<()> {
        let event = Event {
            action: audit::MCP_REDIRECT_BLOCKED,
            description: format!("Refused to send an authorization code of {}", client.display_name()),
            params: json!({ "redirectUri": cut(uri, 2000) }),
            details: json!({ "clientId": client.id, "clientName": client.name, "rule": blocked.rule() }),
            actor: Actor::user(&person.user, &person.role),
            error: Some(blocked.reason()),
        };
        self.record(event, self.ports.clock.now(), origin).await
    }

    /// Somebody wants to connect a client that no admin has approved yet.
    pub(crate) async fn record_waiting_client(
        &self,
        client: &Client,
        person: &SignedIn,
        origin: &Origin,
    ) -> StoreResult<()> {
        let event = Event {
            action: audit::MCP_AUTHORIZATION,
            description: format!("Refused a connection of {}, which waits for approval", client.display_name()),
            params: json!({}),
            details: json!({ "clientId": client.id, "clientName": client.name }),
            actor: Actor::user(&person.user, &person.role),
            error: Some("The client waits for the approval of an admin."),
        };
        self.record(event, self.ports.clock.now(), origin).await
    }

    /// A person allowed a client, with what that left of its older grants, or denied it (`grant` is `None`).
    pub(crate) async fn record_decision(
        &self,
        judged: &Judged,
        grant: Option<(&Grant, &[ReplacedGrant])>,
        person: &SignedIn,
        origin: &Origin,
    ) -> StoreResult<()> {
        let Judged { flow, client, target } = judged;
        let (decision, verb) = if grant.is_some() { ("allow", "Allowed") } else { ("deny", "Denied") };
        let permissions = grant.map_or(PermissionSet::EMPTY, |(grant, _)| grant.permissions);
        let mut details = json!({
            "clientId": client.id,
            "clientName": client.name,
            "redirectHost": target.shown(),
            "flowId": flow.id,
        });
        if let Some((grant, replaced)) = grant {
            details["grantId"] = json!(grant.id);
            if !replaced.is_empty() {
                let replaced = replaced.iter().map(|older| {
                    json!({ "grantId": older.id, "permissionsBefore": older.before, "permissions": older.after })
                });
                details["replaced"] = replaced.collect();
            }
        }
        let event = Event {
            action: audit::MCP_AUTHORIZATION,
            description: format!("{verb} a connection of {}", client.display_name()),
            params: json!({ "decision": decision, "permissions": permissions }),
            details,
            actor: Actor::user(&person.user, &person.role),
            error: None,
        };
        self.record(event, self.ports.clock.now(), origin).await
    }

    /// The older grants that a new one left nothing of have ended.
    pub(crate) async fn record_replaced(
        &self,
        client: &Client,
        grant: &Grant,
        replaced: &[ReplacedGrant],
        person: &SignedIn,
        origin: &Origin,
    ) -> StoreResult<()> {
        for ended in replaced.iter().filter(|older| older.after.is_empty()) {
            let event = Event {
                action: audit::REVOKE_MCP_CONNECTION,
                description: format!("Disconnected {}", client.display_name()),
                params: json!({ "grantId": ended.id, "reason": RevocationReason::Replaced }),
                details: json!({ "clientId": client.id, "clientName": client.name, "replacedBy": grant.id }),
                actor: Actor::user(&person.user, &person.role),
                error: None,
            };
            self.record(event, self.ports.clock.now(), origin).await?;
        }
        Ok(())
    }

    /// Ends a grant because a copy of one of its refresh tokens was presented (row OF1), and says what shows that it is
    /// one: how old it is, that its successor was used, and whether it comes from where the last refresh came from.
    pub(crate) async fn end_reused(
        &self,
        principal: &Principal,
        presented: &RefreshToken,
        origin: &Origin,
    ) -> StoreResult<()> {
        let now = self.ports.clock.now();
        let last = principal.grant.refreshed_from.as_deref();
        let from = origin.ip.map(|ip| ip.to_string());
        let evidence = json!({
            "secondsSinceExchange": presented.superseded_at.map(|at| now.since(at).as_secs()),
            "successorUsed": presented.successor_used_at.is_some(),
            "lastRefreshIP": last,
            "sameAddressAsLastRefresh": last.zip(from.as_deref()).map(|(last, from)| last == from),
        });
        self.end(principal, RevocationReason::RefreshReuse, evidence, origin).await
    }

    /// Ends a grant and says so. The event is written once, by whoever ended it; if it cannot be written, the grant
    /// stays ended and the log says so.
    pub(crate) async fn end_grant(
        &self,
        principal: &Principal,
        reason: RevocationReason,
        origin: &Origin,
    ) -> StoreResult<()> {
        self.end(principal, reason, json!({}), origin).await
    }

    async fn end(
        &self,
        principal: &Principal,
        reason: RevocationReason,
        evidence: Value,
        origin: &Origin,
    ) -> StoreResult<()> {
        let now = self.ports.clock.now();
        if !self.ports.grants.revoke(&principal.grant.id, reason, now).await? {
            return Ok(());
        }
        // A client gives back on behalf of its person; everything else is this server's own decision.
        let actor = match reason {
            RevocationReason::Client => Actor::user(&principal.user, &principal.role),
            _ => authorization_server(),
        };
        let mut details = evidence;
        details["clientId"] = json!(principal.client.id);
        details["clientName"] = json!(principal.client.name);
        details["userId"] = json!(principal.user.id);
        details["userEmail"] = json!(principal.user.email);
        let event = Event {
            action: audit::REVOKE_MCP_CONNECTION,
            description: format!("Disconnected {}", principal.client.display_name()),
            params: json!({ "grantId": principal.grant.id, "reason": reason }),
            details,
            actor,
            error: None,
        };
        if let Err(error) = self.record(event, now, origin).await {
            tracing::error!(%error, grant = %principal.grant.id, "a grant was ended but its audit event was not written");
        }
        Ok(())
    }

    async fn record(&self, event: Event, now: Timestamp, origin: &Origin) -> StoreResult<()> {
        let action_result = if event.error.is_some() { ActionResult::Failed } else { ActionResult::Succeeded };
        self.ports
            .audit
            .record(AuditEvent {
                id: AuditEventId::generate(now, self.ports.entropy.as_ref()),
                timestamp: now,
                action_name: event.action.to_owned(),
                action_description: event.description,
                action_result,
                action_params: event.params,
                action_details: event.details,
                actor: event.actor,
                errors: event.error.map(|message| AuditError { message: message.to_owned() }).into_iter().collect(),
                source_ip: origin.ip.map(|ip| ip.to_string()),
                user_agent: origin.user_agent.clone(),
            })
            .await
    }
}

/// The actor of what nobody asked for.
fn authorization_server() -> Actor {
    Actor {
        id: "authorization-server".to_owned(),
        kind: ActorKind::System,
        name: "Authorization server".to_owned(),
        email: None,
        role: None,
    }
}
