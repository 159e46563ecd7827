//! Gets a document over the network (rows OI2, OI3).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::http::{HeaderMap, StatusCode, header::ACCEPT, header::CONTENT_TYPE};
use reqwest::{Certificate, Client, Response, redirect::Policy};
use url::{Host, Url};

use super::{freshness, networks};
use crate::config::ClientDocuments;

/// For resolving, connecting, answering and reading together (row OI2).
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest document, in bytes (row OI2).
const MAX_BYTES: usize = 5 * 1024;
const USER_AGENT: &str = concat!("Margay/", env!("CARGO_PKG_VERSION"));

/// What was got.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The body; not checked yet.
    pub(super) body: Vec<u8>,
    /// How long it may be used.
    pub(super) lifetime: Duration,
}

/// Why there is no document. The texts are for people: they go on with "because".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// The name is not known, or the answer did not come in time, or not at all.
    #[error("its host cannot be reached")]
    Unreachable,
    /// The name leads to a private address (row OI3).
    #[error("its host is not on the public internet")]
    NotPublic,
    /// Another status than 200; redirects are not followed.
    #[error("its host answered with the status {0} instead of the document")]
    Status(StatusCode),
    /// Another media type.
    #[error("its host did not answer with JSON")]
    NotJson,
    /// A body over the limit.
    #[error("it is larger than 5 KB")]
    TooLarge,
    /// It took too long.
    #[error("its host did not answer within 5 seconds")]
    TimedOut,
}

/// Gets the document at `url`, which is checked already.
pub(super) async fn fetch(url: &Url, config: &ClientDocuments) -> Result<Fetched, FetchError> {
    tokio::time::timeout(TIMEOUT, fetch_within(url, config)).await.unwrap_or(Err(FetchError::TimedOut))
}

async fn fetch_within(url: &Url, config: &ClientDocuments) -> Result<Fetched, FetchError> {
    let addresses = resolve(url, config).await?;
    let response = client(url, &addresses, config)?
        .get(url.clone())
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| unreachable(url, &error))?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    if !is_json(response.headers()) {
        return Err(FetchError::NotJson);
    }
    let lifetime = freshness::lifetime(response.headers());
    Ok(Fetched { body: read(url, response).await?, lifetime })
}

/// Row OI3: the name is resolved once, here, and the connection goes to what was judged. Otherwise a name could lead to
/// a public address when it is judged, and to this machine when it is asked.
async fn resolve(url: &Url, config: &ClientDocuments) -> Result<Vec<SocketAddr>, FetchError> {
    let port = url.port_or_known_default().unwrap_or(443);
    let found: Vec<SocketAddr> = match url.host().ok_or(FetchError::Unreachable)? {
        Host::Ipv4(address) => vec![(IpAddr::V4(address), port).into()],
        Host::Ipv6(address) => vec![(IpAddr::V6(address), port).into()],
        Host::Domain(name) => match tokio::net::lookup_host((name, port)).await {
            Ok(found) => found.collect(),
            Err(error) => {
                tracing::info!(%url, %error, "the host of a client's metadata document is not known");
                return Err(FetchError::Unreachable);
            }
        },
    };
    let public: Vec<SocketAddr> =
        found.into_iter().filter(|address| networks::may_be_asked(address.ip(), &config.networks)).collect();
    if public.is_empty() { Err(FetchError::NotPublic) } else { Ok(public) }
}

/// A client for this one request: no proxy and no redirect, which both would lead elsewhere than what was judged.
fn client(url: &Url, addresses: &[SocketAddr], config: &ClientDocuments) -> Result<Client, FetchError> {
    let mut builder = Client::builder()
        .https_only(true)
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(USER_AGENT)
        .pool_max_idle_per_host(0)
        .tls_certs_merge(config.roots.iter().filter_map(|der| Certificate::from_der(der).ok()));
    if let Some(Host::Domain(name)) = url.host() {
        builder = builder.resolve_to_addrs(name, addresses);
    }
    builder.build().map_err(|error| {
        tracing::error!(%error, "no HTTP client can be made");
        FetchError::Unreachable
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads no further than the limit, whatever the headers promised.
async fn read(url: &Url, mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(url: &Url, error: &reqwest::Error) -> FetchError {
    tracing::info!(%url, error = ?error, "a client's metadata document could not be fetched");
    FetchError::Unreachable
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn oi2_only_json_media_types() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            is_json(&headers)
        };
        assert!(with("application/json"));
        assert!(with("Application/JSON; charset=utf-8"));
        assert!(with("application/client-metadata+json"));
        assert!(!with("text/html"));
        assert!(!with("text/json+json"));
        assert!(!is_json(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn oi3_addresses_are_judged_before_anybody_connects() {
        let config = ClientDocuments::default();
        for url in ["https://127.0.0.1/a", "https://[::1]/a", "https://169.254.169.254/latest", "https://localhost/a"] {
            let fetched = fetch(&Url::parse(url).unwrap(), &config).await;
            assert_eq!(fetched.err(), Some(FetchError::NotPublic), "{url}");
        }
    }
}
