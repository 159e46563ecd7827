//! How often passwords may be guessed (row OP7). In memory: a restart forgets, and each node counts for itself.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use margay_domain::clock::Monotonic;
use sha2::{Digest as _, Sha256};

/// This many failures of an account are free.
const ACCOUNT_FAILURES: u32 = 5;
/// The wait after the last free one; doubles with each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// An account's failures are forgotten after this long without another one. Longer than [`LONGEST_WAIT`].
const ACCOUNT_MEMORY: Duration = Duration::from_hours(1);
/// This many failures from one address are allowed within [`NETWORK_WINDOW`].
const NETWORK_FAILURES: u32 = 30;
/// The time in which failures from one address are counted.
const NETWORK_WINDOW: Duration = Duration::from_mins(15);
/// Each of the two tables holds at most this many entries.
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
    /// The latest failure, from which the wait counts.
    last: Monotonic,
    noted: bool,
}

#[derive(Debug)]
struct Network {
    failures: u32,
    /// The first failure that is counted.
    since: Monotonic,
    noted: bool,
}

impl Attempts {
    /// Allows one attempt and counts it as failed until [`Self::succeeded`] says otherwise, so that many attempts at
    /// the same time do not get past the limit together. `email` is what was entered, whether or not it exists.
    pub(crate) fn begin(&self, email: &str, ip: Option<IpAddr>, now: Monotonic) -> Result<(), Limited> {
        let key = account_key(email);
        let network = ip.map(network_of);
        let mut tables = self.lock();
        tables.pull_back(network, &key, now);
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
    /// A reading that went back, as some hypervisors let it, makes nobody wait longer: nothing lies ahead of `now`.
    fn pull_back(&mut self, network: Option<IpAddr>, key: &[u8; 32], now: Monotonic) {
        if let Some(entry) = network.and_then(|network| self.networks.get_mut(&network)) {
            entry.since = entry.since.min(now);
        }
        if let Some(entry) = self.accounts.get_mut(key) {
            entry.last = entry.last.min(now);
        }
    }

    fn check_network(&mut self, network: IpAddr, now: Monotonic) -> Result<(), Limited> {
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

    fn check_account(&mut self, key: &[u8; 32], now: Monotonic) -> Result<(), Limited> {
        let Some(entry) = self.accounts.get_mut(key) else { return Ok(()) };
        if entry.is_over(now) {
            self.accounts.remove(key);
            return Ok(());
        }
        if entry.failures < ACCOUNT_FAILURES || now.since(entry.last) >= wait_after(entry.failures) {
            return Ok(());
        }
        Err(Limited { first: !std::mem::replace(&mut entry.noted, true) })
    }

    fn charge_network(&mut self, network: IpAddr, now: Monotonic) {
        make_room(&mut self.networks, &network, |entry| entry.is_over(now), |entry| (entry.failures, entry.since));
        let entry = self.networks.entry(network).or_insert(Network { failures: 0, since: now, noted: false });
        entry.failures = entry.failures.saturating_add(1);
    }

    fn charge_account(&mut self, key: [u8; 32], now: Monotonic) {
        make_room(&mut self.accounts, &key, |entry| entry.is_over(now), |entry| (entry.failures, entry.last));
        let entry = self.accounts.entry(key).or_insert(Account { failures: 0, last: now, noted: false });
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        if entry.failures >= ACCOUNT_FAILURES {
            entry.noted = false;
        }
    }
}

impl Account {
    fn is_over(&self, now: Monotonic) -> bool {
        now.since(self.last) >= ACCOUNT_MEMORY
    }
}

impl Network {
    fn is_over(&self, now: Monotonic) -> bool {
        now.since(self.since) >= NETWORK_WINDOW
    }
}

/// How long an account waits after its `failures`, the last of which was not free.
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
    rank: impl Fn(&V) -> (u32, Monotonic),
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
    use margay_domain::{
        clock::{Clock as _, Timestamp},
        testing::ManualClock,
    };
    use proptest::prelude::*;

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
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()));
        }
        for seconds in [15, 30, 60, 120, 240, 480, 900, 900] {
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Err(Limited { first: true }));
            clock.advance(Duration::from_secs(seconds - 1));
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Err(Limited { first: false }), "{seconds}");
            clock.advance(Duration::from_secs(1));
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()), "{seconds}");
        }
        assert_eq!(attempts.begin("ben@example.com", None, clock.monotonic()), Ok(()));
    }

    #[test]
    fn a_success_and_an_hour_of_quiet_start_afresh() {
        let clock = clock();
        let attempts = Attempts::default();
        for _ in 0..3 {
            for _ in 0..ACCOUNT_FAILURES - 1 {
                assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()));
            }
            attempts.succeeded(ANA, None);
        }
        for _ in 0..ACCOUNT_FAILURES {
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()));
        }
        clock.advance(ACCOUNT_MEMORY);
        for _ in 0..ACCOUNT_FAILURES {
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()));
        }
        assert!(attempts.begin(ANA, None, clock.monotonic()).is_err());
    }

    #[test]
    fn an_address_is_limited_over_all_accounts() {
        let clock = clock();
        let attempts = Attempts::default();
        let ip: IpAddr = "198.51.100.7".parse().unwrap();
        for number in 0..NETWORK_FAILURES {
            assert_eq!(attempts.begin(&format!("{number}@example.com"), Some(ip), clock.monotonic()), Ok(()));
        }
        assert_eq!(attempts.begin(ANA, Some(ip), clock.monotonic()), Err(Limited { first: true }));
        assert_eq!(attempts.begin(ANA, Some(ip), clock.monotonic()), Err(Limited { first: false }));
        assert_eq!(attempts.begin(ANA, Some("198.51.100.8".parse().unwrap()), clock.monotonic()), Ok(()));
        clock.advance(NETWORK_WINDOW);
        assert_eq!(attempts.begin(ANA, Some(ip), clock.monotonic()), Ok(()));
    }

    #[test]
    fn successes_do_not_use_up_an_address() {
        let clock = clock();
        let attempts = Attempts::default();
        let ip: IpAddr = "198.51.100.7".parse().unwrap();
        for _ in 0..NETWORK_FAILURES * 2 {
            assert_eq!(attempts.begin(ANA, Some(ip), clock.monotonic()), Ok(()));
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
            assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()));
        }
        for number in 0..MAX_ENTRIES + 20 {
            assert_eq!(attempts.begin(&format!("{number}@example.com"), None, clock.monotonic()), Ok(()));
        }
        assert_eq!(attempts.lock().accounts.len(), MAX_ENTRIES);
        assert!(attempts.begin(ANA, None, clock.monotonic()).is_err());
        clock.advance(ACCOUNT_MEMORY);
        assert_eq!(attempts.begin("new@example.com", None, clock.monotonic()), Ok(()));
        assert_eq!(attempts.lock().accounts.len(), 1);
    }

    proptest! {
        /// Whatever is done to the clock of the machine between guesses, the right password is let in at the latest when
        /// the wait of the last failure is over.
        #[test]
        fn a_clock_that_is_set_lengthens_no_wait(
            guesses in prop::collection::vec((0_u64..2_000, 0_i64..4_000_000_000), 1..40),
        ) {
            let clock = clock();
            let attempts = Attempts::default();
            for (seconds, wall) in guesses {
                clock.advance(Duration::from_secs(seconds));
                clock.set_wall(Timestamp::from_seconds(wall));
                attempts.begin(ANA, None, clock.monotonic()).ok();
            }
            let failures = attempts.lock().accounts.get(&account_key(ANA)).unwrap().failures;
            clock.advance(wait_after(failures));
            prop_assert_eq!(attempts.begin(ANA, None, clock.monotonic()), Ok(()));
        }

        /// The same where the monotonic clock itself jumps.
        #[test]
        fn no_wait_exceeds_the_longest(readings in prop::collection::vec(0_u64..1_000_000, 1..40)) {
            let attempts = Attempts::default();
            let ip: Option<IpAddr> = Some("198.51.100.7".parse().unwrap());
            let at = |seconds| Monotonic::after_start(Duration::from_secs(seconds));
            let mut last = 0;
            for reading in readings {
                attempts.begin(ANA, ip, at(reading)).ok();
                last = reading;
            }
            let longest = LONGEST_WAIT.max(NETWORK_WINDOW);
            prop_assert_eq!(attempts.begin(ANA, ip, at(last).plus(longest)), Ok(()));
        }
    }
}
