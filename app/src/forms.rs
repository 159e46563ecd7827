//! What the pages' own forms post to. The forms of signing in and of consent belong to other crates.
//!
//! Every handler checks the anti-forgery token first (row OP3) and answers success with 303 (row OA10).

mod approve_client;
mod revoke_any_connection;
mod revoke_connection;
mod save_remote_mcp;

use axum::{Router, routing::post};
use margay_domain::principal::Browser;

use crate::{http::refuse, pages::error, ui::UiState};

/// The routes.
pub(crate) fn router() -> Router<UiState> {
    Router::new()
        .route("/connections/{id}/revoke", post(revoke_connection::post))
        .route("/settings/connections/{id}/revoke", post(revoke_any_connection::one))
        .route("/settings/connections/revoke-all", post(revoke_any_connection::all_of_a_person))
        .route("/settings/ai-automation/remote-mcp", post(save_remote_mcp::post))
        .route("/settings/ai-automation/remote-mcp/approve", post(approve_client::post))
}

/// Row OP3: a form counts only if it was shown in this browser, in this session.
fn forged(browser: &Browser, token: &str) -> Option<axum::response::Response> {
    (!browser.csrf_matches(token)).then(|| refuse(error::form_expired()))
}
