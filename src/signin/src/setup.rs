//! `POST /setup`: the link that creates the first admin.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Extension, Form,
    extract::{State, rejection::FormRejection},
    response::Response,
};
use margay_domain::{
    audit::{self, ActionResult, Actor},
    id::{RoleId, UserId},
    page::{ErrorPage, SetupAgain},
    ports::{StoreError, StoreResult},
    principal::{Browser, Origin},
    role::{BuiltInRole, Role},
    secret::{Secret, SecretHash, SecretKind, constant_time_eq},
    user::{PasswordHash, User, normalize_email},
};
use serde::Deserialize;
use serde_json::json;
use tower_sessions::Session;

use crate::{
    accounts::clean_name,
    answer, codes,
    password::{self, PasswordError},
    service::{Entry, SignIn, SignInError},
};

/// Under this key the settings hold the hash of the open link.
const SETUP_LINK_KEY: &str = "setup_link";

/// The posted form; `token` is the secret of the link.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SetupForm {
    token: String,
    email: String,
    password: String,
    given_name: String,
    family_name: String,
    csrf: String,
}

/// Why there is no first admin.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error("the link was used or replaced")]
    Expired,
    #[error("not an e-mail address")]
    Email,
    #[error("the password is too weak")]
    Password,
    #[error("there is a first person already")]
    Taken,
    #[error(transparent)]
    Hash(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Begin(#[from] SignInError),
}

/// Creates the first admin and signs them in, or shows the form again with a code of [`codes`] and what was entered.
pub(crate) async fn handle(
    State(sign_in): State<Arc<SignIn>>,
    Extension(browser): Extension<Browser>,
    Extension(origin): Extension<Origin>,
    Extension(session): Extension<Session>,
    form: Result<Form<SetupForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return no_such_link() };
    // Only what has the form of a token may become part of an address.
    let Some(token) = Secret::parse(SecretKind::Setup, &form.token) else { return no_such_link() };
    let mut again = SetupAgain {
        browser,
        token,
        error: codes::EXPIRED,
        email: form.email.clone(),
        given_name: form.given_name.clone(),
        family_name: form.family_name.clone(),
    };
    // Row OP3: before the token or anything else is judged.
    if !again.browser.csrf_matches(&form.csrf) {
        return answer::setup_again(again);
    }
    again.error = match sign_in.set_up(&session, &origin, &again.token, form).await {
        Ok(()) => return answer::see_other(answer::HOME),
        Err(SetupError::Email) => codes::EMAIL,
        Err(SetupError::Password) => codes::PASSWORD,
        Err(SetupError::Expired) => return closed(&again.token, codes::EXPIRED),
        Err(SetupError::Taken) => return closed(&again.token, codes::TAKEN),
        Err(error @ (SetupError::Hash(_) | SetupError::Store(_) | SetupError::Begin(_))) => {
            tracing::error!(%error, "the first admin was not set up");
            return answer::unavailable();
        }
    };
    answer::setup_again(again)
}

/// The link is used up, so there is no form to show again; its page says so.
fn closed(token: &Secret, code: &str) -> Response {
    let path = setup_path(token);
    answer::see_other(&format!("{path}?error={code}"))
}

fn no_such_link() -> Response {
    answer::error_page(ErrorPage {
        status: 404,
        title: "This link does not work".to_owned(),
        message: "It is not a link of this server, or a part of it is missing.".to_owned(),
        advice: "Copy the whole link from the server's output, or restart the server for a new one.".to_owned(),
        detail: None,
    })
}

fn setup_path(token: &Secret) -> String {
    format!("/setup/{}", token.expose())
}

impl SignIn {
    /// If there is nobody yet, opens a link that creates the first admin, in place of any earlier one: its path,
    /// which is a secret to be shown once. `None` if there is somebody.
    pub async fn ensure_setup_link(&self) -> StoreResult<Option<String>> {
        if self.users.count().await? > 0 {
            return Ok(None);
        }
        let token = Secret::generate(SecretKind::Setup, self.entropy.as_ref());
        self.settings.set_internal(SETUP_LINK_KEY, &hex(&token.hash())).await?;
        Ok(Some(setup_path(&token)))
    }

