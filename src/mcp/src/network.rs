//! Which `Host` and `Origin` a request may carry (rows H2, H3, L2): the defence against DNS rebinding and against
//! web pages that talk to this server behind a person's back.

use std::fmt;

use http::{HeaderMap, HeaderValue, Uri, header::HOST, request::Parts};
use margay_domain::rules::redirect::is_loopback;

use crate::{config::McpConfig, refusal::Refusal};

/// Origins of pages without a host, as browsers write them: of a sandboxed frame or a local file, and of a local file in
/// some programs. They name nobody, so they are allowed only by exactly these words.
const WITHOUT_HOST: [&str; 2] = ["null", "file://"];

/// The names of this computer, which all lead to a server that listens on loopback.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The longest value of a header in a refusal, in characters.
const MAX_SHOWN: usize = 100;

/// The allowed hosts and origins.
#[derive(Debug)]
pub(crate) struct Network {
    hosts: Vec<Authority>,
    origins: Vec<AllowedOrigin>,
}

/// A host, in lower case and without brackets, with a port if one was named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

/// A web origin; the port is the scheme's own if none was named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WebOrigin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AllowedOrigin {
    Web { origin: WebOrigin, any_port: bool },
    WithoutHost(&'static str),
}

/// Which header shut a request out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forbidden {
    /// `Host` or `Origin`.
    header: &'static str,
    /// The key that lists what is allowed.
    key: &'static str,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Missing,
    Repeated,
    /// With the value, cut and without anything that could be more than text.
    NotAllowed(String),
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, key, reason } = self;
        match reason {
            Reason::Missing => write!(f, "This request has no {header} header."),
            Reason::Repeated => write!(f, "This request has more than one {header} header."),
            Reason::NotAllowed(value) => write!(
                f,
                "The {header} header of this request, \"{value}\", is not allowed here. An admin can add it to {key} in \
                 the configuration."
            ),
        }
    }
}

/// A header that is checked.
struct Checked {
    name: &'static str,
    shown: &'static str,
    key: &'static str,
}

const CHECKED_HOST: Checked = Checked { name: "host", shown: "Host", key: "mcp.allowed_hosts" };
const CHECKED_ORIGIN: Checked = Checked { name: "origin", shown: "Origin", key: "mcp.allowed_origins" };

impl Checked {
    /// The value; the header may stand there once at most.
    fn only<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Refusal> {
        let mut values = headers.get_all(self.name).iter();
        let first = values.next();
        if values.next().is_some() { Err(self.refuse(Reason::Repeated)) } else { Ok(first) }
    }

    fn refuse(&self, reason: Reason) -> Refusal {
        Refusal::Forbidden(Box::new(Forbidden { header: self.shown, key: self.key, reason }))
    }

    fn not_allowed(&self, value: &[u8]) -> Refusal {
        let shown = |byte: &u8| if matches!(byte, b' '..=b'~') && *byte != b'"' { char::from(*byte) } else { '?' };
        let mut text: String = value.iter().take(MAX_SHOWN).map(shown).collect();
        if value.len() > MAX_SHOWN {
            text.push_str("...");
        }
        self.refuse(Reason::NotAllowed(text))
    }
}

/// Whether an entry of [`McpConfig::allowed_hosts`] can be read.
pub fn is_host_entry(entry: &str) -> bool {
    Authority::parse(entry).is_some()
}

/// Whether an entry of [`McpConfig::allowed_origins`] can be read.
pub fn is_origin_entry(entry: &str) -> bool {
    AllowedOrigin::parse(entry).is_some()
}

/// Whether an entry of [`McpConfig::allowed_origins`] names no website: every local file and every sandboxed frame of any
/// website then counts as allowed.
pub fn is_nameless_origin(entry: &str) -> bool {
    matches!(AllowedOrigin::parse(entry), Some(AllowedOrigin::WithoutHost(_)))
}

/// An address, and the same by the other names of this computer if it is on loopback: same scheme, same port.
pub fn with_loopback_names(url: &str) -> Vec<String> {
    let parsed = url.parse::<Uri>().ok();
    let uri = parsed.as_ref().filter(|uri| uri.host().is_some_and(is_loopback));
    let mut all = vec![url.to_owned()];
    let (Some(scheme), Some(uri)) = (uri.and_then(Uri::scheme_str), uri) else { return all };
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let path = uri.path().trim_end_matches('/');
    let others = LOOPBACK_NAMES.into_iter().filter(|name| uri.host() != Some(*name));
    all.extend(others.map(|name| format!("{scheme}://{name}{port}{path}")));
    all
}

