//! What the command line does to people: add, change the role, disable, enable, set a password. Each change acts on
//! a running server with its next request and is written to the audit log.

use std::{collections::HashSet, sync::Arc};

use margay_domain::{
    audit::{self, ActionResult, Actor, AuditEvent},
    clock::Clock,
    entropy::Entropy,
    grant::RevocationReason,
    id::{AuditEventId, RoleId, UserId},
    ports::{AuditLog, Grants, Roles, StoreError, StoreResult, Users},
    role::Role,
    user::{NotAnEmail, User, normalize_email},
};
use margay_rules::{Permission, display};
use serde_json::{Value, json};

use crate::password::{self, PasswordError};

/// Longer names are cut, in characters.
const MAX_NAME_CHARACTERS: usize = 100;

/// The service behind `margay user`.
#[derive(Clone)]
pub struct Accounts {
    /// People.
    pub users: Arc<dyn Users>,
    /// Roles.
    pub roles: Arc<dyn Roles>,
    /// Grants, which end when a person is disabled.
    pub grants: Arc<dyn Grants>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator, for ids and salts.
    pub entropy: Arc<dyn Entropy>,
}

/// A person to add.
#[derive(Clone)]
pub struct NewAccount {
    /// The e-mail address, in any case.
    pub email: String,
    /// The name of the role, exactly.
    pub role: String,
    /// The password; without one the person cannot sign in with a password.
    pub password: Option<String>,
    /// Given name; may be empty.
    pub given_name: String,
    /// Family name; may be empty.
    pub family_name: String,
}

/// Why nothing was changed. The texts are for the person at the command line.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccountError {
    /// Not an e-mail address.
    #[error(transparent)]
    Email(#[from] NotAnEmail),
    /// Somebody has the e-mail address already.
    #[error("there is somebody with the e-mail address {0} already")]
    EmailTaken(String),
    /// Nobody has the e-mail address.
    #[error("nobody has the e-mail address {0}; \"margay user list\" shows everybody")]
    UnknownUser(String),
    /// There is no such role.
    #[error("there is no role {name:?}; the roles are {}", .known.join(", "))]
    UnknownRole {
        /// What was asked for.
        name: String,
        /// The names of all roles.
        known: Vec<String>,
    },
    /// The password is too short or too long.
    #[error("{0}")]
    WeakPassword(&'static str),
    /// Nobody enabled would be left who may manage users.
    #[error(
        "{} is the last enabled person with the permission {}; give somebody else a role with it first",
        .0,
        Permission::UserModify.title()
    )]
    LastAdmin(String),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a new password leaves the person's connections alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepConnections {
    /// They stay, for example because the person only forgot the old one.
    Yes,
    /// They end, as they should when somebody else may know the old one.
    No,
}

