//! The anti-forgery token of forms (row OP3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use margay_domain::secret::Secret;
use sha2::{Digest as _, Sha256};
use tower_sessions::session::Id;

/// Keeps this use of the browser's secret apart from every other one.
const PURPOSE: &[u8] = b"margay-csrf-v1";

/// The token for forms shown in this browser with this session. Another site can read neither the secret nor the
/// token; the session is part of it, so that a form from before a sign-in or sign-out is worth nothing after it.
pub(crate) fn token(browser: &Secret, session: Option<Id>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(PURPOSE);
    // A secret always has the same length, so that the parts cannot be shifted against each other.
    hasher.update(browser.expose().as_bytes());
    if let Some(session) = session {
        hasher.update(session.to_string().as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use margay_domain::{secret::SecretKind, testing::SeededEntropy};

    use super::*;

    #[test]
    fn the_token_changes_with_browser_and_session() {
        let entropy = SeededEntropy::new(7);
        let browser = Secret::generate(SecretKind::Browser, &entropy);
        let other = Secret::generate(SecretKind::Browser, &entropy);
        let tokens = [
            token(&browser, None),
            token(&browser, Some(Id(1))),
            token(&browser, Some(Id(2))),
            token(&other, None),
            token(&other, Some(Id(1))),
        ];
        for (i, left) in tokens.iter().enumerate() {
            assert_eq!(left.len(), 43);
            assert!(!left.contains(browser.expose()));
            for right in tokens.iter().skip(i + 1) {
                assert_ne!(left, right);
            }
        }
        assert_eq!(token(&browser, Some(Id(1))), tokens[1]);
    }
}
