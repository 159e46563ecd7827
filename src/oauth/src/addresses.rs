//! Every address of the authorization server, made from the configuration once (row OM5).

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

/// The checked addresses.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// The issuer, byte for byte as configured (row A2).
    pub(crate) issuer: String,
    /// The console's origin.
    pub(crate) console: String,
    /// The resource, byte for byte as configured.
    pub(crate) resource: String,
    /// The path of the resource without a trailing slash; empty for the root.
    pub(crate) resource_path: String,
    /// Where the metadata of the resource are (row OM3: the path is appended to the well-known one).
    pub(crate) resource_metadata: String,
    resource_origin: Origin,
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
        Ok(Self {
            issuer: config.issuer.clone(),
            console: config.console_url.clone(),
            resource: config.resource.clone(),
            resource_metadata: format!("{origin}{RESOURCE_METADATA}{resource_path}"),
            resource_path,
            resource_origin: resource.origin(),
        })
    }

    /// Whether `text` names our resource. Case of scheme and host, a default port and a trailing slash do not
    /// matter (row R9); anything else is another resource (row OR7).
    pub(crate) fn is_resource(&self, text: &str) -> bool {
        let Ok(url) = Url::parse(text) else { return false };
        url.origin() == self.resource_origin
            && url.path().trim_end_matches('/') == self.resource_path
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    }
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
        assert_eq!(local.resource_metadata, "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp");
        assert_eq!(local.resource_path, "/mcp");
        let root = addresses("https://api.example.com", "https://api.example.com").unwrap();
        assert_eq!(root.resource_metadata, "https://api.example.com/.well-known/oauth-protected-resource");
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
        ] {
            assert!(addresses.is_resource(ours), "{ours}");
        }
        for other in [
            "https://api.example.com",
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
    fn the_way_back_from_sign_in_is_one_escaped_value() {
        assert_eq!(sign_in("/oauth/authorize?a=b&c=d"), "/sign-in?next=%2Foauth%2Fauthorize%3Fa%3Db%26c%3Dd");
    }
}