impl Network {
    /// From configuration. An entry that cannot be read allows nothing, and the log says so.
    pub(crate) fn new(config: &McpConfig) -> Self {
        let mut network = Self { hosts: Vec::new(), origins: Vec::new() };
        for entry in &config.allowed_hosts {
            let host = Authority::parse(entry);
            if host.is_none() {
                tracing::warn!(%entry, "an allowed host cannot be read and is ignored");
            }
            network.hosts.extend(host);
        }
        for entry in &config.allowed_origins {
            let origin = AllowedOrigin::parse(entry);
            if origin.is_none() {
                tracing::warn!(%entry, "an allowed origin cannot be read and is ignored");
            }
            network.origins.extend(origin);
        }
        for own in with_loopback_names(&config.resource) {
            network.allow_own(&own);
        }
        network
    }

    /// The endpoint's own host and origin are allowed without being listed.
    fn allow_own(&mut self, resource: &str) {
        let own = resource.parse::<Uri>().ok();
        let scheme = own.as_ref().and_then(Uri::scheme_str);
        let authority = own.as_ref().and_then(Uri::authority).and_then(|text| Authority::parse(text.as_str()));
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            tracing::warn!(%resource, "the address of the endpoint has no host");
            return;
        };
        let origin = WebOrigin::from_parts(scheme, authority.clone());
        self.origins.push(AllowedOrigin::Web { origin, any_port: false });
        self.hosts.push(authority);
    }

    /// Checks a request.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), Refusal> {
        // Row H3: over HTTP/2 the host stands in the request target instead of the header.
        let host = CHECKED_HOST.only(&parts.headers)?.map(HeaderValue::as_bytes);
        let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str().as_bytes()));
        let Some(host) = host else { return Err(CHECKED_HOST.refuse(Reason::Missing)) };
        let named = std::str::from_utf8(host).ok().and_then(Authority::parse);
        if !named.is_some_and(|named| self.hosts.iter().any(|entry| entry.covers(&named))) {
            return Err(CHECKED_HOST.not_allowed(host));
        }
        // Row H2: a request without an Origin comes from no browser and passes.
        let Some(origin) = CHECKED_ORIGIN.only(&parts.headers)? else { return Ok(()) };
        if origin.to_str().is_ok_and(|text| self.origins.iter().any(|entry| entry.covers(text))) {
            return Ok(());
        }
        Err(CHECKED_ORIGIN.not_allowed(origin.as_bytes()))
    }
}

/// The page that may read the answer: that of the one `Origin`.
pub(crate) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    CHECKED_ORIGIN.only(headers).ok().flatten().cloned()
}

/// The host that a request names, for the address in its challenge. Not checked.
pub(crate) fn host(parts: &Parts) -> Option<&str> {
    let named = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    named.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']')?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return None,
            }
        } else if text.matches(':').count() > 1 {
            // A bare IPv6 address, as configurations have it.
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let port = port.map(str::parse::<u16>).transpose().ok()?;
        let plausible = !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        plausible.then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    /// An entry without a port is for every port; one with a port also covers a host that leaves out the web's own.
    fn covers(&self, host: &Self) -> bool {
        self.host == host.host
            && self.port.is_none_or(|port| host.port.map_or(matches!(port, 80 | 443), |other| other == port))
    }
}

impl WebOrigin {
    /// Reads `scheme://host[:port]`. Anything with a path is no origin.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let well_formed =
            !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !well_formed {
            return None;
        }
        Some(Self::from_parts(scheme, Authority::parse(authority)?))
    }

    fn from_parts(scheme: &str, authority: Authority) -> Self {
        let scheme = scheme.to_ascii_lowercase();
        // RFC 6454 section 6.2: browsers leave the scheme's own port out.
        let port = authority.port.or(match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        });
        Self { scheme, host: authority.host, port }
    }
}