    /// Whether `token_text` is the secret of the open link and there is nobody yet. `false` if storage fails.
    pub async fn setup_open(&self, token_text: &str) -> bool {
        let Some(token) = Secret::parse(SecretKind::Setup, token_text) else { return false };
        match self.is_open(&token).await {
            Ok(open) => open,
            Err(error) => {
                tracing::error!(%error, "the setup link could not be looked up");
                false
            }
        }
    }

    async fn is_open(&self, token: &Secret) -> StoreResult<bool> {
        Ok(self.is_current(token).await? && self.users.count().await? == 0)
    }

    async fn is_current(&self, token: &Secret) -> StoreResult<bool> {
        let stored = self.settings.internal(SETUP_LINK_KEY).await?;
        Ok(stored.is_some_and(|stored| constant_time_eq(&stored, &hex(&token.hash()))))
    }

    async fn set_up(
        &self,
        session: &Session,
        origin: &Origin,
        token: &Secret,
        form: SetupForm,
    ) -> Result<(), SetupError> {
        // The link first: without it the form is not even looked at, let alone a password hashed.
        if !self.is_current(token).await? {
            return Err(SetupError::Expired);
        }
        let email = normalize_email(&form.email).map_err(|_| SetupError::Email)?;
        password::check_password_strength(&form.password).map_err(|_| SetupError::Password)?;
        let role = self.admin_role().await?;
        let hash = password::hash_in_background(form.password, Arc::clone(&self.entropy)).await?;
        let now = self.clock.now();
        let user = User {
            id: UserId::generate(now, self.entropy.as_ref()),
            email,
            given_name: clean_name(&form.given_name),
            family_name: clean_name(&form.family_name),
            role_id: role.id.clone(),
            enabled: true,
            created_at: now,
            last_signed_in_at: None,
        };
        self.create_first(token, &user, &hash).await?;
        self.record(Entry {
            action: audit::CREATE_USER,
            description: format!("Created the first admin {}", user.email),
            result: ActionResult::Succeeded,
            params: json!({ "email": user.email, "role": role.name }),
            details: json!({ "userId": user.id, "firstAdmin": true }),
            actor: Actor::user(&user, &role),
            error: None,
            origin,
        })
        .await?;
        self.begin_session(session, &user, &role, origin).await?;
        Ok(())
    }

    async fn admin_role(&self) -> StoreResult<Role> {
        let id = RoleId::new(BuiltInRole::Admin.name());
        self.roles.get(&id).await?.ok_or(StoreError::NotFound("role Admin"))
    }

    /// Uses the link up and adds the person. The store decides both: of several requests one takes the link, and
    /// there is only one first person.
    async fn create_first(&self, token: &Secret, user: &User, hash: &PasswordHash) -> Result<(), SetupError> {
        let stored = hex(&token.hash());
        if !self.settings.take_internal(SETUP_LINK_KEY, &stored).await? {
            return Err(SetupError::Expired);
        }
        match self.users.create_first(user, hash).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SetupError::Taken),
            Err(error) => {
                // Nothing came of it: leave the person their link.
                if let Err(error) = self.settings.set_internal(SETUP_LINK_KEY, &stored).await {
                    tracing::error!(%error, "the setup link could not be put back; restart the server for a new one");
                }
                Err(error.into())
            }
        }
    }
}

fn hex(hash: &SecretHash) -> String {
    hash.as_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_stored_in_hex() {
        let mut bytes = [0_u8; 32];
        bytes[0] = 0xab;
        bytes[31] = 0x01;
        let text = hex(&SecretHash::from_bytes(bytes));
        assert_eq!(text.len(), 64);
        assert!(text.starts_with("ab00") && text.ends_with("0001"));
    }
}
