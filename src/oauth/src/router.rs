//! Which address leads to which file.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, REFERRER_POLICY},
    },
    middleware::{Next, from_fn},
    response::Response,
    routing::{MethodRouter, get, post},
};

use crate::{
    addresses::{
        AUTHORIZE, DECISION, JWKS, OPENID_METADATA, REGISTER, RESOURCE_METADATA, REVOKE, SERVER_METADATA, TOKEN,
    },
    authorize, cors, decision, jwks, metadata,
    oauth::OAuth,
    register, revoke, token,
};

/// What people's browsers open: authorize and decision. They expect the extensions `Browser`, `SignedIn` and `Origin`
/// of the browser layers.
pub fn browser_router(oauth: Arc<OAuth>) -> Router {
    Router::new()
        .route(AUTHORIZE, for_people(get(authorize::authorize)))
        .route(DECISION, for_people(limited(post(decision::decide), decision::MAX_BODY)))
        .with_state(oauth)
}

/// What programs call: discovery, keys, registration, tokens, revocation. They use `Origin` if it is there.
pub fn client_router(oauth: Arc<OAuth>) -> Router {
    let max_registration = oauth.config.registration.max_body_bytes;
    let mut router = Router::new()
        .route(REGISTER, for_programs(limited(post(register::register), max_registration)))
        .route(TOKEN, for_programs(limited(post(token::token), token::MAX_BODY)))
        .route(REVOKE, for_programs(limited(post(revoke::revoke), revoke::MAX_BODY)))
        .route(JWKS, for_programs(get(jwks::jwks)));
    // Rows R2, A2 and checklist section 5.1: clients look at the root and below the path of the resource.
    for suffix in ["", oauth.addresses.resource_path.as_str()] {
        router = router
            .route(&format!("{RESOURCE_METADATA}{suffix}"), for_programs(get(metadata::resource)))
            .route(&format!("{SERVER_METADATA}{suffix}"), for_programs(get(metadata::server)))
            .route(&format!("{OPENID_METADATA}{suffix}"), for_programs(get(metadata::server)));
        if oauth.addresses.resource_path.is_empty() {
            break;
        }
    }
    router.with_state(oauth)
}

/// An endpoint that programs call, also from within browsers.
fn for_programs(route: MethodRouter<Arc<OAuth>>) -> MethodRouter<Arc<OAuth>> {
    route.layer(from_fn(cors::open))
}

/// An endpoint that people's browsers open: no CORS (row OA9).
fn for_people(route: MethodRouter<Arc<OAuth>>) -> MethodRouter<Arc<OAuth>> {
    route.layer(from_fn(keep_secret))
}

fn limited(route: MethodRouter<Arc<OAuth>>, bytes: usize) -> MethodRouter<Arc<OAuth>> {
    route.layer(DefaultBodyLimit::max(bytes))
}

/// Rows OP8, OT10: no cache keeps a page of a flow, and no address of it is told to others.
async fn keep_secret(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
