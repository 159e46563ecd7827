//! Use case: admins see and end everyone's connections (row OP6).

use std::{collections::HashMap, sync::Arc};

use margay_rules::Permission;
use serde_json::{Value, json};

use crate::{
    audit::{self, ActionResult, Actor, AuditEvent},
    client::Client,
    clock::{Clock, Timestamp},
    entropy::Entropy,
    grant::{Grant, RevocationReason},
    id::{AuditEventId, GrantId, UserId},
    ports::{AuditLog, Grants, StoreError, Users},
    principal::{Origin, SignedIn},
    user::User,
};

/// What seeing everyone's connections needs.
const SEE: Permission = Permission::UserRead;
/// What ending somebody else's connection needs.
const END: Permission = Permission::UserModify;

/// The service behind the page *Everyone's connections*.
#[derive(Clone)]
pub struct AllConnections {
    /// Grants.
    pub grants: Arc<dyn Grants>,
    /// People.
    pub users: Arc<dyn Users>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator.
    pub entropy: Arc<dyn Entropy>,
}

/// A connection and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedConnection {
    /// The connection.
    pub grant: Grant,
    /// The client.
    pub client: Client,
    /// The person.
    pub person: User,
}

/// Which connections to list. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// A whole e-mail address, or else a part of a name or of an e-mail address; in any case.
    pub person: Option<String>,
    /// A part of the client's name or id (and so of the address of its metadata document), in any case.
    pub client: Option<String>,
    /// Only those that are active now, or only those that are not.
    pub active: Option<bool>,
}

