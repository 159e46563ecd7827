//! PKCE with S256 only (RFC 7636).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use margay_domain::secret::constant_time_eq;
use sha2::{Digest as _, Sha256};

/// The only method.
pub(crate) const S256: &str = "S256";

/// Whether `challenge` can be an S256 digest: 43 base64url characters that stand for 32 bytes (row OR4).
pub(crate) fn is_challenge(challenge: &str) -> bool {
    challenge.len() == 43 && URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether `verifier` has the form of RFC 7636 section 4.1: 43 to 128 unreserved characters (row OC5).
pub(crate) fn is_verifier(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// Whether `verifier` belongs to `challenge`, compared in constant time (row OC5).
pub(crate) fn verify(challenge: &str, verifier: &str) -> bool {
    constant_time_eq(&URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())), challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_verifies() {
        assert!(is_challenge(CHALLENGE) && is_verifier(VERIFIER));
        assert!(verify(CHALLENGE, VERIFIER));
        assert!(!verify(CHALLENGE, &VERIFIER.replace('d', "e")));
        assert!(!verify(CHALLENGE, CHALLENGE));
    }

    #[test]
    fn or4_a_challenge_is_a_digest() {
        for challenge in [
            "",
            "short",
            "A".repeat(42).as_str(),
            "A".repeat(44).as_str(),
            "+".repeat(43).as_str(),
            format!("{}=", "A".repeat(42)).as_str(),
            // 43 characters whose last one has bits beyond the 32nd byte.
            "_".repeat(43).as_str(),
        ] {
            assert!(!is_challenge(challenge), "{challenge}");
        }
    }

    #[test]
    fn oc5_a_verifier_has_43_to_128_unreserved_characters() {
        assert!(is_verifier(&"a.b_c~-".repeat(7)));
        assert!(is_verifier(&"a".repeat(43)) && is_verifier(&"a".repeat(128)));
        assert!(!is_verifier(&"a".repeat(42)) && !is_verifier(&"a".repeat(129)));
        assert!(!is_verifier(&"a+".repeat(30)));
        assert!(!is_verifier(&"é".repeat(30)));
    }
}
