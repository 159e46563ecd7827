//! Client ids that are URLs (row OI1).

use url::Url;

/// The longest URL, in bytes.
const MAX_LENGTH: usize = 500;

/// Whether a client id claims to be the address of a metadata document. Ids that we make never begin so (row OD9).
pub(crate) fn is_url(client_id: &str) -> bool {
    client_id.starts_with("https://") || client_id.starts_with("http://")
}

/// Checks the form: https, a host, a path, no dot segments, no fragment, no user name, and written as a browser would
/// write it, so that one document has one name.
pub(crate) fn check(client_id: &str) -> Result<Url, &'static str> {
    if client_id.len() > MAX_LENGTH {
        return Err("it is too long");
    }
    let Some(rest) = client_id.strip_prefix("https://") else { return Err("it must begin with https://") };
    if client_id.contains('#') {
        return Err("it must not have a fragment");
    }
    let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') {
        return Err("it must not have a user name");
    }
    let path = path.split('?').next().unwrap_or_default();
    if path.is_empty() || path == "/" {
        return Err("it must have a path");
    }
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(is_dots) {
        return Err("its path must not have . or .. segments");
    }
    let url = Url::parse(client_id).map_err(|_| "it is not a URL")?;
    // Whatever the parser would write differently (case of the host, a default port, odd characters) is another text,
    // and client ids are compared as text (row OI4).
    if url.as_str() != client_id {
        return Err("it is not in its normal form");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oi1_good_client_urls() {
        for url in [
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://goose-docs.ai/oauth/client-metadata.json",
            "https://client.example:8443/a/b.json",
            "https://client.example/a?v=1",
            "https://xn--bcher-kva.example/client",
        ] {
            assert!(check(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn oi1_everything_else_is_refused() {
        for url in [
            "http://client.example/a",
            "https://client.example",
            "https://client.example/",
            "https://client.example?x=/a",
            "https://client.example/a/../b",
            "https://client.example/a/%2e%2E/b",
            "https://client.example/./a",
            "https://client.example/a#b",
            "https://ana@client.example/a",
            "https://CLIENT.example/a",
            "https://client.example:443/a",
            "https://client.example/a b",
            "https:///a",
            "https:/client.example/a",
            "mcp_1",
            "",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
        assert!(check(&format!("https://client.example/{}", "a".repeat(500))).is_err());
    }
}
