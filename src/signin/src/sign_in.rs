//! `POST /sign-in`.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{State, rejection::FormRejection},
    response::Response,
};
use margay_domain::{
    page::SignInAgain,
    principal::{Browser, Origin},
};
use serde::Deserialize;
use tower_sessions::Session;

use crate::{
    answer, codes,
    service::{SignIn, SignInError},
};

/// The posted form; names from `margay_rules::forms`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SignInForm {
    email: String,
    password: String,
    next: String,
    csrf: String,
}

/// Signs a person in and sends them on to `next`, or back to the form with a code of [`codes`].
pub(crate) async fn handle(
    State(sign_in): State<Arc<SignIn>>,
    Extension(browser): Extension<Browser>,
    Extension(origin): Extension<Origin>,
    Extension(session): Extension<Session>,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return answer::sign_in_page(codes::EXPIRED, "") };
    // Row OP3: before anything else.
    if !browser.csrf_matches(&form.csrf) {
        return answer::sign_in_page(codes::EXPIRED, &form.next);
    }
    match sign_in.attempt(&session, &origin, &form.email, form.password).await {
        Ok(()) => answer::see_other(answer::local_path(&form.next).unwrap_or(answer::HOME)),
        Err(error) => refusal(&error, browser, form.email, form.next),
    }
}

fn refusal(error: &SignInError, browser: Browser, email: String, next: String) -> Response {
    let again = |status, error| answer::sign_in_again(SignInAgain { browser, status, error, email, next });
    match error {
        SignInError::Invalid => again(422, codes::INVALID),
        SignInError::Limited => again(429, codes::LIMITED),
        SignInError::Password(_) | SignInError::Store(_) | SignInError::Session(_) => {
            tracing::error!(%error, "sign-in failed");
            answer::unavailable()
        }
    }
}