impl Accounts {
    /// Adds a person.
    pub async fn create_user(&self, new: NewAccount) -> Result<User, AccountError> {
        let email = normalize_email(&new.email)?;
        let role = self.role(&new.role).await?;
        let hash = match new.password {
            Some(plain) => Some(self.hash(plain).await?),
            None => None,
        };
        let now = self.clock.now();
        let user = User {
            id: UserId::generate(now, self.entropy.as_ref()),
            email,
            given_name: clean_name(&new.given_name),
            family_name: clean_name(&new.family_name),
            role_id: role.id.clone(),
            enabled: true,
            created_at: now,
            last_signed_in_at: None,
        };
        match self.users.create(&user, hash.as_ref()).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Err(AccountError::EmailTaken(user.email)),
            Err(error) => return Err(error.into()),
        }
        let params = json!({ "email": user.email, "role": role.name });
        let details = json!({ "userId": user.id, "hasPassword": hash.is_some() });
        self.record(audit::CREATE_USER, format!("Added {}", user.email), params, details).await?;
        Ok(user)
    }

    /// Gives a person another role. Refuses to take the last one away who may manage users.
    pub async fn set_role(&self, email: &str, role_name: &str) -> Result<User, AccountError> {
        let mut user = self.user(email).await?;
        let role = self.role(role_name).await?;
        if !role.permissions.contains(Permission::UserModify) {
            self.refuse_last_admin(&user).await?;
        }
        self.users.set_role(&user.id, &role.id).await?;
        let before = std::mem::replace(&mut user.role_id, role.id);
        let params = json!({ "email": user.email, "role": role.name });
        let details = json!({ "userId": user.id, "roleIdBefore": before });
        let description = format!("Gave {} the role {}", user.email, role.name);
        self.record(audit::UPDATE_USER, description, params, details).await?;
        Ok(user)
    }

    /// Disables a person and ends all their connections; how many. Refuses for the last one who may manage users.
    pub async fn disable(&self, email: &str) -> Result<u64, AccountError> {
        let user = self.user(email).await?;
        self.refuse_last_admin(&user).await?;
        self.users.set_enabled(&user.id, false).await?;
        let ended = self.grants.revoke_all_of(&user.id, RevocationReason::UserDisabled, self.clock.now()).await?;
        let params = json!({ "email": user.email, "enabled": false });
        let details = json!({ "userId": user.id, "connectionsEnded": ended });
        self.record(audit::UPDATE_USER, format!("Disabled {}", user.email), params, details).await?;
        Ok(ended)
    }

    /// Enables a person again. Ended connections stay ended.
    pub async fn enable(&self, email: &str) -> Result<User, AccountError> {
        let mut user = self.user(email).await?;
        self.users.set_enabled(&user.id, true).await?;
        user.enabled = true;
        let params = json!({ "email": user.email, "enabled": true });
        let details = json!({ "userId": user.id });
        self.record(audit::UPDATE_USER, format!("Enabled {}", user.email), params, details).await?;
        Ok(user)
    }

    /// Sets a password, ends the person's browser sessions and, unless they are kept, all their connections; how many.
    pub async fn set_password(
        &self,
        email: &str,
        plain: String,
        connections: KeepConnections,
    ) -> Result<u64, AccountError> {
        let user = self.user(email).await?;
        let hash = self.hash(plain).await?;
        self.users.set_password(&user.id, &hash).await?;
        // Row OF6: whoever knew the old password may have connected a client of their own.
        let ended = match connections {
            KeepConnections::No => {
                self.grants.revoke_all_of(&user.id, RevocationReason::PasswordReset, self.clock.now()).await?
            }
            KeepConnections::Yes => 0,
        };
        let params = json!({ "email": user.email, "passwordSet": true });
        let details = json!({ "userId": user.id, "connectionsEnded": ended });
        self.record(audit::UPDATE_USER, format!("Set the password of {}", user.email), params, details).await?;
        Ok(ended)
    }

    async fn user(&self, email: &str) -> Result<User, AccountError> {
        let email = normalize_email(email)?;
        let found = self.users.find_by_email(&email).await?;
        found.map(|(user, _)| user).ok_or(AccountError::UnknownUser(email))
    }

    async fn role(&self, name: &str) -> Result<Role, AccountError> {
        if let Some(role) = self.roles.find_by_name(name).await? {
            return Ok(role);
        }
        let known = self.roles.list().await?.into_iter().map(|role| role.name).collect();
        Err(AccountError::UnknownRole { name: name.to_owned(), known })
    }

    async fn hash(&self, plain: String) -> Result<margay_domain::user::PasswordHash, AccountError> {
        password::check_password_strength(&plain).map_err(AccountError::WeakPassword)?;
        Ok(password::hash_in_background(plain, Arc::clone(&self.entropy)).await?)
    }

    /// Somebody enabled must always be left who may manage users, else nobody could repair anything on the pages.
    async fn refuse_last_admin(&self, user: &User) -> Result<(), AccountError> {
        let roles: HashSet<RoleId> = self
            .roles
            .list()
            .await?
            .into_iter()
            .filter(|role| role.permissions.contains(Permission::UserModify))
            .map(|role| role.id)
            .collect();
        let is_admin = |user: &User| user.enabled && roles.contains(&user.role_id);
        if !is_admin(user) {
            return Ok(());
        }
        let others = self.users.list().await?;
        if others.iter().any(|other| other.id != user.id && is_admin(other)) {
            return Ok(());
        }
        Err(AccountError::LastAdmin(user.email.clone()))
    }

    async fn record(&self, action: &str, description: String, params: Value, details: Value) -> StoreResult<()> {
        let now = self.clock.now();
        self.audit
            .record(AuditEvent {
                id: AuditEventId::generate(now, self.entropy.as_ref()),
                timestamp: now,
                action_name: action.to_owned(),
                action_description: description,
                action_result: ActionResult::Succeeded,
                action_params: params,
                action_details: details,
                actor: Actor::command_line(),
                errors: Vec::new(),
                source_ip: None,
                user_agent: None,
            })
            .await
    }
}