/// Why connections were not shown or ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AllConnectionsError {
    /// The role lacks this permission.
    #[error("this needs the permission {}", .0.title())]
    Forbidden(Permission),
    /// No such connection, or no such person.
    #[error("there is no such connection")]
    NotFound,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AllConnections {
    /// Whether `person` may open the list. Needs Read User Info.
    pub fn may_see(person: &SignedIn) -> bool {
        person.may(SEE)
    }

    /// Whether `person` may end connections of others. Needs Manage Users.
    pub fn may_end(person: &SignedIn) -> bool {
        person.may(END)
    }

    /// Everyone's connections that `filter` lets pass, newest first; active and ended ones. Needs Read User Info.
    pub async fn list(
        &self,
        viewer: &SignedIn,
        filter: &ConnectionFilter,
    ) -> Result<Vec<OwnedConnection>, AllConnectionsError> {
        require(viewer, SEE)?;
        let people: HashMap<UserId, User> =
            self.users.list().await?.into_iter().map(|user| (user.id.clone(), user)).collect();
        let filter = Narrowed::new(filter, people.values());
        let now = self.clock.now();
        let everything = self.grants.list_all().await?;
        Ok(everything
            .into_iter()
            .filter_map(|(grant, client)| {
                let person = people.get(&grant.user_id)?.clone();
                Some(OwnedConnection { grant, client, person })
            })
            .filter(|connection| filter.matches(connection, now))
            .collect())
    }

    /// One connection of anybody. Needs Read User Info.
    pub async fn get(&self, viewer: &SignedIn, id: &GrantId) -> Result<OwnedConnection, AllConnectionsError> {
        require(viewer, SEE)?;
        self.find(id).await
    }

    /// Ends a connection of anybody, with effect on the next request, and with it the earlier sign-ins of the same client
    /// that it replaced; whose it was. Needs Manage Users.
    pub async fn revoke(&self, admin: &SignedIn, id: &GrantId, origin: &Origin) -> Result<User, AllConnectionsError> {
        require(admin, END)?;
        let chosen = self.find(id).await?;
        let now = self.clock.now();
        self.end(&chosen, admin, origin).await?;
        for (grant, client) in self.grants.list_for_user(&chosen.person.id).await? {
            if chosen.grant.replaces(&grant) && grant.is_active(now) {
                let earlier = OwnedConnection { grant, client, person: chosen.person.clone() };
                self.end(&earlier, admin, origin).await?;
            }
        }
        Ok(chosen.person)
    }

    async fn end(
        &self,
        connection: &OwnedConnection,
        admin: &SignedIn,
        origin: &Origin,
    ) -> Result<(), AllConnectionsError> {
        let OwnedConnection { grant, client, person } = connection;
        let now = self.clock.now();
        if !self.grants.revoke(&grant.id, RevocationReason::Admin, now).await? {
            // It had ended already, and the event of that is written.
            return Ok(());
        }
        let description = format!("Disconnected {} of {}", client.display_name(), person.email);
        let params = json!({ "grantId": grant.id, "reason": RevocationReason::Admin });
        let details = json!({
            "clientId": client.id,
            "clientName": client.name,
            "userId": person.id,
            "userEmail": person.email,
        });
        Ok(self.record(now, admin, origin, (description, params, details)).await?)
    }

    /// Ends every connection of a person, and authorizations whose code is still on its way; whose they were, and how
    /// many. Needs Manage Users.
    pub async fn revoke_all_of(
        &self,
        admin: &SignedIn,
        id: &UserId,
        origin: &Origin,
    ) -> Result<(User, u64), AllConnectionsError> {
        require(admin, END)?;
        let Some(person) = self.users.get(id).await? else { return Err(AllConnectionsError::NotFound) };
        let now = self.clock.now();
        let active: Vec<GrantId> = self
            .grants
            .list_for_user(id)
            .await?
            .into_iter()
            .filter(|(grant, _)| grant.is_active(now))
            .map(|(grant, _)| grant.id)
            .collect();
        let ended = self.grants.revoke_all_of(id, RevocationReason::Admin, now).await?;
        if ended > 0 {
            let description = format!("Disconnected all clients of {}", person.email);
            let params = json!({ "userId": person.id, "reason": RevocationReason::Admin });
            let details = json!({
                "userId": person.id,
                "userEmail": person.email,
                "connectionsEnded": ended,
                "grantIds": active,
            });
            self.record(now, admin, origin, (description, params, details)).await?;
        }
        Ok((person, ended))
    }

    async fn find(&self, id: &GrantId) -> Result<OwnedConnection, AllConnectionsError> {
        let Some(principal) = self.grants.principal(id).await? else { return Err(AllConnectionsError::NotFound) };
        Ok(OwnedConnection {
            grant: Arc::unwrap_or_clone(principal.grant),
            client: Arc::unwrap_or_clone(principal.client),
            person: Arc::unwrap_or_clone(principal.user),
        })
    }

    /// Writes the event of an ending: its description, parameters and details.
    async fn record(
        &self,
        now: Timestamp,
        admin: &SignedIn,
        origin: &Origin,
        (description, params, details): (String, Value, Value),
    ) -> Result<(), StoreError> {
        self.audit
            .record(AuditEvent {
                id: AuditEventId::generate(now, self.entropy.as_ref()),
                timestamp: now,
                action_name: audit::REVOKE_MCP_CONNECTION.to_owned(),
                action_description: description,
                action_result: ActionResult::Succeeded,
                action_params: params,
                action_details: details,
                actor: Actor::user(&admin.user, &admin.role),
                errors: Vec::new(),
                source_ip: origin.ip.map(|ip| ip.to_string()),
                user_agent: origin.user_agent.clone(),
            })
            .await
    }
}

/// A filter in lower case, with the one person it means if it names somebody's whole e-mail address: who asks for
/// `ana@example.com` does not mean `diana@example.com`.
struct Narrowed {
    email: Option<String>,
    person: Option<String>,
    client: Option<String>,
    active: Option<bool>,
}

impl Narrowed {
    fn new<'a>(filter: &ConnectionFilter, mut people: impl Iterator<Item = &'a User>) -> Self {
        let person = filter.person.as_deref().map(str::to_lowercase);
        let email = person.clone().filter(|text| people.any(|user| user.email == *text));
        Self { email, person, client: filter.client.as_deref().map(str::to_lowercase), active: filter.active }
    }

    fn matches(&self, connection: &OwnedConnection, now: Timestamp) -> bool {
        let OwnedConnection { grant, client, person } = connection;
        let is_person = match &self.email {
            Some(email) => person.email == *email,
            None => is_part(self.person.as_deref(), &[person.email.as_str(), person.display_name().as_str()]),
        };
        is_person
            && is_part(self.client.as_deref(), &[client.display_name(), client.id.as_str()])
            && self.active.is_none_or(|active| active == grant.is_active(now))
    }
}

