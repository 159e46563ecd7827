//! Domain patterns of the redirect allowlist.
//!
//! `*` stands for zero or more characters, dots included; everything else is
//! itself. `*.cursor.com` therefore matches `a.b.cursor.com` but not
//! `cursor.com`, and `*cursor.com` matches `notcursor.com` too, which the page
//! warns about.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest pattern, in bytes: a host name has at most 253.
pub const MAX_PATTERN_LENGTH: usize = 253;

/// A checked pattern for the host of an `https` redirect URI. Stored in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainPattern(String);

/// Why a text is not a domain pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternError {
    /// Nothing was entered.
    Empty,
    /// Longer than [`MAX_PATTERN_LENGTH`].
    TooLong,
    /// A whole URL was entered (`https://…`).
    HasScheme,
    /// Something follows the host: a path, a query or a fragment.
    HasPath,
    /// A port was entered; patterns are for hosts on any port.
    HasPort,
    /// User information (`user@host`) was entered.
    HasUserInfo,
    /// A character that no host name has. International names are entered in their `xn--` form.
    BadCharacter,
    /// An empty label: two dots in a row, or a dot at the start.
    EmptyLabel,
    /// Only stars and dots, which would match every host of the internet.
    MatchesEverything,
}

/// What is allowed but deserves a second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternWarning {
    /// The star is not followed by a dot, so that lookalike domains match
    /// (`*cursor.com` matches `notcursor.com`).
    Lookalikes,
    /// A star somewhere else than at the start is hard to predict.
    InnerStar,
    /// The fixed part is a single label such as `com`: nearly everything matches.
    TopLevel,
}

impl DomainPattern {
    /// Reads what a person typed: surrounding space and one trailing dot are dropped, case is ignored.
    pub fn parse(input: &str) -> Result<Self, PatternError> {
        let text = input.trim();
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.contains("://") {
            return Err(PatternError::HasScheme);
        }
        if text.contains(['/', '?', '#', '\\']) {
            return Err(PatternError::HasPath);
        }
        if text.contains('@') {
            return Err(PatternError::HasUserInfo);
        }
        if text.contains(':') {
            return Err(PatternError::HasPort);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > MAX_PATTERN_LENGTH {
            return Err(PatternError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*')) {
            return Err(PatternError::BadCharacter);
        }
        if text.split('.').any(str::is_empty) {
            return Err(PatternError::EmptyLabel);
        }
        if text.bytes().all(|b| matches!(b, b'*' | b'.')) {
            return Err(PatternError::MatchesEverything);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The pattern as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `host` matches. Case and one trailing dot of the host are ignored.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        !host.is_empty() && glob(self.0.as_bytes(), host.as_bytes())
    }

    /// What a person should think twice about before saving.
    pub fn warnings(&self) -> Vec<PatternWarning> {
        let mut warnings = Vec::new();
        let fixed = self.0.trim_start_matches('*');
        if self.0.starts_with('*') && !fixed.starts_with('.') {
            warnings.push(PatternWarning::Lookalikes);
        }
        if fixed.contains('*') {
            warnings.push(PatternWarning::InnerStar);
        }
        if self.0.contains('*') && !fixed.trim_start_matches('.').contains('.') {
            warnings.push(PatternWarning::TopLevel);
        }
        warnings
    }
}

/// Linear-time glob over bytes with `*` as the only special character.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go back to: the position after the last star, and how much it had swallowed.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, swallowed)) => {
                    retry = Some((after_star, swallowed + 1));
                    p = after_star;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for DomainPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DomainPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(crate::messages::pattern_error(error)))
    }
}
