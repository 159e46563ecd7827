//! `POST /connections/{id}/revoke`: the person ends one of their own connections.

use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use margay_domain::{
    connections::ConnectionError,
    id::GrantId,
    principal::{Browser, Origin, SignedIn},
};
use serde::Deserialize;

use crate::{http::refuse, pages::error, ui::UiState};

#[derive(Deserialize)]
pub(super) struct RevokeForm {
    #[serde(default)]
    csrf: String,
}

pub(super) async fn post(
    State(state): State<UiState>,
    Path(id): Path<String>,
    Extension(browser): Extension<Browser>,
    Extension(person): Extension<SignedIn>,
    Extension(origin): Extension<Origin>,
    Form(form): Form<RevokeForm>,
) -> Response {
    if let Some(refusal) = super::forged(&browser, &form.csrf) {
        return refusal;
    }
    match state.ui.connections.revoke(&person, &GrantId::new(id), &origin).await {
        Ok(()) => Redirect::to("/connections?disconnected=1").into_response(),
        Err(ConnectionError::NotFound) => refuse(error::no_such_connection()),
        Err(ConnectionError::Store(error)) => refuse(error::store(&error)),
    }
}