/// A name as entered, fit to be shown: in one line, without hidden characters, at most 100 characters.
pub(crate) fn clean_name(text: &str) -> String {
    display::one_line(text, MAX_NAME_CHARACTERS)
}

#[cfg(test)]
mod tests {
    use margay_domain::testing::{ManualClock, SeededEntropy};

    use super::*;
    use crate::fakes::{FakeAudit, FakeGrants, FakeRoles, FakeUsers, start};

    const PASSWORD: &str = "correct horse battery";

    struct House {
        accounts: Accounts,
        users: Arc<FakeUsers>,
        grants: Arc<FakeGrants>,
        audit: Arc<FakeAudit>,
    }

    fn house() -> House {
        let users = Arc::new(FakeUsers::default());
        let grants = Arc::new(FakeGrants::default());
        let audit = Arc::new(FakeAudit::default());
        let accounts = Accounts {
            users: users.clone(),
            roles: Arc::new(FakeRoles),
            grants: grants.clone(),
            audit: audit.clone(),
            clock: Arc::new(ManualClock::new(start())),
            entropy: Arc::new(SeededEntropy::new(5)),
        };
        House { accounts, users, grants, audit }
    }

    fn account(email: &str, role: &str) -> NewAccount {
        NewAccount {
            email: email.to_owned(),
            role: role.to_owned(),
            password: None,
            given_name: " Ana\n".to_owned(),
            family_name: "x".repeat(200),
        }
    }

