//! `POST /settings/connections/{id}/revoke` and `POST /settings/connections/revoke-all`: an admin ends connections of
//! others. Both lead back to the list of that person's connections.

use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use margay_domain::{
    id::{GrantId, UserId},
    principal::{Browser, Origin, SignedIn},
};
use serde::Deserialize;

use crate::{
    address,
    http::refuse,
    pages::all_connections::{PATH, refused},
    ui::UiState,
};

#[derive(Deserialize)]
pub(super) struct RevokeForm {
    #[serde(default)]
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct RevokeAllForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    user: String,
}

/// Ends one connection.
pub(super) async fn one(
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
    match state.ui.all_connections.revoke(&person, &GrantId::new(id), &origin).await {
        Ok(owner) => done(&owner.email, 1),
        Err(error) => refuse(refused(error)),
    }
}

/// Ends every connection of one person.
pub(super) async fn all_of_a_person(
    State(state): State<UiState>,
    Extension(browser): Extension<Browser>,
    Extension(person): Extension<SignedIn>,
    Extension(origin): Extension<Origin>,
    Form(form): Form<RevokeAllForm>,
) -> Response {
    if let Some(refusal) = super::forged(&browser, &form.csrf) {
        return refusal;
    }
    match state.ui.all_connections.revoke_all_of(&person, &UserId::new(form.user), &origin).await {
        Ok((owner, ended)) => done(&owner.email, ended),
        Err(error) => refuse(refused(error)),
    }
}

fn done(email: &str, ended: u64) -> Response {
    let ended = ended.to_string();
    Redirect::to(&address::with_query(PATH, &[("person", email), ("disconnected", &ended)])).into_response()
}
