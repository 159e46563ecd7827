//! Redirect URIs: what may be registered, what matches a registration, and where a code may go now.
//!
//! Nothing else in this crate decides about a redirect.

use margay_domain::{
    page::ErrorPage,
    rules::{
        Allowlist, Decision, Refusal, messages,
        redirect::{self as rule, is_loopback},
        scheme::is_reserved,
    },
    secret::constant_time_eq,
};
use url::Url;

use crate::text::cut;

/// The heading of every page that refuses a redirect.
pub(crate) const NOT_ALLOWED: &str = "Redirect URI is not allowed";

/// A redirect URI that may receive a code now.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: Url,
    /// Whether a program on the person's own computer receives it.
    pub(crate) loopback: bool,
}

/// Why a redirect URI may not receive a code now.
#[derive(Clone, Debug)]
pub(crate) enum Blocked {
    /// It is not a URI that could ever be redirected to.
    Malformed,
    /// The rules refuse it.
    Rule {
        /// Which rule.
        refusal: Refusal,
        /// The URI.
        url: Url,
    },
}

impl Target {
    /// What people see: the host, or `scheme://` for a custom scheme.
    pub(crate) fn shown(&self) -> String {
        match self.url.host_str() {
            Some(host) if self.is_web() => host.to_owned(),
            _ => format!("{}://", self.url.scheme()),
        }
    }

    /// Whether a browser follows a redirect there by itself.
    pub(crate) fn is_web(&self) -> bool {
        is_web(&self.url)
    }
}

impl Blocked {
    /// Whether no allowlist could allow it, so that it can be refused before anybody signed in (row OR10).
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Malformed => true,
            Self::Rule { refusal, .. } => match refusal {
                Refusal::PlainHttp | Refusal::ReservedScheme | Refusal::NoHost => true,
                Refusal::DomainNotListed | Refusal::SchemeNotListed => false,
            },
        }
    }

    /// One sentence: which rule refuses it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "It is not an address that can receive one.",
            Self::Rule { refusal, .. } => messages::refusal(*refusal),
        }
    }

    /// The rule's name in audit events.
    pub(crate) fn rule(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Rule { refusal, .. } => match refusal {
                Refusal::PlainHttp => "plain_http",
                Refusal::ReservedScheme => "reserved_scheme",
                Refusal::DomainNotListed => "domain_not_listed",
                Refusal::SchemeNotListed => "scheme_not_listed",
                Refusal::NoHost => "no_host",
            },
        }
    }

    /// The error page (row OA7): the rule, and what an admin would have to add and where.
    pub(crate) fn page(&self, uri: &str) -> ErrorPage {
        let message = format!("The client wants its authorization code sent to this address. {}", self.reason());
        let advice = match self {
            Self::Rule { refusal: Refusal::DomainNotListed, url } => format!(
                "If you trust this client, ask an admin to add the domain {} under Settings > AI & Automation > Remote MCP. \
                 Then start again from your client.",
                url.host_str().unwrap_or_default()
            ),
            Self::Rule { refusal: Refusal::SchemeNotListed, url } => format!(
                "If you trust this client, ask an admin to add the custom scheme {} under Settings > AI & Automation > \
                 Remote MCP. Then start again from your client.",
                url.scheme()
            ),
            Self::Rule { refusal: Refusal::PlainHttp, .. } => {
                "No setting can allow this. Tell whoever provides the client that it has to use https.".to_owned()
            }
            Self::Malformed | Self::Rule { .. } => {
                "No setting can allow this. Do not go on with this client, and tell whoever provides it.".to_owned()
            }
        };
        not_allowed(message, advice, uri)
    }
}

/// The page that refuses a redirect.
pub(crate) fn not_allowed(message: String, advice: String, uri: &str) -> ErrorPage {
    let detail = (!uri.is_empty()).then(|| cut(uri, 2000));
    ErrorPage { status: 400, title: NOT_ALLOWED.to_owned(), message, advice, detail }
}

/// Whether a code may be sent to `uri` under `allowlist`, which the caller has read for this request.
pub(crate) fn judge(allowlist: &Allowlist, uri: &str) -> Result<Target, Blocked> {
    // The form was checked at registration. Stored text is not trusted to have stayed so (row OR10).
    let url = check_form(uri).map_err(|_| Blocked::Malformed)?;
    match rule::decide(allowlist, url.scheme(), url.host_str()) {
        Decision::Loopback => Ok(Target { url, loopback: true }),
        Decision::Listed(_) => Ok(Target { url, loopback: false }),
        Decision::Refused(refusal) => Err(Blocked::Rule { refusal, url }),
    }
}