    #[tokio::test]
    async fn adds_a_person_once() {
        let house = house();
        let mut new = account(" Ana@Example.com ", "Admin");
        new.password = Some(PASSWORD.to_owned());
        let user = house.accounts.create_user(new.clone()).await.unwrap();
        assert_eq!((user.email.as_str(), user.given_name.as_str()), ("ana@example.com", "Ana"));
        assert_eq!(user.family_name.len(), 100);
        let (_, stored) = house.users.find_by_email("ana@example.com").await.unwrap().unwrap();
        assert!(password::verify_password(PASSWORD, &stored.unwrap()));

        let again = house.accounts.create_user(new).await.unwrap_err();
        assert!(matches!(&again, AccountError::EmailTaken(email) if email == "ana@example.com"));
        let events = house.audit.events();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].action_name, audit::CREATE_USER);
        assert_eq!(events[0].actor, Actor::command_line());
        assert!(!serde_json::to_string(&events).unwrap().contains(PASSWORD));
    }

    #[test]
    fn a_name_hides_nothing_and_keeps_its_script() {
        assert_eq!(clean_name(" Ana\u{202e}\u{3164}\u{2066} \n Ruiz\u{e0041} "), "Ana Ruiz");
        for name in ["محمد علي", "שרה כהן", "अर्चना"] {
            assert_eq!(clean_name(name), name);
        }
    }

    #[tokio::test]
    async fn says_what_is_wrong() {
        let house = house();
        let unknown_role = house.accounts.create_user(account("ana@example.com", "admin")).await.unwrap_err();
        assert_eq!(
            unknown_role.to_string(),
            "there is no role \"admin\"; the roles are Admin, Analyst, AnalystReadOnly"
        );
        let no_email = house.accounts.create_user(account("ana", "Admin")).await.unwrap_err();
        assert!(matches!(no_email, AccountError::Email(_)));
        let mut weak = account("ana@example.com", "Admin");
        weak.password = Some("short".to_owned());
        assert!(matches!(house.accounts.create_user(weak).await.unwrap_err(), AccountError::WeakPassword(_)));
        let nobody = house.accounts.enable("ana@example.com").await.unwrap_err();
        assert!(nobody.to_string().starts_with("nobody has the e-mail address ana@example.com"));
        assert!(house.audit.events().is_empty());
    }

    #[tokio::test]
    async fn the_last_admin_stays() {
        let house = house();
        for (email, role) in [("ana@example.com", "Admin"), ("ben@example.com", "Admin"), ("cy@example.com", "Analyst")]
        {
            house.accounts.create_user(account(email, role)).await.unwrap();
        }
        house.accounts.disable("ben@example.com").await.unwrap();
        let demoted = house.accounts.set_role("ana@example.com", "Analyst").await.unwrap_err();
        assert!(matches!(&demoted, AccountError::LastAdmin(email) if email == "ana@example.com"));
        assert!(demoted.to_string().contains("Manage Users"));
        assert!(matches!(house.accounts.disable("ana@example.com").await.unwrap_err(), AccountError::LastAdmin(_)));

        // The same role again, and people who are not admins, are no problem.
        house.accounts.set_role("ana@example.com", "Admin").await.unwrap();
        house.accounts.disable("cy@example.com").await.unwrap();
        house.accounts.enable("ben@example.com").await.unwrap();
        let ana = house.accounts.set_role("ana@example.com", "Analyst").await.unwrap();
        assert_eq!(ana.role_id.as_str(), "Analyst");
    }

    #[tokio::test]
    async fn disabling_ends_the_connections() {
        let house = house();
        house.accounts.create_user(account("ana@example.com", "Admin")).await.unwrap();
        let ben = house.accounts.create_user(account("ben@example.com", "Analyst")).await.unwrap();
        assert_eq!(house.accounts.disable("ben@example.com").await.unwrap(), 2);
        assert_eq!(house.grants.revoked(), [(ben.id.clone(), RevocationReason::UserDisabled)]);
        assert!(!house.users.get(&ben.id).await.unwrap().unwrap().enabled);
        let event = house.audit.events().pop().unwrap();
        assert_eq!(event.action_name, audit::UPDATE_USER);
        assert_eq!(event.action_details["connectionsEnded"], 2);
    }

    #[tokio::test]
    async fn sets_a_password() {
        let house = house();
        house.accounts.create_user(account("ana@example.com", "Admin")).await.unwrap();
        let set = |email: &'static str, text: &str, keep| house.accounts.set_password(email, text.to_owned(), keep);
        assert_eq!(set("ANA@example.com", PASSWORD, KeepConnections::Yes).await.unwrap(), 0);
        assert_eq!(house.grants.revoked(), []);
        assert_eq!(set("ana@example.com", PASSWORD, KeepConnections::No).await.unwrap(), 2);
        assert_eq!(house.grants.revoked()[0].1, RevocationReason::PasswordReset);
        let (_, stored) = house.users.find_by_email("ana@example.com").await.unwrap().unwrap();
        assert!(password::verify_password(PASSWORD, &stored.unwrap()));
        let weak = set("ana@example.com", "short", KeepConnections::No).await.unwrap_err();
        assert!(matches!(weak, AccountError::WeakPassword(_)));
    }
}
