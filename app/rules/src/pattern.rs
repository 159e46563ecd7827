//! Domain patterns of the redirect allowlist.
//!
//! `*` stands for zero or more characters, dots included; everything else is
//! itself. `*.cursor.com` therefore matches `a.b.cursor.com` but not
//! `cursor.com`, and `*cursor.com` matches `notcursor.com` too, which the page
//! warns about.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    redirect,
    suffix::{self, Shared},
};

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
    /// What follows the last star is no whole label, so that lookalike domains match
    /// (`*cursor.com` matches `notcursor.com`).
    Lookalikes,
    /// A star in the middle is hard to predict.
    InnerStar,
    /// It ends with a star, so that every ending matches (`claude.*` matches `claude.evil.example`).
    OpenEnd,
    /// Every domain below a top-level domain matches.
    TopLevel,
    /// Every domain below one where a registry sells names, such as `*.co.uk`.
    Registry,
    /// Every name that a service gives to its users, such as `*.github.io`.
    Platform,
    /// No star, and a domain that is no client's host, such as `co.uk`: nothing below it is allowed.
    BareSuffix,
    /// Everybody gets an address on this host, by its path.
    SharedHost,
    /// This computer is always allowed.
    ThisComputer,
    /// An IP address instead of a name.
    Address,
    /// No dot: a name of some local network.
    SingleLabel,
    /// A name in its `xn--` form, which stands for letters that may look like others.
    Punycode,
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

    /// Whether this pattern matches every host that `other` matches, and is not the same.
    pub fn covers(&self, other: &Self) -> bool {
        // The stars of the other one are taken for characters, which only a star here can stand for.
        self != other && glob(self.0.as_bytes(), other.0.as_bytes())
    }

    /// What follows the last star; the whole text without one.
    fn fixed_end(&self) -> &str {
        self.0.rsplit_once('*').map_or(self.as_str(), |(_, end)| end)
    }

    /// The domain below which any name matches: `co.uk` for `*.co.uk`, `com` for `*cursor.com`. Empty if there is none.
    pub fn zone(&self) -> &str {
        self.fixed_end().split_once('.').map_or("", |(_, zone)| zone)
    }

    /// The same for whole labels only, if the one star is a part of the first label: `*.cursor.com` for `*cursor.com`.
    pub fn stricter(&self) -> Option<String> {
        let rest = self.0.trim_start_matches('*');
        let stars = self.0.len() - rest.len();
        let whole = stars > 0 && !rest.starts_with('.') && !rest.contains('*') && rest.contains('.');
        whole.then(|| format!("*.{rest}"))
    }

    /// What a person should think twice about before saving.
    pub fn warnings(&self) -> Vec<PatternWarning> {
        if !self.0.contains('*') {
            return self.warnings_of_a_host();
        }
        let mut warnings = Vec::new();
        let end = self.fixed_end();
        if self.0.trim_matches('*').contains('*') {
            warnings.push(PatternWarning::InnerStar);
        }
        if end.is_empty() {
            warnings.push(PatternWarning::OpenEnd);
        } else if is_address(end.trim_start_matches('.')) {
            warnings.push(PatternWarning::Address);
        } else if !end.contains('.') {
            warnings.push(PatternWarning::TopLevel);
        } else if end.starts_with('.') {
            warnings.extend(suffix::shared(self.zone()).map(|shared| match shared {
                Shared::TopLevel => PatternWarning::TopLevel,
                Shared::Registry => PatternWarning::Registry,
                Shared::Platform => PatternWarning::Platform,
            }));
        } else {
            warnings.push(PatternWarning::Lookalikes);
        }
        if self.has_punycode() {
            warnings.push(PatternWarning::Punycode);
        }
        warnings
    }

    fn warnings_of_a_host(&self) -> Vec<PatternWarning> {
        let host = self.as_str();
        let mut warnings = Vec::new();
        if redirect::is_loopback(host) {
            warnings.push(PatternWarning::ThisComputer);
        } else if is_address(host) {
            warnings.push(PatternWarning::Address);
        } else if !host.contains('.') {
            warnings.push(PatternWarning::SingleLabel);
        } else if suffix::is_shared_host(host) {
            warnings.push(PatternWarning::SharedHost);
        } else if suffix::is_suffix(host) {
            warnings.push(PatternWarning::BareSuffix);
        }
        if self.has_punycode() {
            warnings.push(PatternWarning::Punycode);
        }
        warnings
    }

    fn has_punycode(&self) -> bool {
        self.0.split('.').any(|label| label.trim_start_matches('*').starts_with("xn--"))
    }
}

/// Whether browsers read this as an IPv4 address: its last label is a number (WHATWG URL, "ends in a number").
fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
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
