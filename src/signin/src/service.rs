//! Who may sign in, and what is written down about it.

use std::sync::Arc;

use margay_domain::{
    audit::{self, ActionResult, Actor, ActorKind, AuditError, AuditEvent},
    clock::Clock,
    entropy::Entropy,
    id::AuditEventId,
    ports::{AuditLog, Roles, Settings, StoreError, StoreResult, Users},
    principal::Origin,
    role::Role,
    user::{PasswordHash, User, normalize_email},
};
use serde_json::{Value, json};
use tower_sessions::Session;

use crate::{
    attempts::{Attempts, Limited},
    config::SignInConfig,
    password::{self, PasswordError},
};

/// The service behind the endpoints and layers of this crate.
pub struct SignIn {
    pub(crate) config: SignInConfig,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) roles: Arc<dyn Roles>,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) settings: Arc<dyn Settings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    attempts: Attempts,
}

/// Why nobody was signed in. Mapped to the wire by each endpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// Too many attempts, or too many at once.
    #[error("too many attempts")]
    Limited,
    /// Wrong e-mail address or password, or a disabled account. Not told apart (row OP7).
    #[error("wrong e-mail address or password")]
    Invalid,
    /// No hash could be computed.
    #[error(transparent)]
    Password(PasswordError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session could not be read or written.
    #[error(transparent)]
    Session(#[from] tower_sessions::session::Error),
}

impl From<PasswordError> for SignInError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Limited,
            PasswordError::Failed => Self::Password(error),
        }
    }
}

/// Why an attempt was refused. For the audit log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Limited,
    UnknownEmail,
    NoPassword,
    WrongPassword,
    Disabled,
    NoRole,
}

impl Reason {
    const fn code(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::UnknownEmail => "unknown_email",
            Self::NoPassword => "no_password",
            Self::WrongPassword => "wrong_password",
            Self::Disabled => "disabled",
            Self::NoRole => "no_role",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Limited => "Too many attempts.",
            Self::UnknownEmail => "Nobody has this e-mail address.",
            Self::NoPassword => "The account has no password.",
            Self::WrongPassword => "The password is wrong.",
            Self::Disabled => "The account is disabled.",
            Self::NoRole => "The account's role does not exist.",
        }
    }
}

impl SignIn {
    /// The service. `console_origin` and the cookie form must fit the address at which browsers reach the pages.
    pub fn new(
        config: SignInConfig,
        users: Arc<dyn Users>,
        roles: Arc<dyn Roles>,
        audit: Arc<dyn AuditLog>,
        settings: Arc<dyn Settings>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        Arc::new(Self { config, users, roles, audit, settings, clock, entropy, attempts: Attempts::default() })
    }

    /// Checks e-mail address and password and begins a session. Takes the same time and gives the same error whether
    /// the address is unknown, the password wrong or the account disabled (row OP7).
    pub(crate) async fn attempt(
        &self,
        session: &Session,
        origin: &Origin,
        email_text: &str,
        plain: String,
    ) -> Result<(), SignInError> {
        let email = normalize_email(email_text).ok();
        let key = email.clone().unwrap_or_else(|| email_text.trim().to_lowercase());
        // Row OP7: the limit comes first, so that guesses beyond it cost us nothing and tell nothing.
        if let Err(limited) = self.attempts.begin(&key, origin.ip, self.clock.monotonic()) {
            return Err(self.refuse_limited(limited, email.as_deref(), origin).await?);
        }
        let (user, stored) = self.find(email.as_deref()).await?;
        let has_password = stored.is_some();
        let matches = password::verify_in_background(plain, stored).await?;
        let user = match judge(user.as_ref(), has_password, matches) {
            Ok(user) => user,
            Err(reason) => return Err(self.refuse(reason, email.as_deref(), user.as_ref(), origin).await?),
        };
        let Some(role) = self.roles.get(&user.role_id).await? else {
            return Err(self.refuse(Reason::NoRole, email.as_deref(), Some(user), origin).await?);
        };
        self.attempts.succeeded(&key, origin.ip);
        self.begin_session(session, user, &role, origin).await
    }

