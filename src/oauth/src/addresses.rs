//! Every address of the authorization server, made from the configuration once (row OM5). A server on this computer has
//! three names, and answers under the one by which it was asked; a request chooses among them and adds none.

use axum::http::{HeaderMap, Uri, header::HOST, uri::Authority};
use margay_domain::rules::redirect::is_loopback;
use url::{Origin, Url};

use crate::config::OAuthConfig;

/// The authorization endpoint.
pub(crate) const AUTHORIZE: &str = "/oauth/authorize";
/// Where the consent page posts to.
pub(crate) const DECISION: &str = "/oauth/authorize/decision";
/// The token endpoint.
pub(crate) const TOKEN: &str = "/oauth/token";
/// Dynamic registration.
pub(crate) const REGISTER: &str = "/oauth/register";
/// Revocation.
pub(crate) const REVOKE: &str = "/oauth/revoke";
/// The public keys.
pub(crate) const JWKS: &str = "/oauth/jwks";
/// Protected resource metadata (RFC 9728).
pub(crate) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";
/// Authorization server metadata (RFC 8414).
pub(crate) const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
/// The same document under the name that some clients ask for (row A2).
pub(crate) const OPENID_METADATA: &str = "/.well-known/openid-configuration";
/// The sign-in page.
const SIGN_IN: &str = "/sign-in";

/// The names of this computer. A server that is configured under one of them also answers under the others.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A configured address that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {name} \"{value}\" cannot be used: {reason}")]
pub struct BadAddress {
    /// Which one: `issuer`, `resource` or `console URL`.
    pub name: &'static str,
    /// What was configured.
    pub value: String,
    /// What is wrong, and how it has to be.
    pub reason: &'static str,
}

/// The addresses under one name of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// The issuer.
    pub(crate) issuer: String,
    /// The console's origin.
    pub(crate) console: String,
    /// The resource.
    pub(crate) resource: String,
    /// Where the metadata of the resource are (row OM3: the path is appended to the well-known one).
    pub(crate) resource_metadata: String,
}

/// The checked addresses.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// Byte for byte as configured (row A2). Tokens name these, whatever the client calls this server.
    pub(crate) own: Names,
    /// The path of the resource without a trailing slash; empty for the root.
    pub(crate) resource_path: String,
    /// What a `Host` header says, and the addresses under that name.
    aliases: Vec<(String, Names)>,
    resource_origins: Vec<Origin>,
}

impl Addresses {
    /// Checks the configured addresses.
    pub(crate) fn check(config: &OAuthConfig) -> Result<Self, BadAddress> {
        check_origin("issuer", &config.issuer)?;
        check_origin("console URL", &config.console_url)?;
        let resource = check_url("resource", &config.resource)?;
        let bad = |reason| BadAddress { name: "resource", value: config.resource.clone(), reason };
        if resource.query().is_some() || resource.fragment().is_some() {
            return Err(bad("it must not have a query or a fragment"));
        }
        let resource_path = resource.path().trim_end_matches('/').to_owned();
        let origin = resource.origin().ascii_serialization();
        if config.resource != format!("{origin}{resource_path}") {
            return Err(bad(
                "write scheme and host in lower case, without a default port and without a trailing slash",
            ));
        }
        if !resource_path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'~')) {
            return Err(bad("its path may have letters, digits, hyphens, dots, underscores and tildes only"));
        }
        let own = Names {
            issuer: config.issuer.clone(),
            console: config.console_url.clone(),
            resource: config.resource.clone(),
            resource_metadata: format!("{origin}{RESOURCE_METADATA}{resource_path}"),
        };
        // With hosts or ports of several kinds there would be nothing to tell which of them an alias stands for.
        let one_origin = own.issuer == origin && own.console == origin;
        let aliases = if one_origin { aliases(&resource, &resource_path) } else { Vec::new() };
        let names = aliases.iter().filter_map(|(_, names)| Url::parse(&names.resource).ok());
        let resource_origins = std::iter::once(resource.origin()).chain(names.map(|url| url.origin())).collect();
        Ok(Self { own, resource_path, aliases, resource_origins })
    }

    /// The addresses under the name by which a request came. A name that is none of ours gets the configured ones.
    pub(crate) fn asked_by(&self, headers: &HeaderMap, uri: &Uri) -> &Names {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(only), None) => only.to_str().ok(),
            // HTTP/2 has it in the request target.
            (None, _) => uri.authority().map(Authority::as_str),
            (Some(_), Some(_)) => None,
        };
        self.under(host.unwrap_or_default())
    }

    /// The same for what a `Host` header says.
    pub(crate) fn under(&self, host: &str) -> &Names {
        let alias = self.aliases.iter().find(|(authority, _)| authority.eq_ignore_ascii_case(host));
        alias.map_or(&self.own, |(_, names)| names)
    }

    /// What a `Host` header may say besides the configured host, and the addresses that go with it.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&str, &Names)> {
        self.aliases.iter().map(|(authority, names)| (authority.as_str(), names))
    }

    /// Whether `text` names our resource. Case of scheme and host, a default port and a trailing slash do not
    /// matter (row R9), nor which of its names a loopback server is called by. There is one resource here, so that
    /// the bare origin can mean no other. Anything else is another resource (row OR7).
    pub(crate) fn is_resource(&self, text: &str) -> bool {
        let Ok(url) = Url::parse(text) else { return false };
        let path_fits = url.path() == "/" || url.path().trim_end_matches('/') == self.resource_path;
        self.resource_origins.contains(&url.origin())
            && path_fits
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    }
}

