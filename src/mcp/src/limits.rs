//! How much one person and one connection may ask for (row T8): requests per minute, and requests under way at once.
//!
//! In memory; each process counts for itself, and a restart forgets. A caller over a limit gets 429 with the time after
//! which to come again. Messages are counted before anything of their body is read; only requests take a place,
//! so that a client whose places are all taken can still cancel.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use margay_domain::{
    allowance::{Allowance, Used},
    clock::Monotonic,
    principal::Principal,
};

/// Holders whose allowance is full again are forgotten once this many are known.
const FORGET_ABOVE: usize = 10_000;

/// After this a request that found too many others under way may try again.
const BUSY: Duration = Duration::from_secs(1);

/// The limits. All are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McpLimits {
    /// Requests of one person in a minute, over all connections.
    pub rate_per_user: u32,
    /// Requests of one connection in a minute.
    pub rate_per_connection: u32,
    /// Requests of one person under way at once, over all connections.
    pub concurrent_per_user: u32,
    /// Requests of one connection under way at once.
    pub concurrent_per_connection: u32,
}

impl Default for McpLimits {
    /// Generous for an agent at work, and far from what would hurt others.
    fn default() -> Self {
        Self { rate_per_user: 1200, rate_per_connection: 600, concurrent_per_user: 32, concurrent_per_connection: 16 }
    }
}

/// Whose requests are counted together. Ids of people and of grants have different prefixes.
type Holder = Arc<str>;

/// Counts requests.
pub(crate) struct Limits {
    limits: McpLimits,
    known: Arc<Mutex<HashMap<Holder, Usage>>>,
}

/// What one holder has asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    /// Of the allowance of a minute.
    used: Used,
    under_way: u32,
}

/// A request under way; dropping the last clone ends it.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    _places: Arc<Places>,
}

#[derive(Debug)]
struct Places {
    known: Arc<Mutex<HashMap<Holder, Usage>>>,
    holders: [Holder; 2],
}

impl Limits {
    pub(crate) fn new(limits: McpLimits) -> Self {
        Self { limits, known: Arc::default() }
    }

    /// Counts one request of this person and this connection, or says when to come again. Of a refused request nothing
    /// is counted, so that a caller who waits as told gets through.
    pub(crate) fn count(&self, principal: &Principal, now: Monotonic) -> Result<(), Duration> {
        let rates = [self.limits.rate_per_user, self.limits.rate_per_connection];
        let mut known = lock(&self.known);
        if known.len() >= FORGET_ABOVE {
            known.retain(|_, usage| usage.under_way > 0 || !usage.used.is_full(now));
        }
        let mut after = Vec::with_capacity(rates.len());
        for (holder, rate) in holders(principal).into_iter().zip(rates) {
            let usage = known.get(&holder).copied().unwrap_or_default();
            let used = Allowance::per_minute(rate).take(usage.used, now)?;
            after.push((holder, Usage { used, ..usage }));
        }
        known.extend(after);
        Ok(())
    }

    /// Takes a place among the requests under way, or says when to come again.
    pub(crate) fn enter(&self, principal: &Principal) -> Result<Permit, Duration> {
        let most = [self.limits.concurrent_per_user, self.limits.concurrent_per_connection];
        let holders = holders(principal);
        let mut known = lock(&self.known);
        let is_full = |(holder, most): (&Holder, u32)| known.get(holder).is_some_and(|usage| usage.under_way >= most);
        if holders.iter().zip(most).any(is_full) {
            return Err(BUSY);
        }
        for holder in &holders {
            known.entry(Arc::clone(holder)).or_default().under_way += 1;
        }
        drop(known);
        Ok(Permit { _places: Arc::new(Places { known: Arc::clone(&self.known), holders }) })
    }
}

/// The person and the connection.
fn holders(principal: &Principal) -> [Holder; 2] {
    [Arc::from(principal.user.id.as_str()), Arc::from(principal.grant.id.as_str())]
}

impl Drop for Places {
    fn drop(&mut self) {
        let mut known = lock(&self.known);
        for holder in &self.holders {
            if let Some(usage) = known.get_mut(holder) {
                usage.under_way = usage.under_way.saturating_sub(1);
            }
        }
    }
}

