//! The two cookies: `browser`, which every browser gets, and `session`, which tower-sessions manages.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use margay_domain::secret::{Secret, SecretKind};

use crate::service::SignIn;

/// How long the browser keeps its cookie: one year, in seconds.
const BROWSER_MAX_AGE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// The name of the session cookie.
pub(crate) const fn session_name(secure: bool) -> &'static str {
    // Row OP2: the prefix makes browsers insist on Secure, Path=/ and no Domain; plain http cannot have it.
    if secure { "__Host-margay-session" } else { "margay-session" }
}

/// The name of the browser cookie.
pub(crate) const fn browser_name(secure: bool) -> &'static str {
    // Row OP2, as above.
    if secure { "__Host-margay-browser" } else { "margay-browser" }
}

/// The browser's secret, if the request brings one that can be one.
pub(crate) fn browser_secret(headers: &HeaderMap, secure: bool) -> Option<Secret> {
    values(headers, browser_name(secure)).find_map(|value| Secret::parse(SecretKind::Browser, value))
}

/// The `Set-Cookie` that gives the browser its secret.
pub(crate) fn set_browser(secret: &Secret, secure: bool) -> Option<HeaderValue> {
    let name = browser_name(secure);
    let text = secret.expose();
    let suffix = secure_suffix(secure);
    let line = format!("{name}={text}; Path=/; Max-Age={BROWSER_MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{suffix}");
    let mut value = HeaderValue::from_str(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Completes the removal of the session cookie: tower-sessions leaves `Secure` out there, and then browsers ignore
/// the removal of a `__Host-` cookie.
pub(crate) async fn complete_removal(State(sign_in): State<Arc<SignIn>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    replace_removal(response.headers_mut(), sign_in.config.secure_cookies);
    response
}

fn replace_removal(headers: &mut HeaderMap, secure: bool) {
    let name = session_name(secure);
    let beginning = format!("{name}=;");
    let is_removal = |value: &HeaderValue| value.as_bytes().starts_with(beginning.as_bytes());
    if !headers.get_all(header::SET_COOKIE).iter().any(is_removal) {
        return;
    }
    let suffix = secure_suffix(secure);
    let line = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{suffix}");
    let Ok(removal) = HeaderValue::from_str(&line) else { return };
    let others: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(|value| !is_removal(value)).cloned().collect();
    headers.insert(header::SET_COOKIE, removal);
    for value in others {
        headers.append(header::SET_COOKIE, value);
    }
}

const fn secure_suffix(secure: bool) -> &'static str {
    if secure { "; Secure" } else { "" }
}

/// The values of all cookies called `name`. Works on bytes, so that somebody else's odd cookie does not hide ours.
fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use margay_domain::testing::SeededEntropy;

    use super::*;

    fn with_cookies(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn finds_the_browser_cookie_among_others() {
        let secret = Secret::generate(SecretKind::Browser, &SeededEntropy::new(1));
        let text = secret.expose();
        let plain = format!("a=1; margay-browser={text};b=2");
        let second = format!("margay-browser=garbage; margay-browser={text}");
        let prefixed = format!("__Host-margay-browser={text}");
        let mut odd = b"x=\xff\xfe; ".to_vec();
        odd.extend_from_slice(plain.as_bytes());

        let table: [(&[&[u8]], bool, bool); 9] = [
            (&[], false, false),
            (&[plain.as_bytes()], false, true),
            (&[b"a=1", plain.as_bytes()], false, true),
            (&[second.as_bytes()], false, true),
            (&[&odd], false, true),
            (&[plain.as_bytes()], true, false),
            (&[prefixed.as_bytes()], true, true),
            (&[prefixed.as_bytes()], false, false),
            (&[b"margay-browser; =; ;;; margay-browser=mgb_short"], false, false),
        ];
        for (number, (lines, secure, expected)) in table.into_iter().enumerate() {
            let found = browser_secret(&with_cookies(lines), secure);
            assert_eq!(found.is_some(), expected, "row {number}");
            if let Some(found) = found {
                assert_eq!(found.expose(), text, "row {number}");
            }
        }
    }

    #[test]
    fn sets_a_host_cookie_only_over_https() {
        let secret = Secret::generate(SecretKind::Browser, &SeededEntropy::new(1));
        let secure = set_browser(&secret, true).unwrap();
        let secure = secure.to_str().unwrap();
        assert!(secure.starts_with("__Host-margay-browser=mgb_"));
        assert!(secure.ends_with("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure"));
        let plain = set_browser(&secret, false).unwrap();
        let plain = plain.to_str().unwrap();
        assert!(plain.starts_with("margay-browser=mgb_"));
        assert!(!plain.contains("Secure"));
    }

    #[test]
    fn a_removal_carries_what_the_prefix_demands() {
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("other=1"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("__Host-margay-session=; Path=/; Max-Age=0"));
        replace_removal(&mut headers, true);
        let lines: Vec<&str> = headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(lines, ["__Host-margay-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure", "other=1"]);

        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("__Host-margay-session=abc; Path=/"));
        let before = headers.clone();
        replace_removal(&mut headers, true);
        assert_eq!(headers, before);
    }
}
