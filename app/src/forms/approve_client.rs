//! `POST /settings/ai-automation/remote-mcp/approve`: lets people authorize a client that waits.

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use margay_domain::{
    id::ClientId,
    principal::{Browser, Origin, SignedIn},
};
use serde::Deserialize;

use crate::{http::refuse, pages::remote_mcp::refused, ui::UiState};

#[derive(Deserialize)]
pub(super) struct ApproveForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    client: String,
}

pub(super) async fn post(
    State(state): State<UiState>,
    Extension(browser): Extension<Browser>,
    Extension(person): Extension<SignedIn>,
    Extension(origin): Extension<Origin>,
    Form(form): Form<ApproveForm>,
) -> Response {
    if let Some(refusal) = super::forged(&browser, &form.csrf) {
        return refusal;
    }
    match state.ui.remote_mcp.approve(&person, &ClientId::new(form.client), &origin).await {
        Ok(()) => Redirect::to("/settings/ai-automation/remote-mcp?approved=1").into_response(),
        Err(error) => refuse(refused(error)),
    }
}