/// Whether a client may register `uri`, or what is wrong with it (row OD3). The allowlist is not asked: it is asked for
/// the one URI that a client uses, after sign-in, because clients register several at once (row OD4).
pub fn check_registrable(uri: &str) -> Result<(), &'static str> {
    let url = check_form(uri)?;
    let host = url.host_str().unwrap_or_default();
    if url.scheme() == "http" && !is_loopback(host) {
        return Err("a redirect URI must not use http, except on localhost");
    }
    if !is_web(&url) && is_reserved(url.scheme()) {
        return Err("a redirect URI must not use this scheme");
    }
    Ok(())
}

/// Whether the requested URI is the registered one (row OA3): the same text; only the port of a loopback address may
/// differ, because native clients listen on a free one.
pub(crate) fn matches_registered(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return true;
    }
    // Host, path and query are still compared as text.
    match (split_loopback(registered), split_loopback(requested)) {
        (Some(left), Some(right)) => left.same_but_for_the_port(&right),
        _ => false,
    }
}

/// Whether the URI at the token endpoint is the one of the authorization request (row OC6): the same text, but for a
/// slash that URL libraries add to a loopback address without a path.
pub(crate) fn is_same(asked: &str, presented: &str) -> bool {
    if constant_time_eq(asked, presented) {
        return true;
    }
    match (split_loopback(asked), split_loopback(presented)) {
        (Some(left), Some(right)) => left.port == right.port && left.same_but_for_the_port(&right),
        _ => false,
    }
}

/// Whether a code sent to `uri` stays on the person's own computer: a loopback address or a custom scheme. Any program
/// there can register such an address (row A6).
pub(crate) fn is_local(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| !is_web(&url) || url.host_str().is_some_and(is_loopback))
}

/// Appends parameters to a redirect URI and keeps the query it has (rows OA4, OA8).
pub(crate) fn append(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, present)) if present.is_empty() || present.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{query}")
}

/// The rules that hold for every redirect URI: absolute, ASCII, no fragment, no user name (rows OA4, OD3).
fn check_form(uri: &str) -> Result<Url, &'static str> {
    // RFC 3986 section 2. It also keeps line breaks out of headers.
    let is_uri_byte = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b);
    if !uri.bytes().all(is_uri_byte) {
        return Err("a redirect URI has a character that no URI has");
    }
    let url = Url::parse(uri).map_err(|_| "a redirect URI is not an absolute URI")?;
    if uri.contains('#') {
        return Err("a redirect URI must not have a fragment");
    }
    // Right behind the scheme: browsers read `https:b@host` and `https::b@c://host` as addresses, too, and go elsewhere.
    let after_scheme = uri.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
    let authority = after_scheme.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    if is_web(&url) && authority.is_none_or(str::is_empty) {
        return Err("a redirect URI needs a host after ://");
    }
    if authority.is_some_and(|authority| authority.contains('@'))
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("a redirect URI must not have a user name");
    }
    Ok(url)
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// An `http` loopback URI in its parts, as text.
struct LoopbackUri<'a> {
    host: &'a str,
    /// With its colon; empty if there is none.
    port: &'a str,
    /// Path and query.
    rest: &'a str,
}

impl LoopbackUri<'_> {
    /// An empty path is the path `/` (RFC 3986 section 6.2.3).
    fn same_but_for_the_port(&self, other: &Self) -> bool {
        let has_path = |rest: &str| rest.starts_with('/');
        let same_rest = match (has_path(self.rest), has_path(other.rest)) {
            (true, false) => self.rest.strip_prefix('/') == Some(other.rest),
            (false, true) => other.rest.strip_prefix('/') == Some(self.rest),
            _ => self.rest == other.rest,
        };
        self.host == other.host && same_rest
    }
}