fn lock(known: &Mutex<HashMap<Holder, Usage>>) -> MutexGuard<'_, HashMap<Holder, Usage>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use margay_domain::id::{GrantId, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::World;

    const NOW: Monotonic = Monotonic::after_start(Duration::from_secs(1000));

    fn principal(user: &str, grant: &str) -> Principal {
        let mut principal = World::new().principal();
        let mut person = (*principal.user).clone();
        person.id = UserId::new(user);
        principal.user = Arc::new(person);
        let mut connection = (*principal.grant).clone();
        connection.id = GrantId::new(grant);
        principal.grant = Arc::new(connection);
        principal
    }

    fn limits(rate_per_user: u32, rate_per_connection: u32, user: u32, connection: u32) -> Limits {
        Limits::new(McpLimits {
            rate_per_user,
            rate_per_connection,
            concurrent_per_user: user,
            concurrent_per_connection: connection,
        })
    }

    fn wait<T>(outcome: Result<T, Duration>) -> Option<Duration> {
        outcome.err()
    }

    #[test]
    fn a_connection_uses_its_minute_and_then_gets_its_share() {
        let limits = limits(100, 3, 9, 9);
        let one = principal("usr_a", "grt_1");
        for _ in 0..3 {
            assert_eq!(wait(limits.count(&one, NOW)), None);
        }
        let told = wait(limits.count(&one, NOW)).unwrap();
        assert_eq!(told, Duration::from_secs(20));
        // Asking meanwhile costs nothing.
        assert_eq!(wait(limits.count(&one, NOW.plus(Duration::from_secs(19)))), Some(Duration::from_secs(1)));
        assert_eq!(wait(limits.count(&one, NOW.plus(told))), None);
        // Another connection of the same person has its own allowance.
        assert_eq!(wait(limits.count(&principal("usr_a", "grt_2"), NOW)), None);
    }

    #[test]
    fn connections_of_one_person_share_the_persons_allowance() {
        let limits = limits(2, 2, 9, 9);
        assert_eq!(wait(limits.count(&principal("usr_a", "grt_1"), NOW)), None);
        assert_eq!(wait(limits.count(&principal("usr_a", "grt_2"), NOW)), None);
        assert_eq!(wait(limits.count(&principal("usr_a", "grt_3"), NOW)), Some(Duration::from_secs(30)));
        assert_eq!(wait(limits.count(&principal("usr_b", "grt_4"), NOW)), None);
    }

    #[test]
    fn places_come_back_with_the_last_clone() {
        let limits = limits(100, 100, 2, 1);
        let one = principal("usr_a", "grt_1");
        let permit = limits.enter(&one).unwrap();
        assert_eq!(wait(limits.enter(&one)), Some(BUSY));
        let second = limits.enter(&principal("usr_a", "grt_2")).unwrap();
        assert_eq!(wait(limits.enter(&principal("usr_a", "grt_3"))), Some(BUSY));
        let clone = permit.clone();
        drop(permit);
        assert_eq!(wait(limits.enter(&one)), Some(BUSY));
        drop(clone);
        drop(second);
        assert_eq!(wait(limits.enter(&one)), None);
    }

    #[test]
    fn who_has_not_come_for_long_is_forgotten() {
        let limits = limits(60, 60, 1, 1);
        for number in 0..FORGET_ABOVE {
            limits.count(&principal(&format!("usr_{number}"), &format!("grt_{number}")), NOW).unwrap();
        }
        let later = NOW.plus(Duration::from_mins(2));
        limits.count(&principal("usr_new", "grt_new"), later).unwrap();
        assert_eq!(lock(&limits.known).len(), 2);
    }

    proptest! {
        /// However requests are spread over time, no minute sees more than twice the rate, and a caller who waits as
        /// told gets through.
        #[test]
        fn never_more_than_allowed(gaps in prop::collection::vec(0_u64..8_000, 1..200), rate in 1_u32..20) {
            let limits = limits(1_000, rate, 9, 9);
            let one = principal("usr_a", "grt_1");
            let mut now = NOW;
            let mut passed = Vec::new();
            for gap in gaps {
                now = now.plus(Duration::from_millis(gap));
                if let Some(told) = wait(limits.count(&one, now)) {
                    now = now.plus(told);
                    prop_assert_eq!(wait(limits.count(&one, now)), None);
                }
                passed.push(now);
            }
            for first in &passed {
                let until = first.plus(Duration::from_mins(1));
                let within = passed.iter().filter(|at| **at >= *first && **at < until).count();
                prop_assert!(within <= 2 * rate as usize, "{} in a minute", within);
            }
        }
    }
}
