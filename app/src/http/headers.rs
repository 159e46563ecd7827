//! Header fields that protect the pages.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Where the consent page is.
const CONSENT_PREFIX: &str = "/oauth/authorize/";

/// The policy of a page. `script-src` lets in this server's files and the scripts with this answer's nonce.
pub(super) fn content_security_policy(path: &str, nonce: Option<&str>) -> String {
    let nonce = nonce.map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
    // Row OP1: browsers apply form-action to the redirect after the post, so that 'self' would stop the way back to the
    // client. The consent page leaves it out; default-src does not cover it.
    let form_action = if path.starts_with(CONSENT_PREFIX) { "" } else { "; form-action 'self'" };
    format!(
        "default-src 'none'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'{form_action}"
    )
}

/// Whether a page stands between a client and its answer. A client may have opened it in a window of its own.
fn is_flow(path: &str) -> bool {
    path == "/sign-in" || path.starts_with("/oauth/")
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
    fn only_the_consent_page_lets_forms_lead_elsewhere() {
        assert!(!content_security_policy("/oauth/authorize/flw_1", Some("n")).contains("form-action"));
        for path in ["/sign-in", "/connections", "/settings/ai-automation/remote-mcp", "/oauth/authorize"] {
            assert!(content_security_policy(path, Some("n")).contains("form-action 'self'"), "{path}");
        }
    }

    #[test]
    fn the_policy_carries_the_nonce() {
        assert!(
            content_security_policy("/audit", Some("abc")).contains("script-src 'self' 'nonce-abc' 'wasm-unsafe-eval'")
        );
        assert!(content_security_policy("/audit", None).contains("script-src 'self' 'wasm-unsafe-eval'"));
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
