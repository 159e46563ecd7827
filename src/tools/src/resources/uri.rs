//! The URIs of resources (row C1, RFC 3986): nothing but the two forms that are written here is read, and a name is
//! looked up as a whole, so that no path can lead anywhere.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::ResourceKind;

/// RFC 3986 section 2.3: everything but unreserved characters is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest URI that is looked at, in bytes.
const MAX_URI: usize = 2000;

/// What a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    LogSchema { name: String },
    Table { database: String, table: String },
}

impl Address {
    /// Reads a URI; `None` if it is none of ours.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        if uri.len() > MAX_URI {
            return None;
        }
        let path = uri.strip_prefix("margay://")?;
        let mut parts = path.split('/').map(segment);
        let kind = parts.next()??;
        let address = match kind.as_str() {
            "log-schemas" => Self::LogSchema { name: parts.next()?? },
            "tables" => Self::Table { database: parts.next()??, table: parts.next()?? },
            _ => return None,
        };
        parts.next().is_none().then_some(address)
    }

    pub(super) const fn kind(&self) -> ResourceKind {
        match self {
            Self::LogSchema { .. } => ResourceKind::LogSchema,
            Self::Table { .. } => ResourceKind::Table,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogSchema { name } => write!(f, "margay://log-schemas/{}", encoded(name)),
            Self::Table { database, table } => write!(f, "margay://tables/{}/{}", encoded(database), encoded(table)),
        }
    }
}

fn encoded(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, ENCODED)
}

/// A segment of a path, decoded; `None` if it is empty, not UTF-8, or holds what no name holds.
fn segment(text: &str) -> Option<String> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%'));
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    (plain && !decoded.is_empty() && !decoded.chars().any(char::is_control)).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_two_forms_are_read() {
        let table = Address::Table { database: "panther_logs.public".to_owned(), table: "a_b".to_owned() };
        assert_eq!(Address::parse("margay://tables/panther_logs.public/a_b"), Some(table));
        for other in [
            "",
            "margay:",
            "margay://",
            "margay://tables",
            "margay://tables/a",
            "margay://tables/a/",
            "margay://tables/a/b/c",
            "margay://log-schemas/",
            "margay://log-schemas/a/b",
            "margay://log-schemas/a?b",
            "margay://log-schemas/a#b",
            "margay://log-schemas/a b",
            "margay://log-schemas/%00",
            "margay://log-schemas/%ff",
            "margay://users/a",
            "MARGAY://log-schemas/a",
            "http://log-schemas/a",
        ] {
            assert_eq!(Address::parse(other), None, "{other}");
        }
        assert_eq!(Address::parse(&format!("margay://log-schemas/{}", "x".repeat(MAX_URI))), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "[^\\p{C}]{1,40}", table in "[^\\p{C}]{1,40}") {
            let schema = Address::LogSchema { name: name.clone() };
            prop_assert_eq!(Address::parse(&schema.to_string()), Some(schema));
            let address = Address::Table { database: name, table };
            prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,60}") {
            let _ = Address::parse(&text);
            let _ = Address::parse(&format!("margay://{text}"));
        }
    }
}
