//! Which `Host` and `Origin` a request may carry (rows H2, H3, L2): the defence against DNS rebinding and against
//! web pages that talk to this server behind a person's back.

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{HOST, ORIGIN},
    request::Parts,
};

use crate::{config::McpConfig, refusal::Refusal};

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

#[derive(Clone, Debug)]
struct AllowedOrigin {
    origin: WebOrigin,
    any_port: bool,
}

/// Whether an entry of [`McpConfig::allowed_hosts`] can be read.
pub fn is_host_entry(entry: &str) -> bool {
    Authority::parse(entry).is_some()
}

/// Whether an entry of [`McpConfig::allowed_origins`] can be read.
pub fn is_origin_entry(entry: &str) -> bool {
    AllowedOrigin::parse(entry).is_some()
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
        network.allow_own(&config.resource);
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
        self.origins.push(AllowedOrigin { origin: WebOrigin::from_parts(scheme, authority.clone()), any_port: false });
        self.hosts.push(authority);
    }

    /// Checks a request. The answer is the `Origin` that may read the response, if there is one.
    pub(crate) fn check(&self, parts: &Parts) -> Result<Option<HeaderValue>, Refusal> {
        // Row H3: over HTTP/2 the host stands in the request target instead of the header.
        let host = match only(&parts.headers, HOST)? {
            Some(value) => value.to_str().ok().and_then(Authority::parse),
            None => parts.uri.authority().and_then(|text| Authority::parse(text.as_str())),
        };
        let Some(host) = host else { return Err(Refusal::Forbidden) };
        if !self.hosts.iter().any(|entry| entry.covers(&host)) {
            tracing::debug!(host = %host.host, "refused a request for another host");
            return Err(Refusal::Forbidden);
        }
        // Row H2: whoever sends no Origin is not a browser and passes.
        let Some(value) = only(&parts.headers, ORIGIN)? else { return Ok(None) };
        let origin = value.to_str().ok().and_then(WebOrigin::parse);
        if origin.is_some_and(|origin| self.origins.iter().any(|entry| entry.covers(&origin))) {
            return Ok(Some(value.clone()));
        }
        tracing::debug!(origin = ?value, "refused a request from another origin");
        Err(Refusal::Forbidden)
    }
}

/// The value of a header that may stand there once at most.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Refusal::Forbidden) } else { Ok(first) }
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
    /// Reads `scheme://host[:port]`. `null` and anything with a path is no origin.
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
        let entry = entry.trim().trim_end_matches('/');
        match entry.strip_suffix(":*") {
            Some(base) => Some(Self { origin: WebOrigin::parse(base)?, any_port: true }),
            None => Some(Self { origin: WebOrigin::parse(entry)?, any_port: false }),
        }
    }

    fn covers(&self, origin: &WebOrigin) -> bool {
        self.origin.scheme == origin.scheme
            && self.origin.host == origin.host
            && (self.any_port || self.origin.port == origin.port)
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

    fn check(host: &str, origin: Option<&str>) -> bool {
        let mut request = Request::builder().uri("/mcp").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        network().check(&parts).is_ok()
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
        let (parts, ()) = Request::builder().uri("/mcp").body(()).unwrap().into_parts();
        assert_eq!(network().check(&parts), Err(Refusal::Forbidden));
        let two = Request::builder().uri("/mcp").header("host", "127.0.0.1").header("host", "127.0.0.1");
        let (parts, ()) = two.body(()).unwrap().into_parts();
        assert_eq!(network().check(&parts), Err(Refusal::Forbidden));
        let target = Request::builder().uri("https://api.example.com/mcp").body(()).unwrap();
        assert_eq!(network().check(&target.into_parts().0), Ok(None));
    }
}
