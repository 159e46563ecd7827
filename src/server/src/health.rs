//! `/healthz` (the process runs) and `/readyz` (its database answers).

use axum::{Router, extract::State, http::StatusCode, routing::get};
use margay_store::Store;

/// The two routes. They need no sign-in and say nothing but a word.
pub(crate) fn router(store: Store) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(store)
}

async fn ready(State(store): State<Store>) -> (StatusCode, &'static str) {
    match store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
