//! Who asks: the browser, and the person if somebody is signed in.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::header;
use margay_domain::{
    principal::Browser,
    secret::{Secret, SecretKind},
};
use tower_sessions::Session;

use crate::{answer, cookies, csrf, service::SignIn};

/// Puts [`Browser`] and, if somebody is signed in, `SignedIn` into the request's extensions. Gives a new browser its
/// cookie. For static files there is neither a look into the session nor a cookie.
pub(crate) async fn put_visitor(
    State(sign_in): State<Arc<SignIn>>,
    Extension(session): Extension<Session>,
    mut request: Request,
    next: Next,
) -> Response {
    let secure = sign_in.config.secure_cookies;
    let is_page = !is_static(request.uri().path());
    let known = cookies::browser_secret(request.headers(), secure);
    let is_new = known.is_none();
    let secret = known.unwrap_or_else(|| Secret::generate(SecretKind::Browser, sign_in.entropy.as_ref()));

    if is_page {
        match sign_in.person(&session).await {
            Ok(Some(person)) => {
                request.extensions_mut().insert(person);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "the session could not be read");
                return answer::unavailable();
            }
        }
    }
    // After the look into the session: only now is its id gone if the session is. A token made from the id of an
    // expired session would not match the form's next request, which comes without it.
    let csrf = csrf::token(&secret, session.id());
    request.extensions_mut().insert(Browser { hash: secret.hash(), csrf });

    let mut response = next.run(request).await;
    if is_page
        && is_new
        && let Some(cookie) = cookies::set_browser(&secret, secure)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether `path` is a file that is the same for everybody: no page of this server ends in one of these.
fn is_static(path: &str) -> bool {
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    matches!(
        extension,
        Some(
            "css"
                | "gif"
                | "ico"
                | "jpg"
                | "js"
                | "map"
                | "mjs"
                | "png"
                | "svg"
                | "txt"
                | "wasm"
                | "webmanifest"
                | "webp"
                | "woff"
                | "woff2"
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_files_are_known_by_their_extension() {
        for path in ["/pkg/margay.css", "/pkg/margay_bg.wasm", "/favicon.ico", "/fonts/inter.woff2", "/robots.txt"] {
            assert!(is_static(path), "{path}");
        }
        for path in ["/", "/sign-in", "/connections/grt_1", "/setup/mgs_a-b_c", "/a.js/b", "/settings/x.y"] {
            assert!(!is_static(path), "{path}");
        }
    }
}
