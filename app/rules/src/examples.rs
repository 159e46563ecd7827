//! Hosts that show what a domain pattern means. Each is run through the pattern itself, so that no example can lie.

use crate::pattern::DomainPattern;

/// At most this many of each kind.
const MOST: usize = 3;

/// What an entry matches, and what one could think that it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// Matching hosts.
    pub matches: Vec<String>,
    /// Others.
    pub others: Vec<String>,
}

/// Examples for a pattern.
pub fn of(pattern: &DomainPattern) -> Examples {
    let text = pattern.as_str();
    if !text.contains('*') {
        let others = vec![format!("auth.{text}"), format!("not{text}")];
        return Examples { matches: vec![text.to_owned()], others };
    }
    let bare = text.trim_start_matches('*').trim_start_matches('.');
    let candidates = if bare.contains('*') {
        vec![filled(pattern, ""), filled(pattern, "x"), filled(pattern, "a.b"), filled(pattern, "x").replace('.', "-")]
    } else if bare.contains('.') {
        let below = |label: &str| format!("{label}.{bare}");
        vec![below("auth"), bare.to_owned(), format!("not{bare}"), below("a.b"), format!("{bare}.evil.example")]
    } else {
        vec![format!("example.{bare}"), format!("auth.example.{bare}"), bare.to_owned()]
    };
    let mut examples = Examples::default();
    for host in candidates {
        let list = if pattern.matches(&host) { &mut examples.matches } else { &mut examples.others };
        if list.len() < MOST && is_host(&host) && !list.contains(&host) {
            list.push(host);
        }
    }
    examples
}

/// A matching host that an outsider could register.
pub(crate) fn lookalike(pattern: &DomainPattern) -> String {
    first_match(pattern, &["not", ".not", "x.not"])
}

/// A host that an inner star matches with a dot.
pub(crate) fn across_dots(pattern: &DomainPattern) -> String {
    first_match(pattern, &["a.b", ".a.", "x"])
}

/// A host that matches because nothing stands after the star.
pub(crate) fn open_end(pattern: &DomainPattern) -> String {
    first_match(pattern, &[".evil.example", "evil.example", "x"])
}

/// The first of the fillings that makes a host.
fn first_match(pattern: &DomainPattern, fillings: &[&str]) -> String {
    let hosts = fillings.iter().map(|filling| filled(pattern, filling));
    hosts.into_iter().find(|host| is_host(host)).unwrap_or_else(|| filled(pattern, "x"))
}

/// The pattern with the same text for each of its stars.
fn filled(pattern: &DomainPattern, filling: &str) -> String {
    pattern.as_str().replace('*', filling)
}

fn is_host(host: &str) -> bool {
    host.len() <= 253 && !host.split('.').any(str::is_empty)
}