/// The addresses of a loopback resource under the names of this computer; none for any other resource. The port stays:
/// a program on another port is another resource.
fn aliases(resource: &Url, path: &str) -> Vec<(String, Names)> {
    if !resource.host_str().is_some_and(is_loopback) {
        return Vec::new();
    }
    let port = resource.port().map(|port| format!(":{port}")).unwrap_or_default();
    let under = |host: &str| {
        let authority = format!("{host}{port}");
        let origin = format!("{}://{authority}", resource.scheme());
        let names = Names {
            resource: format!("{origin}{path}"),
            resource_metadata: format!("{origin}{RESOURCE_METADATA}{path}"),
            issuer: origin.clone(),
            console: origin,
        };
        (authority, names)
    };
    LOOPBACK_HOSTS.into_iter().map(under).collect()
}

/// The local path of a flow's page.
pub(crate) fn flow_page(flow: &str) -> String {
    format!("{AUTHORIZE}/{flow}")
}

/// The local path of the sign-in page that goes on to `next`.
pub(crate) fn sign_in(next: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(margay_domain::rules::forms::NEXT_FIELD, next);
    format!("{SIGN_IN}?{}", query.finish())
}

fn check_origin(name: &'static str, text: &str) -> Result<(), BadAddress> {
    let url = check_url(name, text)?;
    if url.origin().ascii_serialization() == text {
        return Ok(());
    }
    let reason = "write scheme, host and port only, in lower case, without a default port and without a trailing slash";
    Err(BadAddress { name, value: text.to_owned(), reason })
}

