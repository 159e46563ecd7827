//! Local addresses, built so that no text of a request can break out of its place.

use std::fmt::Write as _;

/// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3) and the slash.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            encoded.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A path with a query; pairs with an empty value are left out.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    let mut separator = '?';
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(separator);
        address.push_str(key);
        address.push('=');
        address.push_str(&encode(value));
        separator = '&';
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_safe_and_encodes_the_rest() {
        assert_eq!(encode("/oauth/authorize/flw_1"), "/oauth/authorize/flw_1");
        assert_eq!(encode("/audit?a=b&c=\r\né"), "/audit%3Fa%3Db%26c%3D%0D%0A%C3%A9");
    }

    #[test]
    fn leaves_empty_pairs_out() {
        assert_eq!(
            with_query("/audit", &[("action", ""), ("tool", "a b"), ("before", "x")]),
            "/audit?tool=a%20b&before=x"
        );
        assert_eq!(with_query("/audit", &[]), "/audit");
    }
}
