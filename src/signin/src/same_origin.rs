//! Forms of other sites are refused, before their content is looked at (row OP3).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header};
use margay_domain::{page::ErrorPage, rules::redirect::is_loopback};

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
    headers.get(header::ORIGIN).is_none_or(|origin| {
        origin.as_bytes().eq_ignore_ascii_case(console_origin.as_bytes())
            || origin.to_str().is_ok_and(|origin| is_own_alias(headers, origin, console_origin))
    })
}

/// Whether `origin` is this server under another name of this computer: a console on loopback has several, and the page
/// was asked for under the same one as this form, on the console's port.
fn is_own_alias(headers: &HeaderMap, origin: &str, console_origin: &str) -> bool {
    let (Some((scheme, console)), Some((origin_scheme, authority))) =
        (console_origin.split_once("://"), origin.split_once("://"))
    else {
        return false;
    };
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let (own_host, own_port) = host_and_port(console);
    let (host, port) = host_and_port(authority);
    scheme.eq_ignore_ascii_case(origin_scheme)
        && is_loopback(own_host)
        && is_loopback(host)
        && port == own_port
        && asked.is_some_and(|asked| asked.eq_ignore_ascii_case(authority))
}

/// A host, and a port with its colon if there is one.
fn host_and_port(authority: &str) -> (&str, &str) {
    let end = authority.rfind(':').filter(|colon| authority.rfind(']').is_none_or(|bracket| bracket < *colon));
    authority.split_at(end.unwrap_or(authority.len()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_console_on_this_computer_has_several_names() {
        let check = |console: &str, origin: &'static str, host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::HOST, HeaderValue::from_static(host));
            is_same_origin(&headers, console)
        };
        let ours = "http://127.0.0.1:8080";
        assert!(check(ours, "http://localhost:8080", "localhost:8080"));
        assert!(check(ours, "http://[::1]:8080", "[::1]:8080"));
        assert!(check("http://localhost", "http://[::1]", "[::1]"));
        for (origin, host) in [
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://localhost:8081", "localhost:8081"),
            ("https://localhost:8080", "localhost:8080"),
            ("http://localhost:8080.evil.example", "localhost:8080.evil.example"),
            ("http://evil.example:8080", "evil.example:8080"),
            ("null", "localhost:8080"),
        ] {
            assert!(!check(ours, origin, host), "{origin} {host}");
        }
        assert!(!check("https://margay.example.com", "https://localhost", "localhost"));
    }

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
