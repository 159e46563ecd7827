//! Header fields that protect the pages.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use margay_domain::rules::forms;

/// Where the consent page is.
const CONSENT_PREFIX: &str = "/oauth/authorize/";
const SIGN_IN: &str = "/sign-in";

/// The policy of a page. `script-src` lets in this server's files and the scripts with this answer's nonce. `next` is
/// where the form of the sign-in page goes on to.
pub(super) fn content_security_policy(path: &str, next: &str, nonce: Option<&str>) -> String {
    let nonce = nonce.map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
    // Row OP1: browsers apply form-action to the redirect after the post, so that 'self' would stop the way back to the
    // client. The consent page leaves it out, and so does the sign-in page on the way to an authorization, which may end
    // at the client at once, with an error. Where the form itself goes is fixed in both; default-src does not cover it.
    let leaves = path.starts_with(CONSENT_PREFIX) || path == SIGN_IN && forms::leads_to_client(next);
    let form_action = if leaves { "" } else { "; form-action 'self'" };
    format!(
        "default-src 'none'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'{form_action}"
    )
}

/// Whether a page stands between a client and its answer. A client may have opened it in a window of its own.
fn is_flow(path: &str) -> bool {
    path == SIGN_IN || path.starts_with("/oauth/")
}

/// Adds what is not there yet (rows OP1, OP8).
pub(super) fn harden(path: &str, headers: &mut HeaderMap) {
    let flow = is_flow(path);
    let referrer_policy = if path.starts_with("/oauth/") { "no-referrer" } else { "same-origin" };
    // A client that opened the flow in a window waits for it there; same-origin would cut the two apart for good.
    let opener_policy = if flow { "unsafe-none" } else { "same-origin" };
    let fields = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer_policy),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (HeaderName::from_static("cross-origin-opener-policy"), opener_policy),
    ];
    for (name, value) in fields {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_on_the_way_to_a_client_may_end_elsewhere() {
        let stays =
            |path: &str, next: &str| content_security_policy(path, next, Some("n")).contains("form-action 'self'");
        assert!(!stays("/oauth/authorize/flw_1", ""));
        // The request behind the sign-in page may have an error, which the client is told by a redirect.
        for next in ["/oauth/authorize?response_type=token", "/oauth/authorize/flw_1", "/oauth/authorize"] {
            assert!(!stays("/sign-in", next), "{next}");
        }
        for next in ["", "/connections", "//evil.example/oauth/authorize", "https://evil.example", "/oauth/authorizes"]
        {
            assert!(stays("/sign-in", next), "{next}");
        }
        for path in ["/connections", "/settings/ai-automation/remote-mcp", "/oauth/authorize", "/setup/mgs_x"] {
            assert!(stays(path, "/oauth/authorize?x=1"), "{path}");
        }
    }

    #[test]
    fn the_policy_carries_the_nonce() {
        assert!(
            content_security_policy("/audit", "", Some("abc"))
                .contains("script-src 'self' 'nonce-abc' 'wasm-unsafe-eval'")
        );
        assert!(content_security_policy("/audit", "", None).contains("script-src 'self' 'wasm-unsafe-eval'"));
    }

    #[test]
    fn keeps_what_a_handler_set() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        harden("/connections", &mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "private");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
    }
}
