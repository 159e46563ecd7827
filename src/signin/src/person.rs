//! The person of a session: read anew for each request, so that changes act at once.

use std::time::Duration;

use margay_domain::{clock::Timestamp, id::UserId, ports::StoreResult, principal::SignedIn, user::User};
use serde_json::Value;
use tower_sessions::Session;

use crate::service::{SignIn, SignInError};

/// The key in a session's data under which the person's id stands. A session store can find a person's sessions by it.
pub const SESSION_USER_ID_KEY: &str = "user_id";
/// However busy a session is, after so long the person signs in again: 7 days.
pub const SIGN_IN_MAX_AGE: Duration = Duration::from_hours(7 * 24);

/// When the person signed in.
const SIGNED_IN_AT_KEY: &str = "signed_in_at";
/// When the session was last written; writing it is what puts its end off.
const SEEN_AT_KEY: &str = "seen_at";
/// A session is written again after so long at the earliest, so that reading pages does not mean writing.
const TOUCH_INTERVAL: Duration = Duration::from_mins(5);

impl SignIn {
    /// Who is signed in. Ends the session of a disabled or vanished person, and one that is too old.
    pub(crate) async fn person(&self, session: &Session) -> Result<Option<SignedIn>, SignInError> {
        let Some(user_id) = session.get_value(SESSION_USER_ID_KEY).await? else { return Ok(None) };
        let now = self.clock.now();
        let signed_in_at = timestamp(session.get_value(SIGNED_IN_AT_KEY).await?);
        let is_young = signed_in_at.is_some_and(|at| now.since(at) < SIGN_IN_MAX_AGE);
        let person = match user_id.as_str() {
            Some(id) if is_young => self.enabled_person(&UserId::new(id)).await?,
            _ => None,
        };
        if person.is_some() {
            self.touch(session, now).await?;
        } else {
            session.flush().await?;
        }
        Ok(person)
    }

    async fn enabled_person(&self, id: &UserId) -> StoreResult<Option<SignedIn>> {
        let Some(user) = self.users.get(id).await?.filter(|user| user.enabled) else { return Ok(None) };
        let Some(role) = self.roles.get(&user.role_id).await? else {
            tracing::error!(user = %user.id, role = %user.role_id, "a person's role does not exist");
            return Ok(None);
        };
        Ok(Some(SignedIn { user, role }))
    }

    /// Puts off the end of the session, now and then.
    async fn touch(&self, session: &Session, now: Timestamp) -> Result<(), SignInError> {
        let interval = (self.config.session_idle / 12).min(TOUCH_INTERVAL);
        let seen_at = timestamp(session.get_value(SEEN_AT_KEY).await?);
        if seen_at.is_none_or(|at| now.since(at) >= interval) {
            session.insert(SEEN_AT_KEY, now).await?;
        }
        Ok(())
    }

    /// Makes the session this person's.
    pub(crate) async fn open_session(&self, session: &Session, user: &User, now: Timestamp) -> Result<(), SignInError> {
        // Row OP8: a new id, so that nobody can have planted this one; and nothing of whoever was here before.
        session.clear().await;
        session.cycle_id().await?;
        session.insert(SESSION_USER_ID_KEY, &user.id).await?;
        session.insert(SIGNED_IN_AT_KEY, now).await?;
        session.insert(SEEN_AT_KEY, now).await?;
        Ok(())
    }
}

fn timestamp(value: Option<Value>) -> Option<Timestamp> {
    serde_json::from_value(value?).ok()
}