    async fn find(&self, email: Option<&str>) -> StoreResult<(Option<User>, Option<PasswordHash>)> {
        let Some(email) = email else { return Ok((None, None)) };
        Ok(self.users.find_by_email(email).await?.map_or((None, None), |(user, stored)| (Some(user), stored)))
    }

    /// Makes `session` the person's, under a new id, and writes the audit event. On an error the answer must be a 5xx,
    /// which keeps the session from being stored.
    pub(crate) async fn begin_session(
        &self,
        session: &Session,
        user: &User,
        role: &Role,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        let now = self.clock.now();
        self.open_session(session, user, now).await?;
        self.users.signed_in(&user.id, now).await?;
        self.record(Entry {
            action: audit::SIGN_IN,
            description: "Signed in".to_owned(),
            result: ActionResult::Succeeded,
            params: json!({ "email": user.email, "method": "password" }),
            details: json!({}),
            actor: Actor::user(user, role),
            error: None,
            origin,
        })
        .await?;
        Ok(())
    }

    /// Writes the audit event of a refused attempt; the error to go on with.
    pub(crate) async fn refuse(
        &self,
        reason: Reason,
        email: Option<&str>,
        user: Option<&User>,
        origin: &Origin,
    ) -> StoreResult<SignInError> {
        self.record(Entry {
            action: audit::SIGN_IN,
            description: "Could not sign in".to_owned(),
            result: ActionResult::Failed,
            // Only what is an e-mail address: people type their password into the wrong field.
            params: json!({ "email": email, "method": "password" }),
            details: json!({ "reason": reason.code(), "userId": user.map(|user| &user.id) }),
            actor: unknown_actor(),
            error: Some(reason.sentence()),
            origin,
        })
        .await?;
        Ok(if reason == Reason::Limited { SignInError::Limited } else { SignInError::Invalid })
    }

    /// One audit event per block, not per refusal: guesses must not fill the audit log.
    async fn refuse_limited(&self, limited: Limited, email: Option<&str>, origin: &Origin) -> StoreResult<SignInError> {
        if limited.first { self.refuse(Reason::Limited, email, None, origin).await } else { Ok(SignInError::Limited) }
    }

    pub(crate) async fn record(&self, entry: Entry<'_>) -> StoreResult<()> {
        let now = self.clock.now();
        self.audit
            .record(AuditEvent {
                id: AuditEventId::generate(now, self.entropy.as_ref()),
                timestamp: now,
                action_name: entry.action.to_owned(),
                action_description: entry.description,
                action_result: entry.result,
                action_params: entry.params,
                action_details: entry.details,
                actor: entry.actor,
                errors: entry.error.map(|message| AuditError { message: message.to_owned() }).into_iter().collect(),
                source_ip: entry.origin.ip.map(|ip| ip.to_string()),
                user_agent: entry.origin.user_agent.clone(),
            })
            .await
    }
}

/// What an audit event of this crate says.
pub(crate) struct Entry<'a> {
    pub(crate) action: &'static str,
    pub(crate) description: String,
    pub(crate) result: ActionResult,
    pub(crate) params: Value,
    pub(crate) details: Value,
    pub(crate) actor: Actor,
    pub(crate) error: Option<&'static str>,
    pub(crate) origin: &'a Origin,
}

/// Nobody is signed in yet, so nobody in particular acted.
fn unknown_actor() -> Actor {
    Actor {
        id: "unknown".to_owned(),
        kind: ActorKind::System,
        name: "Unknown person".to_owned(),
        email: None,
        role: None,
    }
}

/// The person who may sign in, or why not. The password counts before the state of the account.
fn judge(user: Option<&User>, has_password: bool, matches: bool) -> Result<&User, Reason> {
    let user = user.ok_or(Reason::UnknownEmail)?;
    if !has_password {
        return Err(Reason::NoPassword);
    }
    if !matches {
        return Err(Reason::WrongPassword);
    }
    if !user.enabled {
        return Err(Reason::Disabled);
    }
    Ok(user)
}
