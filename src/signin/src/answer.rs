//! The answers of this crate: redirects after a form, and pages that refuse.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use margay_domain::page::{ErrorPage, SetupAgain, SignInAgain};
use margay_rules::forms;
use url::form_urlencoded;

/// Where a person goes who is signed in and did not come from anywhere.
pub(crate) const HOME: &str = "/connections";

/// The sign-in page.
pub(crate) const SIGN_IN_PAGE: &str = "/sign-in";

/// A longer `next` is dropped, in bytes.
const MAX_NEXT_BYTES: usize = 32 * 1024;

/// Row OA10: 303, so that the browser does not send the form, and with it the password, to the next address.
pub(crate) fn see_other(location: &str) -> Response {
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static(HOME));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// The sign-in page with an error code; keeps `next` if it is a local path.
pub(crate) fn sign_in_page(code: &str, next: &str) -> Response {
    see_other(&sign_in_address(Some(code), next))
}

/// The sign-in page, which goes on to `next` if it is a local path.
pub(crate) fn sign_in_first(next: &str) -> Response {
    see_other(&sign_in_address(None, next))
}

fn sign_in_address(code: Option<&str>, next: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(code) = code {
        query.append_pair("error", code);
    }
    if let Some(next) = local_path(next) {
        query.append_pair(forms::NEXT_FIELD, next);
    }
    let query = query.finish();
    if query.is_empty() { SIGN_IN_PAGE.to_owned() } else { format!("{SIGN_IN_PAGE}?{query}") }
}

/// `next` if a person may be sent there: never to another site.
pub(crate) fn local_path(next: &str) -> Option<&str> {
    (next.len() <= MAX_NEXT_BYTES && next.is_ascii() && forms::is_local_path(next)).then_some(next)
}

/// A page that refuses: the text of it, and the page for the layer that draws it.
pub(crate) fn error_page(page: ErrorPage) -> Response {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!("{}\n\n{}\n{}\n", page.title, page.message, page.advice);
    let mut response = (status, text).into_response();
    response.extensions_mut().insert(page);
    keep_private(&mut response);
    response
}

/// The form behind the one-time link once more; the layer that draws pages shows it with what was entered.
pub(crate) fn setup_again(page: SetupAgain) -> Response {
    let text = "Nothing was changed. Go back, correct what you entered and send it again.\n";
    let mut response = (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    response.extensions_mut().insert(page);
    keep_private(&mut response);
    response
}

/// The sign-in form once more. The layer that draws pages shows it with the e-mail address that was entered; this
/// redirect is what there is without that layer.
pub(crate) fn sign_in_again(page: SignInAgain) -> Response {
    let mut response = sign_in_page(page.error, &page.next);
    response.extensions_mut().insert(page);
    response
}

/// Storage or hashing failed. The reason is in the log, never here.
pub(crate) fn unavailable() -> Response {
    error_page(ErrorPage {
        status: 503,
        title: "The server cannot answer right now".to_owned(),
        message: "It could not read or write its own data.".to_owned(),
        advice: "Try again in a minute. If it keeps failing, tell your admin.".to_owned(),
        detail: None,
    })
}

/// Around every answer of this crate's endpoints.
pub(crate) async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    keep_private(&mut response);
    response
}

fn keep_private(response: &mut Response) {
    let headers = response.headers_mut();
    // Row OP8.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Addresses of the flow and of the setup link stay on this site.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(response: &Response) -> &str {
        response.headers().get(header::LOCATION).unwrap().to_str().unwrap()
    }

    #[test]
    fn next_stays_on_this_site() {
        for next in ["/", "/connections", "/oauth/authorize/flw_1?a=b#c"] {
            assert_eq!(local_path(next), Some(next));
        }
        let long = format!("/{}", "a".repeat(MAX_NEXT_BYTES));
        for next in [
            "",
            "connections",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a b",
            "/ü",
            long.as_str(),
        ] {
            assert_eq!(local_path(next), None, "{next}");
        }
    }

    #[test]
    fn the_way_back_keeps_a_good_next_only() {
        let response = sign_in_page("invalid", "/oauth/authorize/flw_1?x=1&y=2");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(location(&response), "/sign-in?error=invalid&next=%2Foauth%2Fauthorize%2Fflw_1%3Fx%3D1%26y%3D2");
        assert_eq!(location(&sign_in_page("expired", "//evil.example")), "/sign-in?error=expired");
    }

    #[test]
    fn signing_in_first_keeps_a_good_next_only() {
        assert_eq!(location(&sign_in_first("/oauth/authorize/flw_1")), "/sign-in?next=%2Foauth%2Fauthorize%2Fflw_1");
        for next in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb"] {
            assert_eq!(location(&sign_in_first(next)), "/sign-in", "{next}");
        }
    }

    #[test]
    fn a_redirect_that_cannot_be_written_leads_home() {
        assert_eq!(location(&see_other("/a\r\nSet-Cookie: x=1")), HOME);
    }

    #[test]
    fn a_refusal_carries_its_page() {
        let response = unavailable();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.extensions().get::<ErrorPage>().map(|page| page.status), Some(503));
        assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    }
}
