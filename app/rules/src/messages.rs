//! Every sentence that a rule shows a person, in one place.

use crate::{
    pattern::{PatternError, PatternWarning},
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

/// What to think about before saving a pattern.
pub const fn pattern_warning(warning: PatternWarning) -> &'static str {
    match warning {
        PatternWarning::Lookalikes => {
            "Lookalike domains match too: *cursor.com also matches notcursor.com. Write *. to allow subdomains only."
        }
        PatternWarning::InnerStar => "A star in the middle matches dots too, so hosts you do not expect may match.",
        PatternWarning::TopLevel => "This matches every domain under a top-level domain.",
    }
}

/// What to do about a scheme that is not one.
pub const fn scheme_error(error: SchemeError) -> &'static str {
    match error {
        SchemeError::Empty => "Enter a scheme, for example cursor.",
        SchemeError::TooLong => "A scheme has at most 64 characters.",
        SchemeError::Reserved => {
            "This scheme is reserved. Web addresses are allowed by domain; javascript, data, file and vbscript never are."
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
