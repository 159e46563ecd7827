//! How often passwords may be guessed (row OP7). In memory: a restart forgets, and each node counts for itself.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use margay_domain::clock::Timestamp;
use sha2::{Digest as _, Sha256};

/// So many failures of an account are free.
const ACCOUNT_FAILURES: u32 = 5;
/// The wait after the last free one; doubles with each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// An account's failures are forgotten after so long without another one. Longer than [`LONGEST_WAIT`].
const ACCOUNT_MEMORY: Duration = Duration::from_hours(1);
/// So many failures from one address are allowed within [`NETWORK_WINDOW`].
const NETWORK_FAILURES: u32 = 30;
/// The time in which failures from one address are counted.
const NETWORK_WINDOW: Duration = Duration::from_mins(15);
/// Each of the two tables holds at most so many entries.
const MAX_ENTRIES: usize = 10_000;

/// No attempt is allowed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    /// Whether this is the first refusal since the limit was reached, the one that is worth an audit event.
    pub(crate) first: bool,
}

/// Counts failed attempts by account and by address.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    accounts: HashMap<[u8; 32], Account>,
    networks: HashMap<IpAddr, Network>,
}

#[derive(Debug)]
struct Account {
    failures: u32,
    last: Timestamp,
    blocked_until: Timestamp,
    noted: bool,
}

#[derive(Debug)]
struct Network {
    failures: u32,
    since: Timestamp,
    noted: bool,
}

impl Attempts {
    /// Allows one attempt and counts it as failed until [`Self::succeeded`] says otherwise, so that many attempts at
    /// the same time do not get past the limit together. `email` is what was entered, whether or not it exists.
    pub(crate) fn begin(&self, email: &str, ip: Option<IpAddr>, now: Timestamp) -> Result<(), Limited> {
        let key = account_key(email);
        let network = ip.map(network_of);
        let mut tables = self.lock();
        if let Some(network) = network {
            tables.check_network(network, now)?;
        }
        tables.check_account(&key, now)?;
        if let Some(network) = network {
            tables.charge_network(network, now);
        }
        tables.charge_account(key, now);
        Ok(())
    }

    /// The attempt was no guess: the account starts afresh, and the address is not charged for it.
    pub(crate) fn succeeded(&self, email: &str, ip: Option<IpAddr>) {
        let mut tables = self.lock();
        tables.accounts.remove(&account_key(email));
        if let Some(network) = ip.and_then(|ip| tables.networks.get_mut(&network_of(ip))) {
            network.failures = network.failures.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn check_network(&mut self, network: IpAddr, now: Timestamp) -> Result<(), Limited> {
        let Some(entry) = self.networks.get_mut(&network) else { return Ok(()) };
        if entry.is_over(now) {
            self.networks.remove(&network);
            return Ok(());
        }
        if entry.failures < NETWORK_FAILURES {
            return Ok(());
        }
        Err(Limited { first: !std::mem::replace(&mut entry.noted, true) })
    }

    fn check_account(&mut self, key: &[u8; 32], now: Timestamp) -> Result<(), Limited> {
        let Some(entry) = self.accounts.get_mut(key) else { return Ok(()) };
        if entry.is_over(now) {
            self.accounts.remove(key);
            return Ok(());
        }
        if now >= entry.blocked_until {
            return Ok(());
        }
        Err(Limited { first: !std::mem::replace(&mut entry.noted, true) })
    }

    fn charge_network(&mut self, network: IpAddr, now: Timestamp) {
        make_room(&mut self.networks, &network, |entry| entry.is_over(now), |entry| (entry.failures, entry.since));
        let entry = self.networks.entry(network).or_insert(Network { failures: 0, since: now, noted: false });
        entry.failures = entry.failures.saturating_add(1);
    }

    fn charge_account(&mut self, key: [u8; 32], now: Timestamp) {
        make_room(&mut self.accounts, &key, |entry| entry.is_over(now), |entry| (entry.failures, entry.last));
        let entry =
            self.accounts.entry(key).or_insert(Account { failures: 0, last: now, blocked_until: now, noted: false });
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        if entry.failures >= ACCOUNT_FAILURES {
            entry.blocked_until = now.plus(wait_after(entry.failures));
            entry.noted = false;
        }
    }
}

impl Account {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.last) >= ACCOUNT_MEMORY
    }
}

impl Network {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.since) >= NETWORK_WINDOW
    }
}

/// How long an account waits after so many failures, of which the last one was not free.
fn wait_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(ACCOUNT_FAILURES);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
}

/// The key has the same length for every text, so that long ones take no room.
fn account_key(email: &str) -> [u8; 32] {
    Sha256::digest(email.as_bytes()).into()
}

/// An IPv6 subscriber has a whole /64 to choose addresses from, so that is what counts.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) & (u128::MAX << 64))),
    }
}

