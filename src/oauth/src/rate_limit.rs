//! How many registrations one address may make (row OD7).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use margay_domain::{
    allowance::{Allowance, Used},
    clock::Monotonic,
};

/// At most this many addresses are told apart; beyond that the newcomers share one allowance.
const MAX_PEERS: usize = 10_000;

/// A limit per address. In memory; a restart forgets it.
pub(crate) struct RateLimiter {
    allowance: Allowance,
    used: Mutex<HashMap<Peer, Used>>,
}

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    V4(Ipv4Addr),
    /// A /64, all addresses of which one subscriber has.
    V6(u64),
    /// Address unknown, or no room for another one.
    Others,
}

impl RateLimiter {
    /// A limit of `burst` (at least 1) at once and one more per `refill`.
    pub(crate) fn new(burst: u32, refill: Duration) -> Self {
        Self { allowance: Allowance::new(burst, refill), used: Mutex::default() }
    }

    /// Counts one request of `ip`, or says after how long to try again.
    pub(crate) fn check(&self, ip: Option<IpAddr>, now: Monotonic) -> Result<(), Duration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_PEERS {
            used.retain(|_, used| !used.is_full(now));
        }
        let mut peer = Peer::of(ip);
        if used.len() >= MAX_PEERS && !used.contains_key(&peer) {
            peer = Peer::Others;
        }
        let before = used.get(&peer).copied().unwrap_or_default();
        let after = self.allowance.take(before, now)?;
        used.insert(peer, after);
        Ok(())
    }
}

impl Peer {
    fn of(ip: Option<IpAddr>) -> Self {
        match ip.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d].into_iter().fold(0, |prefix, segment| (prefix << 16) | u64::from(segment)))
            }
            None => Self::Others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFILL: Duration = Duration::from_secs(10);
    const START: Monotonic = Monotonic::after_start(Duration::from_secs(1000));

    #[expect(clippy::unnecessary_wraps, reason = "the limiter takes an address that may be unknown")]
    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_burst_then_one_per_interval() {
        let limiter = RateLimiter::new(3, REFILL);
        let start = START;
        for _ in 0..3 {
            assert_eq!(limiter.check(ip("192.0.2.1"), start), Ok(()));
        }
        assert_eq!(limiter.check(ip("192.0.2.1"), start), Err(REFILL));
        assert_eq!(limiter.check(ip("192.0.2.2"), start), Ok(()));
        let later = start.plus(REFILL);
        assert_eq!(limiter.check(ip("192.0.2.1"), later), Ok(()));
        assert_eq!(limiter.check(ip("192.0.2.1"), later), Err(REFILL));
        let much_later = start.plus(Duration::from_hours(1));
        for _ in 0..3 {
            assert_eq!(limiter.check(ip("192.0.2.1"), much_later), Ok(()));
        }
        assert!(limiter.check(ip("192.0.2.1"), much_later).is_err());
    }

    #[test]
    fn a_network_counts_as_one_address() {
        assert_eq!(Peer::of(ip("2001:db8:1:2::1")), Peer::of(ip("2001:db8:1:2:ffff::9")));
        assert_ne!(Peer::of(ip("2001:db8:1:2::1")), Peer::of(ip("2001:db8:1:3::1")));
        assert_eq!(Peer::of(ip("::ffff:192.0.2.1")), Peer::of(ip("192.0.2.1")));
    }

    #[test]
    fn memory_is_bounded_and_newcomers_share() {
        let limiter = RateLimiter::new(1, REFILL);
        let now = START;
        for number in 0..u32::try_from(MAX_PEERS).unwrap() {
            assert_eq!(limiter.check(Some(IpAddr::V4(Ipv4Addr::from_bits(number))), now), Ok(()));
        }
        assert_eq!(limiter.check(ip("192.0.2.1"), now), Ok(()));
        assert!(limiter.check(ip("192.0.2.2"), now).is_err());
        assert_eq!(limiter.used.lock().unwrap().len(), MAX_PEERS + 1);
        // An address whose allowance is full again is forgotten.
        assert_eq!(limiter.check(ip("192.0.2.2"), now.plus(REFILL)), Ok(()));
        assert_eq!(limiter.used.lock().unwrap().len(), 1);
    }
}
