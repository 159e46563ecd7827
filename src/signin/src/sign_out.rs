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
    /// Where the next person goes on, for example with an authorization that is under way. A local path, or nothing.
    next: String,
}

/// Ends the session and shows the sign-in page, which goes on to `next`. The browser stays the same browser, and with
/// it the authorizations that began in it (row OP3): whoever signs in next can decide them.
pub(crate) async fn handle(
    Extension(browser): Extension<Browser>,
    Extension(session): Extension<Session>,
    person: Option<Extension<SignedIn>>,
    form: Result<Form<SignOutForm>, FormRejection>,
) -> Response {
    let form = form.map(|Form(form)| form).unwrap_or_default();
    // Nobody is signed in any more, for example after a sign-out in another tab: that is what was asked for.
    if person.is_none() {
        return answer::sign_in_first(&form.next);
    }
    // Row OP3: another site must not sign people out. The page that the form is from has a fresh one, and so has home.
    if !browser.csrf_matches(&form.csrf) {
        return answer::see_other(answer::local_path(&form.next).unwrap_or(answer::HOME));
    }
    if let Err(error) = session.flush().await {
        tracing::error!(%error, "sign-out failed");
        return answer::unavailable();
    }
    answer::sign_in_first(&form.next)
}