/// Makes room for `key` in a full table: drops what is over, else the entry with the fewest failures.
fn make_room<K: Clone + Eq + Hash, V>(
    table: &mut HashMap<K, V>,
    key: &K,
    is_over: impl Fn(&V) -> bool,
    rank: impl Fn(&V) -> (u32, Timestamp),
) {
    if table.len() < MAX_ENTRIES || table.contains_key(key) {
        return;
    }
    table.retain(|_, entry| !is_over(entry));
    if table.len() < MAX_ENTRIES {
        return;
    }
    let least = table.iter().min_by_key(|(_, entry)| rank(entry)).map(|(key, _)| key.clone());
    if let Some(least) = least {
        table.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::{clock::Clock as _, testing::ManualClock};

    use super::*;

    const ANA: &str = "ana@example.com";

    fn clock() -> ManualClock {
        ManualClock::new(Timestamp::from_seconds(1_800_000_000))
    }

    #[test]
    fn an_account_waits_longer_and_longer() {
        let clock = clock();
        let attempts = Attempts::default();
        for _ in 0..ACCOUNT_FAILURES {
            assert_eq!(attempts.begin(ANA, None, clock.now()), Ok(()));
        }
        for seconds in [15, 30, 60, 120, 240, 480, 900, 900] {
            assert_eq!(attempts.begin(ANA, None, clock.now()), Err(Limited { first: true }));
            clock.advance(Duration::from_secs(seconds - 1));
            assert_eq!(attempts.begin(ANA, None, clock.now()), Err(Limited { first: false }), "{seconds}");
            clock.advance(Duration::from_secs(1));
            assert_eq!(attempts.begin(ANA, None, clock.now()), Ok(()), "{seconds}");
        }
        assert_eq!(attempts.begin("ben@example.com", None, clock.now()), Ok(()));
    }

    #[test]
    fn a_success_and_an_hour_of_quiet_start_afresh() {
        let clock = clock();
        let attempts = Attempts::default();
        for _ in 0..3 {
            for _ in 0..ACCOUNT_FAILURES - 1 {
                assert_eq!(attempts.begin(ANA, None, clock.now()), Ok(()));
            }
            attempts.succeeded(ANA, None);
        }
        for _ in 0..ACCOUNT_FAILURES {
            assert_eq!(attempts.begin(ANA, None, clock.now()), Ok(()));
        }
        clock.advance(ACCOUNT_MEMORY);
        for _ in 0..ACCOUNT_FAILURES {
            assert_eq!(attempts.begin(ANA, None, clock.now()), Ok(()));
        }
        assert!(attempts.begin(ANA, None, clock.now()).is_err());
    }

    #[test]
    fn an_address_is_limited_over_all_accounts() {
        let clock = clock();
        let attempts = Attempts::default();
        let ip: IpAddr = "198.51.100.7".parse().unwrap();
        for number in 0..NETWORK_FAILURES {
            assert_eq!(attempts.begin(&format!("{number}@example.com"), Some(ip), clock.now()), Ok(()));
        }
        assert_eq!(attempts.begin(ANA, Some(ip), clock.now()), Err(Limited { first: true }));
        assert_eq!(attempts.begin(ANA, Some(ip), clock.now()), Err(Limited { first: false }));
        assert_eq!(attempts.begin(ANA, Some("198.51.100.8".parse().unwrap()), clock.now()), Ok(()));
        clock.advance(NETWORK_WINDOW);
        assert_eq!(attempts.begin(ANA, Some(ip), clock.now()), Ok(()));
    }

    #[test]
    fn successes_do_not_use_up_an_address() {
        let clock = clock();
        let attempts = Attempts::default();
        let ip: IpAddr = "198.51.100.7".parse().unwrap();
        for _ in 0..NETWORK_FAILURES * 2 {
            assert_eq!(attempts.begin(ANA, Some(ip), clock.now()), Ok(()));
            attempts.succeeded(ANA, Some(ip));
        }
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let first: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let second: IpAddr = "2001:db8:1:2:ffff::9".parse().unwrap();
        let other: IpAddr = "2001:db8:1:3::1".parse().unwrap();
        assert_eq!(network_of(first), network_of(second));
        assert_ne!(network_of(first), network_of(other));
        assert_eq!(network_of("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn the_tables_stay_small_and_keep_the_worst() {
        let clock = clock();
        let attempts = Attempts::default();
        for _ in 0..ACCOUNT_FAILURES {
            assert_eq!(attempts.begin(ANA, None, clock.now()), Ok(()));
        }
        for number in 0..MAX_ENTRIES + 20 {
            assert_eq!(attempts.begin(&format!("{number}@example.com"), None, clock.now()), Ok(()));
        }
        assert_eq!(attempts.lock().accounts.len(), MAX_ENTRIES);
        assert!(attempts.begin(ANA, None, clock.now()).is_err());
        clock.advance(ACCOUNT_MEMORY);
        assert_eq!(attempts.begin("new@example.com", None, clock.now()), Ok(()));
        assert_eq!(attempts.lock().accounts.len(), 1);
    }
}
