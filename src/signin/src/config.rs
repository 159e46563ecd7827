//! What sign-in needs from the configuration.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use ipnet::IpNet;

/// How long a browser session lives without a request, unless configured otherwise: 12 hours.
pub const DEFAULT_SESSION_IDLE: Duration = Duration::from_hours(12);

/// What sign-in needs from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInConfig {
    /// Whether cookies are `Secure` with the `__Host-` prefix (row OP2). `false` only for plain http on loopback.
    pub secure_cookies: bool,
    /// How long a session lives without a request; see [`DEFAULT_SESSION_IDLE`].
    pub session_idle: Duration,
    /// Where the pages are, as a browser writes it into `Origin`: `scheme://host[:port]`, default ports left out.
    pub console_origin: String,
    /// Proxies whose `X-Forwarded-For` is believed; may be empty.
    pub trusted_proxies: Vec<TrustedProxy>,
}

/// A proxy, or a network of proxies, whose `X-Forwarded-For` is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// A text that is neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("enter an IP address such as 10.0.0.7, or a network such as 10.0.0.0/8")]
pub struct NotAProxy;

impl TrustedProxy {
    /// Whether `ip` is this proxy or in this network. IPv4 addresses in their IPv6 form count as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl FromStr for TrustedProxy {
    type Err = NotAProxy;

    fn from_str(text: &str) -> Result<Self, NotAProxy> {
        let text = text.trim();
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(ip.to_canonical())));
        }
        text.parse::<IpNet>().map(Self).map_err(|_| NotAProxy)
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let table = [
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("10.0.0.7", "::ffff:10.0.0.7", true),
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.0.0.1", false),
            ("::1", "::1", true),
        ];
        for (proxy, ip, expected) in table {
            let proxy: TrustedProxy = proxy.parse().unwrap();
            assert_eq!(proxy.contains(ip.parse().unwrap()), expected, "{proxy} {ip}");
        }
        for text in ["", "proxy.example.com", "10.0.0.0/33", "10.0.0.1:80"] {
            assert_eq!(text.parse::<TrustedProxy>(), Err(NotAProxy), "{text}");
        }
    }
}
