//! Identifiers: opaque text, sortable by creation where generated here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, entropy::Entropy};

/// Crockford's base 32, in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `prefix_` and 26 characters: 48 bits of milliseconds, then 80 random bits.
/// Sorts by creation time; not a secret.
pub fn generate(prefix: &str, now: Timestamp, entropy: &dyn Entropy) -> String {
    let mut random = [0_u8; 10];
    entropy.fill(&mut random);
    let millis = u128::from(now.as_micros().max(0).unsigned_abs() / 1000) & ((1 << 48) - 1);
    let value = random.iter().fold(millis, |value, byte| (value << 8) | u128::from(*byte));
    let mut text = String::with_capacity(prefix.len() + 27);
    text.push_str(prefix);
    text.push('_');
    for position in (0..26).rev() {
        let digit = (value >> (position * 5)) & 31;
        text.push(char::from(ALPHABET[digit as usize]));
    }
    text
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The prefix of generated ids.
            pub const PREFIX: &'static str = $prefix;

            /// A new id.
            pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(generate(Self::PREFIX, now, entropy))
            }

            /// An id that came from storage or from a request; not checked.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, by value.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A person.
    UserId = "usr";
    /// A role. Built-in roles have their name as id.
    RoleId = "rol";
    /// An MCP client: generated on registration; never begins with `https://` (row OD9).
    ClientId = "mcp";
    /// One authorization attempt.
    FlowId = "flw";
    /// A person's standing consent to one client.
    GrantId = "grt";
    /// An alert.
    AlertId = "alr";
    /// An enrichment table.
    EnrichmentId = "enr";
    /// A log source.
    LogSourceId = "src";
    /// An audit event.
    AuditEventId = "aud";
}