/// The parts of an `http` loopback URI; `None` for every other URI.
fn split_loopback(uri: &str) -> Option<LoopbackUri<'_>> {
    let after_scheme = uri.strip_prefix("http://")?;
    let end = after_scheme.find(['/', '?', '#', '\\']).unwrap_or(after_scheme.len());
    let (authority, rest) = after_scheme.split_at(end);
    let (host, port) = match authority.strip_prefix("[::1]") {
        Some(port) => ("[::1]", port),
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    // What follows is a path or a query; anything else would be read as another address by somebody.
    let rest_fits = rest.is_empty() || rest.starts_with(['/', '?']);
    (is_loopback(host) && port_fits && rest_fits).then_some(LoopbackUri { host, port, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowlist(domains: &[&str], schemes: &[&str]) -> Allowlist {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Allowlist::from_entries(&own(domains), &own(schemes)).unwrap()
    }

    #[test]
    fn oa3_matches_exactly() {
        let registered = "https://claude.ai/api/mcp/auth_callback";
        assert!(matches_registered(registered, registered));
        for other in [
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback?x=y",
            "https://claude.ai:443/api/mcp/auth_callback",
            "https://claude.ai:8443/api/mcp/auth_callback",
            "https://CLAUDE.ai/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/../mcp/auth_callback",
            "http://claude.ai/api/mcp/auth_callback",
            "https://claude.ai/api/mcp",
            "",
        ] {
            assert!(!matches_registered(registered, other), "{other}");
        }
    }

    #[test]
    fn oa3_the_port_of_a_loopback_address_may_differ() {
        for (registered, requested) in [
            ("http://127.0.0.1/callback", "http://127.0.0.1:53211/callback"),
            ("http://localhost/callback", "http://localhost:3118/callback"),
            ("http://localhost:8787/callback", "http://localhost:9999/callback"),
            ("http://localhost:8787/callback", "http://localhost/callback"),
            ("http://[::1]/callback?a=b", "http://[::1]:1/callback?a=b"),
            ("http://127.0.0.1:33418/", "http://127.0.0.1:40000/"),
            // An empty path is the path /.
            ("http://127.0.0.1:33418", "http://127.0.0.1:33418/"),
            ("http://127.0.0.1/", "http://127.0.0.1:33418"),
            ("http://localhost", "http://localhost:1/"),
            ("http://[::1]?a=b", "http://[::1]:9/?a=b"),
        ] {
            assert!(matches_registered(registered, requested), "{registered} {requested}");
            assert!(matches_registered(requested, registered), "{requested} {registered}");
        }
        for (registered, requested) in [
            ("http://127.0.0.1/callback", "http://localhost/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.2/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:1/other"),
            ("http://127.0.0.1", "http://127.0.0.1//"),
            ("http://127.0.0.1", "http://127.0.0.1/?"),
            ("http://127.0.0.1/callback", "http://127.0.0.1/callback/"),
            ("https://claude.ai", "https://claude.ai/"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:1/callback?x=y"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:1@evil.example/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:99999/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:+80/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1:/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1.nip.io:1/callback"),
            ("http://127.0.0.1/callback", "http://127.0.0.1\\@evil.example/callback"),
            ("http://localhost/callback", "http://localhost.evil.com:1/callback"),
            ("https://localhost/callback", "https://localhost:1/callback"),
            ("cursor://localhost/callback", "cursor://localhost:1/callback"),
        ] {
            assert!(!matches_registered(registered, requested), "{registered} {requested}");
        }
    }

    #[test]
    fn oc6_the_same_address_once_more() {
        assert!(is_same("https://claude.ai/cb", "https://claude.ai/cb"));
        assert!(is_same("http://127.0.0.1:1", "http://127.0.0.1:1/"));
        for (asked, presented) in [
            ("http://127.0.0.1:1", "http://127.0.0.1:2/"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"),
            ("https://claude.ai", "https://claude.ai/"),
            ("http://127.0.0.1:1", ""),
        ] {
            assert!(!is_same(asked, presented), "{asked} {presented}");
        }
    }

    #[test]
    fn loopback_is_always_allowed_and_nothing_that_looks_like_it() {
        let none = Allowlist::default();
        for uri in [
            "http://localhost/cb",
            "http://localhost:1234/cb",
            "http://127.0.0.1:1234/cb?x=y",
            "http://[::1]:1234/cb",
            "https://localhost/cb",
            "HTTP://LOCALHOST:1/cb",
        ] {
            assert!(judge(&none, uri).is_ok_and(|target| target.loopback), "{uri}");
        }
        for uri in [
            "http://localhost.evil.com/cb",
            "http://127.0.0.1.nip.io/cb",
            "http://127.0.0.1@evil/cb",
            "http://localhost:pw@evil.com/cb",
            "http://@localhost/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://127.0.0.2/cb",
            "http://0.0.0.0/cb",
            "http://localhost./cb",
            "http://localhost/cb#x",
            "http:localhost/cb",
            "http:///localhost/cb",
            "//localhost/cb",
            "localhost",
        ] {
            assert!(judge(&none, uri).is_err_and(|blocked| blocked.is_final()), "{uri}");
        }
    }

    #[test]
    fn oa7_https_goes_by_domain_and_custom_schemes_by_scheme() {
        let list = allowlist(&["claude.ai", "*.cursor.com"], &["cursor"]);
        for uri in [
            "https://claude.ai/cb",
            "https://CLAUDE.AI./cb",
            "https://claude.ai:8443/cb",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "CURSOR://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert!(judge(&list, uri).is_ok_and(|target| !target.loopback), "{uri}");
        }
        for uri in [
            "https://api.claude.ai/cb",
            "https://notclaude.ai/cb",
            "https://cursor.com/cb",
            "https://evil.example/claude.ai",
            "https://evil.example?claude.ai",
            "vscode://x/cb",
        ] {
            assert!(judge(&list, uri).is_err_and(|blocked| !blocked.is_final()), "{uri}");
        }
        for uri in [
            "http://claude.ai/cb",
            "https://claude.ai@evil.example/cb",
            "https://claude.ai\\@evil.example/cb",
            "javascript:alert(1)",
            "JavaScript://claude.ai/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
        ] {
            assert!(judge(&list, uri).is_err_and(|blocked| blocked.is_final()), "{uri}");
        }
    }

    #[test]
    fn od3_what_may_be_registered() {
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "com.example.app:/oauth",
            "http://localhost:8787/callback",
            "http://127.0.0.1/",
            "http://[::1]/cb",
            "https://example.com/cb?tenant=1",
        ] {
            assert_eq!(check_registrable(uri), Ok(()), "{uri}");
        }
        for uri in [
            "",
            "/cb",
            "https://example.com/cb#",
            "https://example.com/cb#a",
            "https://ana@example.com/cb",
            "https://ana:pw@example.com/cb",
            "http://example.com/cb",
            "http://localhost.evil.com/cb",
            "http://127.0.0.1.nip.io/cb",
            "http://127.0.0.1@evil/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///tmp/x",
            "vbscript:x",
            "https://example.com/c b",
            "https://example.com/\r\nSet-Cookie: a=b",
            "https://exämple.com/cb",
            "https:example.com/cb",
            "https::b@p://localhost:8787/callback",
            "https:/example.com/cb://x",
            "http:localhost/cb?://x",
            "https://",
        ] {
            assert!(check_registrable(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn oa8_appending_keeps_the_query_and_escapes() {
        let parameters = [("code", "mgc_a"), ("state", "a b&c=d%\"é")];
        let appended = "code=mgc_a&state=a+b%26c%3Dd%25%22%C3%A9";
        for (uri, expected) in [
            ("https://a.example/cb", format!("https://a.example/cb?{appended}")),
            ("https://a.example/cb?", format!("https://a.example/cb?{appended}")),
            ("https://a.example/cb?t=1", format!("https://a.example/cb?t=1&{appended}")),
            ("https://a.example/cb?t=1&", format!("https://a.example/cb?t=1&{appended}")),
            ("cursor://x/cb", format!("cursor://x/cb?{appended}")),
        ] {
            assert_eq!(append(uri, &parameters), expected);
        }
    }

    #[test]
    fn the_page_says_what_an_admin_would_add() {
        let blocked = judge(&Allowlist::default(), "https://claude.ai/cb").unwrap_err();
        let page = blocked.page("https://claude.ai/cb");
        assert_eq!((page.status, page.title.as_str()), (400, "Redirect URI is not allowed"));
        assert!(page.advice.contains("the domain claude.ai under Settings > AI & Automation > Remote MCP"));
        assert_eq!(page.detail.as_deref(), Some("https://claude.ai/cb"));
        let blocked = judge(&Allowlist::default(), "cursor://x/cb").unwrap_err();
        assert!(blocked.page("cursor://x/cb").advice.contains("the custom scheme cursor"));
    }

    #[test]
    fn people_see_the_host_or_the_scheme() {
        let list = allowlist(&["claude.ai"], &["cursor"]);
        assert_eq!(judge(&list, "https://claude.ai:8443/cb").unwrap().shown(), "claude.ai");
        assert_eq!(judge(&list, "cursor://anysphere/cb").unwrap().shown(), "cursor://");
        assert_eq!(judge(&list, "http://[::1]:1/cb").unwrap().shown(), "[::1]");
    }
}
