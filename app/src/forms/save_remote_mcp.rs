//! `POST /settings/ai-automation/remote-mcp`: saves the redirect allowlist.
//!
//! What cannot be saved comes back in the page, as it was entered, with the reason at each entry.

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use margay_domain::{
    principal::{Browser, Origin, SignedIn},
    remote_mcp::RemoteMcpError,
    rules::Permission,
};
use serde::Deserialize;

use crate::{
    http::{refuse, render_route, request_for},
    pages::{
        error,
        remote_mcp::{Draft, PATH, Problem, refused},
    },
    ui::UiState,
};

/// The fields as `margay_rules::forms` names them.
#[derive(Deserialize)]
pub(super) struct SaveForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    revision: String,
    #[serde(default)]
    domain: Vec<String>,
    #[serde(default)]
    scheme: Vec<String>,
    /// There if the button was pressed that only judges the entries.
    #[serde(default)]
    check: String,
}

pub(super) async fn post(
    State(state): State<UiState>,
    Extension(browser): Extension<Browser>,
    Extension(person): Extension<SignedIn>,
    Extension(origin): Extension<Origin>,
    Form(form): Form<SaveForm>,
) -> Response {
    if let Some(refusal) = super::forged(&browser, &form.csrf) {
        return refusal;
    }
    let SaveForm { revision, domain, scheme, check, .. } = form;
    let Ok(revision) = revision.parse::<i64>() else { return refuse(error::form_incomplete()) };
    if !check.is_empty() {
        if !person.may(Permission::GeneralSettingsModify) {
            return refuse(error::forbidden(Permission::GeneralSettingsModify));
        }
        let draft = Draft { domains: domain, schemes: scheme, revision, problem: Problem::Checked };
        return again(&state, browser, person, StatusCode::OK, draft).await;
    }
    let (status, problem) = match state.ui.remote_mcp.save(&person, &domain, &scheme, revision, &origin).await {
        Ok(_) => return Redirect::to("/settings/ai-automation/remote-mcp?saved=1").into_response(),
        Err(RemoteMcpError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, Problem::Invalid(errors)),
        Err(RemoteMcpError::Stale) => (StatusCode::CONFLICT, Problem::Stale),
        Err(other) => return refuse(refused(other)),
    };
    again(&state, browser, person, status, Draft { domains: domain, schemes: scheme, revision, problem }).await
}

/// The page with what was entered.
async fn again(state: &UiState, browser: Browser, person: SignedIn, status: StatusCode, draft: Draft) -> Response {
    let mut request = request_for(PATH);
    let extensions = request.extensions_mut();
    extensions.insert(browser);
    extensions.insert(person);
    extensions.insert(draft);
    let mut page = render_route(state, request).await;
    // The page may have found a reason of its own to refuse.
    if page.status() == StatusCode::OK {
        *page.status_mut() = status;
    }
    page
}
