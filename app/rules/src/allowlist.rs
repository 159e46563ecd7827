//! The redirect allowlist as a whole, and how a posted form becomes one.

use serde::{Deserialize, Serialize};

use crate::{messages, pattern::DomainPattern, scheme::CustomScheme};

/// The largest number of entries in each list.
pub const MAX_ENTRIES: usize = 200;

/// Where authorization codes may be sent, besides loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowlist {
    /// Patterns for the host of `https` redirect URIs.
    pub domains: Vec<DomainPattern>,
    /// Custom schemes, such as `cursor`.
    pub schemes: Vec<CustomScheme>,
}

/// One of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowlistField {
    /// The domain patterns.
    Domains,
    /// The custom schemes.
    Schemes,
}

/// An entry that cannot be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowlistError {
    /// The list.
    pub field: AllowlistField,
    /// Position among the posted entries, from 0.
    pub index: u32,
    /// What was entered.
    pub value: String,
    /// The sentence for the person.
    pub message: String,
}

impl Allowlist {
    /// Reads the posted entries. Empty rows are dropped, duplicates collapse, the
    /// order of entry is kept; every bad entry is reported, not only the first.
    pub fn from_entries(domains: &[String], schemes: &[String]) -> Result<Self, Vec<AllowlistError>> {
        let mut errors = Vec::new();
        let domains = collect(AllowlistField::Domains, domains, &mut errors, |text| {
            DomainPattern::parse(text).map_err(messages::pattern_error)
        });
        let schemes = collect(AllowlistField::Schemes, schemes, &mut errors, |text| {
            CustomScheme::parse(text).map_err(messages::scheme_error)
        });
        if errors.is_empty() { Ok(Self { domains, schemes }) } else { Err(errors) }
    }
}

/// Why an entry adds nothing to a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// An earlier entry is the same.
    Same,
    /// This other entry matches all that it matches.
    By(DomainPattern),
}

/// Whether `pattern` adds nothing beside the other rows of its list. Rows that cannot be saved do not count.
pub fn covered(pattern: &DomainPattern, earlier: &[String], later: &[String]) -> Option<Covered> {
    let parsed = |text: &String| DomainPattern::parse(text).ok();
    if earlier.iter().filter_map(parsed).any(|other| other == *pattern) {
        return Some(Covered::Same);
    }
    earlier.iter().chain(later).filter_map(parsed).find(|other| other.covers(pattern)).map(Covered::By)
}

fn collect<T: PartialEq>(
    field: AllowlistField,
    entries: &[String],
    errors: &mut Vec<AllowlistError>,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    let mut parsed = Vec::new();
    for (index, value) in entries.iter().enumerate() {
        if value.trim().is_empty() {
            continue;
        }
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        match parse(value) {
            Ok(_) if parsed.len() >= MAX_ENTRIES => {
                errors.push(AllowlistError {
                    field,
                    index,
                    value: value.clone(),
                    message: messages::TOO_MANY_ENTRIES.to_owned(),
                });
                break;
            }
            Ok(entry) if parsed.contains(&entry) => {}
            Ok(entry) => parsed.push(entry),
            Err(message) => {
                errors.push(AllowlistError { field, index, value: value.clone(), message: message.to_owned() });
            }
        }
    }
    parsed
}
