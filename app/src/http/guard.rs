//! Which pages need a signed-in person, and where everybody else is sent.

use axum::{
    extract::{Query, Request},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use margay_domain::{principal::SignedIn, rules::forms};
use serde::Deserialize;

use crate::address;

/// Where a person begins.
const HOME: &str = "/connections";
const SIGN_IN: &str = "/sign-in";
/// A longer way back is forgotten.
const LONGEST_NEXT: usize = 32 * 1024;
/// What the addresses of forms have after that of their page.
const POSTED: [&str; 3] = ["/revoke", "/revoke-all", "/approve"];

#[derive(Default, Deserialize)]
struct SignInQuery {
    #[serde(default)]
    next: String,
}

/// Sends people without a session to the sign-in page, and people with one away from it.
pub(super) async fn require_person(request: Request, next: Next) -> Response {
    let signed_in = request.extensions().get::<SignedIn>().is_some();
    let path = request.uri().path();
    if signed_in && path == SIGN_IN && request.method() == Method::GET {
        let Query(query) = Query::<SignInQuery>::try_from_uri(request.uri()).unwrap_or_default();
        return Redirect::to(&onward(&query.next)).into_response();
    }
    if !signed_in && needs_person(path) {
        return Redirect::to(&sign_in_address(&request)).into_response();
    }
    next.run(request).await
}

fn needs_person(path: &str) -> bool {
    matches!(path, "/connections" | "/audit")
        || ["/connections/", "/settings/", "/oauth/authorize/"].iter().any(|prefix| path.starts_with(prefix))
}

/// Where to go after signing in: only to a local path, and never back to signing in.
fn onward(next: &str) -> String {
    let usable = forms::is_local_path(next) && !next.starts_with(SIGN_IN);
    if usable { next.to_owned() } else { HOME.to_owned() }
}

fn sign_in_address(request: &Request) -> String {
    let uri = request.uri();
    let next = if request.method() == Method::GET || request.method() == Method::HEAD {
        uri.path_and_query().map_or(HOME, |next| next.as_str())
    } else {
        // What was posted is lost; begin again at the form's page.
        let path = uri.path();
        POSTED.iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path)
    };
    let next = if next.len() > LONGEST_NEXT { HOME } else { next };
    let next = if forms::is_local_path(next) { next } else { HOME };
    address::with_query(SIGN_IN, &[(forms::NEXT_FIELD, next)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_about_a_person_need_one() {
        for path in [
            "/connections",
            "/connections/grt_1",
            "/audit",
            "/settings/ai-automation/remote-mcp",
            "/settings/connections",
            "/settings/connections/grt_1",
            "/oauth/authorize/flw_1",
        ] {
            assert!(needs_person(path), "{path}");
        }
        for path in ["/", "/sign-in", "/setup/mgs_x"] {
            assert!(!needs_person(path), "{path}");
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(onward("/audit?tool=x"), "/audit?tool=x");
        for next in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/sign-in?next=/sign-in"] {
            assert_eq!(onward(next), HOME, "{next}");
        }
    }

    #[test]
    fn the_way_back_is_encoded() {
        let mut request = Request::new(axum::body::Body::empty());
        *request.uri_mut() = "/audit?tool=a&result=FAILED".parse().unwrap();
        assert_eq!(sign_in_address(&request), "/sign-in?next=/audit%3Ftool%3Da%26result%3DFAILED");
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/connections/grt_1/revoke".parse().unwrap();
        assert_eq!(sign_in_address(&request), "/sign-in?next=/connections/grt_1");
        for (form, page) in [
            ("/settings/connections/grt_1/revoke", "/settings/connections/grt_1"),
            ("/settings/connections/revoke-all", "/settings/connections"),
            ("/settings/ai-automation/remote-mcp/approve", "/settings/ai-automation/remote-mcp"),
        ] {
            *request.uri_mut() = form.parse().unwrap();
            assert_eq!(sign_in_address(&request), format!("/sign-in?next={page}"));
        }
    }
}
