//! Custom URI schemes of the redirect allowlist, such as `cursor`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Schemes that are never custom schemes: the web's own, and those that run or read things in a browser.
pub const RESERVED_SCHEMES: [&str; 6] = ["http", "https", "javascript", "data", "file", "vbscript"];

/// The longest scheme, in bytes.
pub const MAX_SCHEME_LENGTH: usize = 64;

/// A checked custom scheme, in lower case, without `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomScheme(String);

/// Why a text is not a custom scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemeError {
    /// Nothing was entered.
    Empty,
    /// Longer than [`MAX_SCHEME_LENGTH`].
    TooLong,
    /// One of [`RESERVED_SCHEMES`].
    Reserved,
    /// Not a scheme by RFC 3986 section 3.1: a letter, then letters, digits, `+`, `-` or `.`.
    BadSyntax,
}

impl CustomScheme {
    /// Reads what a person typed; surrounding space and a trailing `:` or `://` are dropped, case is ignored.
    pub fn parse(input: &str) -> Result<Self, SchemeError> {
        let text = input.trim();
        let text = text.strip_suffix("://").or_else(|| text.strip_suffix(':')).unwrap_or(text);
        if text.is_empty() {
            return Err(SchemeError::Empty);
        }
        if text.len() > MAX_SCHEME_LENGTH {
            return Err(SchemeError::TooLong);
        }
        // RFC 3986 section 3.1.
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts_well || !bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            return Err(SchemeError::BadSyntax);
        }
        let text = text.to_ascii_lowercase();
        if is_reserved(&text) {
            return Err(SchemeError::Reserved);
        }
        Ok(Self(text))
    }

    /// The scheme as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `scheme` is this one, ignoring case.
    pub fn matches(&self, scheme: &str) -> bool {
        self.0.eq_ignore_ascii_case(scheme)
    }
}

/// Whether `scheme` is reserved, ignoring case.
pub fn is_reserved(scheme: &str) -> bool {
    RESERVED_SCHEMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(scheme))
}

impl fmt::Display for CustomScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CustomScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CustomScheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(crate::messages::scheme_error(error)))
    }
}
