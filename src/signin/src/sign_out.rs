//! `POST /sign-out`.

use axum::{Extension, Form, extract::rejection::FormRejection, response::Response};
use margay_domain::principal::{Browser, SignedIn};
use serde::Deserialize;
use tower_sessions::Session;

use crate::answer;

/// The posted form; names from `margay_rules::forms`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SignOutForm {
    csrf: String,
}

/// Ends the session and shows the sign-in page.
pub(crate) async fn handle(
    Extension(browser): Extension<Browser>,
    Extension(session): Extension<Session>,
    person: Option<Extension<SignedIn>>,
    form: Result<Form<SignOutForm>, FormRejection>,
) -> Response {
    // Nobody is signed in any more, for example after a sign-out in another tab: that is what was asked for.
    if person.is_none() {
        return answer::see_other(answer::SIGN_IN_PAGE);
    }
    // Row OP3: another site must not sign people out. Home has a fresh form.
    if !form.is_ok_and(|Form(form)| browser.csrf_matches(&form.csrf)) {
        return answer::see_other(answer::HOME);
    }
    if let Err(error) = session.flush().await {
        tracing::error!(%error, "sign-out failed");
        return answer::unavailable();
    }
    answer::see_other(answer::SIGN_IN_PAGE)
}