/// Whether `part`, in lower case, stands in one of `texts`; no part stands everywhere.
fn is_part(part: Option<&str>, texts: &[&str]) -> bool {
    part.is_none_or(|part| texts.iter().any(|text| text.to_lowercase().contains(part)))
}

fn require(person: &SignedIn, permission: Permission) -> Result<(), AllConnectionsError> {
    if person.may(permission) { Ok(()) } else { Err(AllConnectionsError::Forbidden(permission)) }
}

#[cfg(test)]
mod tests {
    use margay_rules::PermissionSet;

    use super::*;
    use crate::{
        client::{Approval, ClientSource},
        id::{ClientId, RoleId},
    };

    const NOW: Timestamp = Timestamp::from_seconds(1000);

    fn user(email: &str) -> User {
        User {
            id: UserId::new(format!("usr_{email}")),
            email: email.to_owned(),
            given_name: "Ana".to_owned(),
            family_name: "Silva".to_owned(),
            role_id: RoleId::new("Analyst"),
            enabled: true,
            created_at: NOW,
            last_signed_in_at: None,
        }
    }

    fn connection(email: &str, client_id: &str, client_name: &str, expires_at: i64) -> OwnedConnection {
        let person = user(email);
        OwnedConnection {
            grant: Grant {
                id: GrantId::new("grt_1"),
                user_id: person.id.clone(),
                client_id: ClientId::new(client_id),
                permissions: PermissionSet::EMPTY,
                resource: String::new(),
                redirect_uri: String::new(),
                created_at: NOW,
                activated_at: Some(NOW),
                expires_at: Timestamp::from_seconds(expires_at),
                last_used_at: None,
                narrowed_from: None,
                refreshed_from: None,
                revoked: None,
            },
            client: Client {
                id: ClientId::new(client_id),
                name: client_name.to_owned(),
                redirect_uris: Vec::new(),
                client_uri: None,
                application_type: None,
                grant_types: Vec::new(),
                source: ClientSource::Registered,
                approval: Approval::Approved,
                document_fresh_until: None,
                created_at: NOW,
                last_authorized_at: None,
            },
            person,
        }
    }

    fn matching(filter: &ConnectionFilter) -> Vec<&'static str> {
        let connections = [
            ("ana", connection("ana@example.com", "mcp_1", "Claude", 2000)),
            ("diana", connection("diana@example.com", "https://claude.ai/x", "", 2000)),
            ("ben", connection("ben@example.com", "mcp_2", "Cursor", 500)),
        ];
        let people: Vec<User> = connections.iter().map(|(_, connection)| connection.person.clone()).collect();
        let filter = Narrowed::new(filter, people.iter());
        connections.iter().filter(|(_, connection)| filter.matches(connection, NOW)).map(|(name, _)| *name).collect()
    }

    fn by_person(text: &str) -> Vec<&'static str> {
        matching(&ConnectionFilter { person: Some(text.to_owned()), ..ConnectionFilter::default() })
    }

    fn by_client(text: &str) -> Vec<&'static str> {
        matching(&ConnectionFilter { client: Some(text.to_owned()), ..ConnectionFilter::default() })
    }

    #[test]
    fn no_condition_lets_all_pass() {
        assert_eq!(matching(&ConnectionFilter::default()), ["ana", "diana", "ben"]);
    }

    #[test]
    fn a_whole_address_means_one_person_and_a_part_means_many() {
        assert_eq!(by_person("Ana@Example.com"), ["ana"]);
        assert_eq!(by_person("ana@"), ["ana", "diana"]);
        assert_eq!(by_person("silva"), ["ana", "diana", "ben"]);
        assert!(by_person("carl").is_empty());
    }

    #[test]
    fn clients_are_found_by_name_id_and_host() {
        assert_eq!(by_client("CLAUDE"), ["ana", "diana"]);
        assert_eq!(by_client("claude.ai"), ["diana"]);
        assert_eq!(by_client("unnamed"), ["diana"]);
        assert_eq!(by_client("mcp_2"), ["ben"]);
    }

    #[test]
    fn active_and_ended_are_told_apart() {
        let by_state = |active| matching(&ConnectionFilter { active: Some(active), ..ConnectionFilter::default() });
        assert_eq!(by_state(true), ["ana", "diana"]);
        assert_eq!(by_state(false), ["ben"]);
    }
}