fn check_url(name: &'static str, text: &str) -> Result<Url, BadAddress> {
    let bad = |reason| BadAddress { name, value: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|_| bad("it is not a URL such as https://margay.example.com"))?;
    let host = url.host_str().unwrap_or_default();
    // Row R10: codes and tokens do not travel in clear, except within this machine.
    let protected = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(host));
    if !protected {
        return Err(bad("it must be https, except on localhost"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it must not have a user name or a password"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(issuer: &str, resource: &str) -> Result<Addresses, BadAddress> {
        Addresses::check(&OAuthConfig::new(issuer, resource))
    }

    #[test]
    fn metadata_of_the_resource_lie_below_its_origin() {
        let local = addresses("http://127.0.0.1:8080", "http://127.0.0.1:8080/mcp").unwrap();
        assert_eq!(local.own.resource_metadata, "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp");
        assert_eq!(local.resource_path, "/mcp");
        let root = addresses("https://api.example.com", "https://api.example.com").unwrap();
        assert_eq!(root.own.resource_metadata, "https://api.example.com/.well-known/oauth-protected-resource");
    }

    #[test]
    fn addresses_that_cannot_be_used_are_refused() {
        for issuer in [
            "http://margay.example.com",
            "https://margay.example.com/",
            "https://margay.example.com/tenant",
            "https://Margay.example.com",
            "https://margay.example.com:443",
            "https://ana@margay.example.com",
            "ftp://margay.example.com",
            "margay.example.com",
            "",
        ] {
            assert!(addresses(issuer, "https://margay.example.com/mcp").is_err(), "{issuer}");
        }
        for resource in [
            "https://margay.example.com/mcp/",
            "https://margay.example.com/mcp?a=b",
            "https://margay.example.com/mcp#a",
            "https://margay.example.com/{mcp}",
            "https://margay.example.com/:mcp",
            "http://margay.example.com/mcp",
        ] {
            assert!(addresses("https://margay.example.com", resource).is_err(), "{resource}");
        }
    }

    #[test]
    fn r9_the_resource_is_recognized_in_every_usual_form() {
        let addresses = addresses("https://api.example.com", "https://api.example.com/mcp").unwrap();
        for ours in [
            "https://api.example.com/mcp",
            "https://api.example.com/mcp/",
            "HTTPS://API.Example.COM/mcp",
            "https://api.example.com:443/mcp",
            "https://api.example.com",
            "https://api.example.com/",
            "HTTPS://API.EXAMPLE.COM:443/",
        ] {
            assert!(addresses.is_resource(ours), "{ours}");
        }
        for other in [
            "https://api.example.com//",
            "https://api.example.com/?x=y",
            "https://api.example.com/#",
            "https://api.example.com/.well-known/oauth-protected-resource",
            "http://localhost/mcp",
            "https://api.example.com/MCP",
            "https://api.example.com/mcp/x",
            "https://api.example.com/mcp?x=y",
            "https://api.example.com/mcp#x",
            "https://api.example.com:8443/mcp",
            "http://api.example.com/mcp",
            "https://ana@api.example.com/mcp",
            "https://evil.example.com/mcp",
            "/mcp",
            "",
        ] {
            assert!(!addresses.is_resource(other), "{other}");
        }
    }

    #[test]
    fn a_loopback_server_has_three_names_and_no_other() {
        let local = addresses("http://127.0.0.1:8080", "http://127.0.0.1:8080/mcp").unwrap();
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            let names = local.under(&format!("{}:8080", host.to_uppercase()));
            assert_eq!(names.issuer, format!("http://{host}:8080"));
            assert_eq!(names.console, names.issuer);
            assert_eq!(names.resource, format!("http://{host}:8080/mcp"));
            assert_eq!(names.resource_metadata, format!("http://{host}:8080/.well-known/oauth-protected-resource/mcp"));
            assert!(local.is_resource(&names.resource) && local.is_resource(&names.issuer), "{host}");
        }
        for host in
            ["localhost", "localhost:8081", "localhost:8080.evil.example", "evil.example:8080", "127.0.0.2:8080", ""]
        {
            assert_eq!(local.under(host), &local.own, "{host}");
        }
        for other in [
            "http://localhost:8081/mcp",
            "https://localhost:8080/mcp",
            "http://127.0.0.2:8080/mcp",
            "http://localhost/",
        ] {
            assert!(!local.is_resource(other), "{other}");
        }
        let public = addresses("https://margay.example.com", "https://margay.example.com/mcp").unwrap();
        assert_eq!(public.under("localhost"), &public.own);
        assert_eq!(public.aliases().count(), 0);
    }

    #[test]
    fn the_name_is_that_of_the_one_host_of_the_request() {
        let local = addresses("http://127.0.0.1:8080", "http://127.0.0.1:8080/mcp").unwrap();
        let asked = |hosts: &[&'static str], uri: &'static str| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, axum::http::HeaderValue::from_static(host));
            }
            local.asked_by(&headers, &Uri::from_static(uri)).issuer.clone()
        };
        assert_eq!(asked(&["localhost:8080"], "/x"), "http://localhost:8080");
        assert_eq!(asked(&[], "http://localhost:8080/x"), "http://localhost:8080");
        assert_eq!(asked(&[], "/x"), "http://127.0.0.1:8080");
        assert_eq!(asked(&["localhost:8080", "[::1]:8080"], "/x"), "http://127.0.0.1:8080");
        assert_eq!(asked(&["evil.example"], "http://localhost:8080/x"), "http://127.0.0.1:8080");
    }

    #[test]
    fn the_way_back_from_sign_in_is_one_escaped_value() {
        assert_eq!(sign_in("/oauth/authorize?a=b&c=d"), "/sign-in?next=%2Foauth%2Fauthorize%3Fa%3Db%26c%3Dd");
    }
}
