//! The endpoints of this crate.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn, routing::post};

use crate::{answer, service::SignIn, setup, sign_in, sign_out};

/// No form of this crate is larger, in bytes.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// `POST /sign-in`, `POST /sign-out` and `POST /setup`. Must stand inside [`crate::layers()`].
pub fn router(service: Arc<SignIn>) -> Router {
    Router::new()
        .route("/sign-in", post(sign_in::handle))
        .route("/sign-out", post(sign_out::handle))
        .route("/setup", post(setup::handle))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(answer::no_store))
        .with_state(service)
}
