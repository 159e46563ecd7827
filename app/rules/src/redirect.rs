//! The one decision whether an authorization code may be sent to a redirect URI.

use serde::{Deserialize, Serialize};

use crate::{allowlist::Allowlist, scheme};

/// The answer of [`decide`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A loopback address: the client runs on the person's own machine. Always allowed.
    Loopback,
    /// An entry of the allowlist matches; its text.
    Listed(String),
    /// No redirect.
    Refused(Refusal),
}

impl Decision {
    /// Whether a code may be sent there.
    pub const fn is_allowed(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// Why there is no redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// `http` to a host that is not loopback: the code would travel in clear.
    PlainHttp,
    /// A scheme that is never redirected to (`javascript`, `data`, …), even when stored.
    ReservedScheme,
    /// No domain pattern matches the host.
    DomainNotListed,
    /// The custom scheme is not listed.
    SchemeNotListed,
    /// An `https` URI without a host.
    NoHost,
}

/// Whether `host` is loopback: exactly `localhost`, `127.0.0.1` or `[::1]` (brackets optional).
///
/// Deliberately not the whole 127.0.0.0/8 and no name that merely resolves there.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "[::1]" | "::1")
}

/// Decides about a redirect URI by its scheme and host, which the caller took
/// from a real URL parser (so that user information, ports and escapes cannot
/// pose as a host). Checklist rows OA7 and OR10.
pub fn decide(allowlist: &Allowlist, scheme: &str, host: Option<&str>) -> Decision {
    let host = host.filter(|host| !host.is_empty());
    let is_http = scheme.eq_ignore_ascii_case("http");
    let is_https = scheme.eq_ignore_ascii_case("https");
    if is_http || is_https {
        let Some(host) = host else { return Decision::Refused(Refusal::NoHost) };
        if is_loopback(host) {
            return Decision::Loopback;
        }
        if is_http {
            return Decision::Refused(Refusal::PlainHttp);
        }
        return allowlist
            .domains
            .iter()
            .find(|pattern| pattern.matches(host))
            .map_or(Decision::Refused(Refusal::DomainNotListed), |pattern| Decision::Listed(pattern.to_string()));
    }
    if scheme::is_reserved(scheme) {
        return Decision::Refused(Refusal::ReservedScheme);
    }
    allowlist
        .schemes
        .iter()
        .find(|listed| listed.matches(scheme))
        .map_or(Decision::Refused(Refusal::SchemeNotListed), |listed| Decision::Listed(format!("{listed}://")))
}
