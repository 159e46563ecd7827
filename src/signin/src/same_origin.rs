//! Forms of other sites are refused, before their content is looked at (row OP3).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header};
use margay_domain::page::ErrorPage;

use crate::{answer, service::SignIn};

/// Lets requests that only read pass, and those that change something if they come from our own pages.
pub(crate) async fn check(State(sign_in): State<Arc<SignIn>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_same_origin(request.headers(), &sign_in.config.console_origin) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "refused a form from another site");
    answer::error_page(ErrorPage {
        status: 403,
        title: "This form came from another site".to_owned(),
        message: "For your protection the server accepts forms from its own pages only.".to_owned(),
        advice: "Open the page on this server again and repeat what you did.".to_owned(),
        detail: None,
    })
}

/// Row OP3: `Sec-Fetch-Site` decides where the browser sends it, else `Origin`. A request with neither comes from a
/// program, not from a page; the anti-forgery token still stands in its way.
fn is_same_origin(headers: &HeaderMap, console_origin: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    headers.get(header::ORIGIN).is_none_or(|origin| origin.as_bytes().eq_ignore_ascii_case(console_origin.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_table() {
        let ours = "https://margay.example.com";
        let table: [(Option<&'static str>, Option<&'static str>, bool); 14] = [
            (Some("same-origin"), Some(ours), true),
            (Some("same-origin"), None, true),
            (Some("none"), None, true),
            (Some("same-site"), Some(ours), false),
            (Some("cross-site"), Some("https://evil.example"), false),
            (Some("cross-site"), None, false),
            (Some("Same-Origin"), None, false),
            (Some(""), None, false),
            (None, Some(ours), true),
            (None, Some("https://margay.example.com:8443"), false),
            (None, Some("http://margay.example.com"), false),
            (None, Some("https://margay.example.com.evil.example"), false),
            (None, Some("null"), false),
            (None, None, true),
        ];
        for (site, origin, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_same_origin(&headers, ours), expected, "{site:?} {origin:?}");
        }
    }
}
