//! What several endpoints answer alike.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA},
    },
    response::{IntoResponse, Redirect, Response},
};
use margay_domain::{client::Client, page::ContinuePage};

use crate::{addresses, redirect::Target};

/// Says that no cache may keep an answer (rows OT4, OT5, OD1).
pub(crate) fn no_store(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // RFC 6749 section 5.1 wants it for caches of HTTP/1.0.
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Leads to the sign-in page, which goes on to the local path `next`.
pub(crate) fn sign_in_first(next: &str) -> Response {
    Redirect::to(&addresses::sign_in(next)).into_response()
}

/// Sends the browser to the client. `location` is the checked target with our parameters appended.
pub(crate) fn deliver(target: &Target, location: String, client: &Client, allowed: bool) -> Response {
    if target.is_web() {
        // Row OA10: 303, so that the browser does not post the form again.
        return Redirect::to(&location).into_response();
    }
    // A custom scheme leaves the tab behind: the page says that it may be closed (checklist section 5.7).
    let text = "Go back to your client. You may close this window.\n";
    let page = ContinuePage { target: location, client_name: client.display_name().to_owned(), allowed };
    let mut response = (StatusCode::OK, text).into_response();
    response.extensions_mut().insert(page);
    response
}