impl AllowedOrigin {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if let Some(word) = WITHOUT_HOST.into_iter().find(|word| entry.eq_ignore_ascii_case(word)) {
            return Some(Self::WithoutHost(word));
        }
        let entry = entry.trim_end_matches('/');
        match entry.strip_suffix(":*") {
            Some(base) => Some(Self::Web { origin: WebOrigin::parse(base)?, any_port: true }),
            None => Some(Self::Web { origin: WebOrigin::parse(entry)?, any_port: false }),
        }
    }

    fn covers(&self, text: &str) -> bool {
        match self {
            Self::WithoutHost(word) => text == *word,
            Self::Web { origin: allowed, any_port } => WebOrigin::parse(text).is_some_and(|origin| {
                allowed.scheme == origin.scheme
                    && allowed.host == origin.host
                    && (*any_port || allowed.port == origin.port)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::testing;

    fn network() -> Network {
        let mut config = testing::config();
        config.resource = "https://api.example.com/mcp".to_owned();
        config.allowed_hosts = vec!["127.0.0.1".to_owned(), "::1".to_owned(), "inner.example.com:8443".to_owned()];
        config.allowed_origins =
            vec!["http://127.0.0.1:*".to_owned(), "https://console.example.com/".to_owned(), "nonsense".to_owned()];
        Network::new(&config)
    }

    fn checked(network: &Network, host: &str, origin: Option<&str>) -> Result<(), Refusal> {
        let mut request = Request::builder().uri("/mcp").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        network.check(&parts)
    }

    fn check(host: &str, origin: Option<&str>) -> bool {
        checked(&network(), host, origin).is_ok()
    }

    fn sentence(host: &str, origin: Option<&str>) -> String {
        checked(&network(), host, origin).unwrap_err().to_string()
    }

    #[test]
    fn hosts() {
        for good in ["api.example.com", "API.example.com:443", "127.0.0.1:8080", "[::1]:9", "inner.example.com:8443"] {
            assert!(check(good, None), "{good}");
        }
        for bad in
            ["evil.example.com", "api.example.com.evil.org", "inner.example.com:1", "", "user@api.example.com", "[::1"]
        {
            assert!(!check(bad, None), "{bad}");
        }
    }

    #[test]
    fn origins() {
        for good in ["https://api.example.com", "https://console.example.com:443", "http://127.0.0.1:5173"] {
            assert!(check("api.example.com", Some(good)), "{good}");
        }
        for bad in [
            "null",
            "",
            "http://api.example.com",
            "https://console.example.com:444",
            "https://console.example.com.evil.org",
            "https://127.0.0.1:5173",
            "nonsense",
        ] {
            assert!(!check("api.example.com", Some(bad)), "{bad}");
        }
    }

    #[test]
    fn a_missing_host_and_two_hosts_are_refused() {
        let refused = |request: http::request::Builder| {
            let (parts, ()) = request.body(()).unwrap().into_parts();
            network().check(&parts).unwrap_err().to_string()
        };
        assert_eq!(refused(Request::builder().uri("/mcp")), "This request has no Host header.");
        let two = || Request::builder().uri("/mcp").header("host", "127.0.0.1");
        assert_eq!(refused(two().header("host", "127.0.0.1")), "This request has more than one Host header.");
        let origins = two().header("origin", "http://127.0.0.1:1").header("origin", "http://127.0.0.1:1");
        assert_eq!(refused(origins), "This request has more than one Origin header.");
        let target = Request::builder().uri("https://api.example.com/mcp").body(()).unwrap();
        assert_eq!(network().check(&target.into_parts().0), Ok(()));
    }

    #[test]
    fn a_refusal_names_header_value_and_key() {
        assert_eq!(
            sentence("evil.example", None),
            "The Host header of this request, \"evil.example\", is not allowed here. An admin can add it to \
             mcp.allowed_hosts in the configuration."
        );
        assert_eq!(
            sentence("127.0.0.1", Some("file://")),
            "The Origin header of this request, \"file://\", is not allowed here. An admin can add it to \
             mcp.allowed_origins in the configuration."
        );
        let long = sentence("127.0.0.1", Some(&format!("https://{}.example", "x".repeat(1000))));
        assert!(long.contains("xxx...\", is not allowed") && long.len() < 300, "{long}");
        let odd = sentence("127.0.0.1", Some("https://a\u{202e}b\"c"));
        assert!(odd.contains("\"https://a???b?c\""), "{odd}");
    }

    #[test]
    fn pages_without_a_host_are_allowed_by_their_word_only() {
        let mut config = testing::config();
        config.allowed_origins = vec!["null".to_owned(), " FILE:// ".to_owned(), "vscode-file://vscode-app".to_owned()];
        let network = Network::new(&config);
        for good in ["null", "file://", "vscode-file://vscode-app"] {
            assert_eq!(checked(&network, testing::HOST, Some(good)), Ok(()), "{good}");
        }
        for bad in ["NULL", "", "file:///etc", "file:", "vscode-file://other", "app://obsidian.md", "nullx"] {
            assert!(checked(&network, testing::HOST, Some(bad)).is_err(), "{bad}");
        }
        for entry in ["null", "file://", "Null"] {
            assert!(is_origin_entry(entry) && is_nameless_origin(entry), "{entry}");
        }
        for entry in ["*", "file", "https://", "file://host/x"] {
            assert!(!is_origin_entry(entry), "{entry}");
        }
        assert!(!is_nameless_origin("https://app.example.com"));
    }

    #[test]
    fn a_loopback_server_goes_by_all_names_of_this_computer_on_its_own_port() {
        let mut config = testing::config();
        (config.allowed_hosts, config.allowed_origins) = (Vec::new(), Vec::new());
        let network = Network::new(&config);
        for name in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST:8080"] {
            assert_eq!(checked(&network, name, Some(&format!("http://{name}"))), Ok(()), "{name}");
        }
        for other in ["http://localhost:8081", "http://localhost", "https://localhost:8080", "http://127.0.0.2:8080"] {
            assert!(checked(&network, testing::HOST, Some(other)).is_err(), "{other}");
        }
        assert_eq!(
            with_loopback_names("http://[::1]:8080/mcp"),
            ["http://[::1]:8080/mcp", "http://localhost:8080/mcp", "http://127.0.0.1:8080/mcp"]
        );
        assert_eq!(with_loopback_names("https://margay.example.com"), ["https://margay.example.com"]);
    }
}
