//! Where a request came from: the peer's address, or what a trusted proxy says it was.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header};
use margay_domain::principal::Origin;

use crate::{config::TrustedProxy, service::SignIn};

/// How much of the `User-Agent` is kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 512;

/// Puts [`Origin`] into the request's extensions.
pub(crate) async fn put_origin(State(sign_in): State<Arc<SignIn>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let origin = Origin {
        ip: peer.map(|peer| client_ip(peer, request.headers(), &sign_in.config.trusted_proxies)),
        user_agent: user_agent(request.headers()),
    };
    request.extensions_mut().insert(origin);
    next.run(request).await
}

/// The last hop that is not a trusted proxy. `X-Forwarded-For` counts only as far as trusted proxies wrote it:
/// everything before the first stranger (read from the end) is that stranger's claim.
fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[TrustedProxy]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|proxy| proxy.contains(ip));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Some(ip) = parse_hop(hop) else { break };
        client = ip;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address as proxies write it: with or without a port, IPv6 with or without brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|ip| ip.to_canonical())
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    Some(cut(&text, MAX_USER_AGENT_BYTES).to_owned())
}

/// At most `max` bytes of `text`, whole characters only.
fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<TrustedProxy> = ["10.0.0.0/8", "fd00::1"].iter().map(|text| text.parse().unwrap()).collect();
        let table: [(&str, &[&str], &str); 14] = [
            ("203.0.113.9", &[], "203.0.113.9"),
            // A stranger's header is ignored.
            ("203.0.113.9", &["1.2.3.4"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            // What stands before the last untrusted hop is that hop's claim.
            ("10.0.0.1", &["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            // All trusted: the first hop.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Garbage ends the chain.
            ("10.0.0.1", &["1.2.3.4, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("fd00::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
        ];
        for (peer, lines, expected) in table {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            let ip = client_ip(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(ip, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    #[test]
    fn without_trusted_proxies_the_peer_counts() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("1.2.3.4"));
        assert_eq!(client_ip("127.0.0.1".parse().unwrap(), &headers, &[]), "127.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        assert_eq!(cut("short", 512), "short");
        assert_eq!(cut("äää", 3), "ä");
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_str(&"x".repeat(2000)).unwrap());
        assert_eq!(user_agent(&headers).unwrap().len(), MAX_USER_AGENT_BYTES);
    }
}
