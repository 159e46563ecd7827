//! What goes around everything a browser asks for.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore, cookie::SameSite};

use crate::{cookies, origin, same_origin, service::SignIn, session_end::IdleEnd, visitor};

/// Puts `Origin`, `Browser` and `SignedIn` into each request, and refuses forms of other sites.
///
/// Outermost first: where the request came from; forms of other sites; the session; the person and the browser.
/// Refusals carry a `margay_domain::page::ErrorPage`, so the layer that draws those belongs outside this one. The
/// address of the peer comes from `ConnectInfo<SocketAddr>`; without it `Origin::ip` is `None`.
pub fn layers<S>(router: Router, sign_in: Arc<SignIn>, sessions: S) -> Router
where
    S: SessionStore + Clone,
{
    let secure = sign_in.config.secure_cookies;
    let idle = time::Duration::try_from(sign_in.config.session_idle).unwrap_or(time::Duration::hours(12));
    let sessions = IdleEnd { store: sessions, clock: Arc::clone(&sign_in.clock), idle: sign_in.config.session_idle };
    // Row OP2. A session exists from the moment something is put into it, which only a sign-in does.
    let sessions = SessionManagerLayer::new(sessions)
        .with_name(cookies::session_name(secure))
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(secure)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(idle));
    // The layer added last is the outermost.
    let router = router
        .layer(from_fn_with_state(Arc::clone(&sign_in), visitor::put_visitor))
        .layer(sessions)
        .layer(from_fn_with_state(Arc::clone(&sign_in), cookies::complete_removal))
        .layer(from_fn_with_state(Arc::clone(&sign_in), same_origin::check));
    with_origin(router, sign_in)
}

/// Only the outermost of [`layers`]: puts `margay_domain::principal::Origin` into each request. For endpoints that
/// programs call.
pub fn with_origin(router: Router, sign_in: Arc<SignIn>) -> Router {
    router.layer(from_fn_with_state(sign_in, origin::put_origin))
}
