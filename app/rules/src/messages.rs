//! Every sentence that a rule shows a person, in one place.

use crate::{
    allowlist::Covered,
    examples,
    pattern::{DomainPattern, PatternError, PatternWarning},
    redirect::Refusal,
    scheme::SchemeError,
};

/// For a list that is full.
pub const TOO_MANY_ENTRIES: &str = "At most 200 entries fit in this list. Use a pattern such as *.example.com instead.";

/// What to do about a pattern that is not one.
pub const fn pattern_error(error: PatternError) -> &'static str {
    match error {
        PatternError::Empty => "Enter a domain, for example claude.ai or *.cursor.com.",
        PatternError::TooLong => "A domain has at most 253 characters.",
        PatternError::HasScheme => "Enter only the host, without https://.",
        PatternError::HasPath => "Enter only the host, without a path.",
        PatternError::HasPort => "Leave the port out: a domain is allowed on every port.",
        PatternError::HasUserInfo => "Enter only the host, without a user name.",
        PatternError::BadCharacter => {
            "A domain has letters, digits, hyphens and dots. Enter international names in their xn-- form."
        }
        PatternError::EmptyLabel => "There is a dot too many.",
        PatternError::MatchesEverything => "This would allow every domain of the internet. Name at least one.",
    }
}

/// What to think about before saving a pattern, with the hosts that it lets in.
pub fn pattern_warning(warning: PatternWarning, pattern: &DomainPattern) -> String {
    let zone = pattern.zone();
    match warning {
        PatternWarning::Lookalikes => {
            let example = examples::lookalike(pattern);
            let instead = pattern.stricter().map_or_else(
                || "Name the client\u{2019}s own host instead.".to_owned(),
                |stricter| format!("Write {stricter} to allow subdomains only."),
            );
            format!(
                "Lookalike domains match too: {pattern} also matches {example}, which anyone can register. {instead}"
            )
        }
        PatternWarning::InnerStar => {
            let example = examples::across_dots(pattern);
            format!("A star in the middle matches dots too, so hosts you do not expect may match: {example}.")
        }
        PatternWarning::OpenEnd => {
            let example = examples::open_end(pattern);
            format!(
                "A star at the end matches every ending: {pattern} also matches {example}, which anyone can register."
            )
        }
        PatternWarning::TopLevel => {
            let top = if zone.is_empty() { pattern.as_str().trim_start_matches('*') } else { zone };
            format!(
                "This matches every domain under a top-level domain: anyone can register a name under .{top} and \
                 receive codes there. Enter the client\u{2019}s own domain."
            )
        }
        PatternWarning::Registry => format!(
            "Anyone can register a name under {zone} and receive codes there. Enter the client\u{2019}s own domain, for \
             example *.example.{zone}."
        ),
        PatternWarning::Platform => format!(
            "{zone} is shared: anyone can make a subdomain there and receive codes. Enter the client\u{2019}s own host, \
             for example name.{zone}."
        ),
        PatternWarning::BareSuffix => format!(
            "{pattern} is a shared ending and no client\u{2019}s host. This allows {pattern} itself and nothing below it. \
             Enter the client\u{2019}s whole host."
        ),
        PatternWarning::SharedHost => {
            format!("{pattern} is shared: anyone can make an address on it and receive codes there.")
        }
        PatternWarning::ThisComputer => {
            "This computer is always allowed, so this entry adds nothing. You can remove it.".to_owned()
        }
        PatternWarning::Address => {
            "This is a network address: whoever has it at the time receives codes. Enter a host name if there is one."
                .to_owned()
        }
        PatternWarning::SingleLabel => {
            "This has no dot, so it can only be a host of your own network. Enter the whole host of the client."
                .to_owned()
        }
        PatternWarning::Punycode => {
            "This is an international name. Its letters can look like those of another name, so compare it with the \
             client\u{2019}s address."
                .to_owned()
        }
    }
}

/// What a pattern means, for one that can be saved.
pub fn pattern_meaning(pattern: &DomainPattern) -> String {
    let examples::Examples { matches, others } = examples::of(pattern);
    let matches = joined(&matches, "and");
    if others.is_empty() {
        return format!("Matches {matches}.");
    }
    format!("Matches {matches}, but not {}.", joined(&others, "or"))
}

/// For an entry that adds nothing: what allows it already.
pub fn covered(covered: &Covered) -> String {
    match covered {
        Covered::Same => "This is in the list already.".to_owned(),
        Covered::By(pattern) => format!("{pattern} allows this already, so this entry adds nothing."),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn joined(texts: &[String], word: &str) -> String {
    match texts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// What to do about a scheme that is not one.
pub const fn scheme_error(error: SchemeError) -> &'static str {
    match error {
        SchemeError::Empty => "Enter a scheme, for example cursor.",
        SchemeError::TooLong => "A scheme has at most 64 characters.",
        SchemeError::Reserved => {
            "This scheme is reserved. Browsers and systems use it for something else, so no client can receive a code there. \
             Web addresses are allowed by domain."
        }
        SchemeError::BadSyntax => "A scheme starts with a letter and has only letters, digits, plus, hyphen and dot.",
    }
}

/// Why a redirect is refused, for the error page; an admin can act on it.
pub const fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::PlainHttp => "It uses http, and plain http is allowed only on this computer (localhost).",
        Refusal::ReservedScheme => "Its scheme can never receive an authorization code.",
        Refusal::DomainNotListed => "Its domain is not on the redirect allowlist of this server.",
        Refusal::SchemeNotListed => "Its custom scheme is not on the redirect allowlist of this server.",
        Refusal::NoHost => "It names no host.",
    }
}
