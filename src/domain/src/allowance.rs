//! How much may be asked for at once, and how fast it comes back: the generic cell rate algorithm.

use std::time::Duration;

use crate::clock::Monotonic;

/// At most `burst` at once, then one more per `refill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    burst: u32,
    refill: Duration,
}

/// What one holder has used of an allowance. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// When the allowance is full again.
    full_at: Monotonic,
}

impl Allowance {
    /// `burst` is at least 1; less counts as 1.
    pub const fn new(burst: u32, refill: Duration) -> Self {
        Self { burst: if burst == 0 { 1 } else { burst }, refill }
    }

    /// `rate` in a minute, all of which may be used at once. At least 1; less counts as 1.
    pub fn per_minute(rate: u32) -> Self {
        Self::new(rate, Duration::from_micros(60_000_000 / u64::from(rate.max(1))))
    }

    /// Takes one, or says after how long there is one again, which is at most `refill`. A refusal costs nothing, so that
    /// a caller who waits as told gets through.
    pub fn take(self, used: Used, now: Monotonic) -> Result<Used, Duration> {
        // A machine whose monotonic clock went back, as some hypervisors let it, must not lock everybody out: nobody has
        // ever used more than everything.
        let full_at = used.full_at.min(now.plus(self.refill.saturating_mul(self.burst))).max(now);
        let wait = full_at.since(now).saturating_sub(self.refill.saturating_mul(self.burst - 1));
        if wait > Duration::ZERO { Err(wait) } else { Ok(Used { full_at: full_at.plus(self.refill) }) }
    }
}

impl Used {
    /// Whether all of it is there again, so that this holder need not be remembered.
    pub fn is_full(self, now: Monotonic) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::{Clock as _, Timestamp},
        testing::ManualClock,
    };

    const REFILL: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Monotonic {
        Monotonic::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_burst_then_one_per_refill() {
        let allowance = Allowance::new(3, REFILL);
        let mut used = Used::default();
        for _ in 0..3 {
            used = allowance.take(used, at(0)).unwrap();
        }
        assert_eq!(allowance.take(used, at(0)), Err(REFILL));
        assert_eq!(allowance.take(used, at(9)), Err(Duration::from_secs(1)));
        used = allowance.take(used, at(10)).unwrap();
        assert_eq!(allowance.take(used, at(10)), Err(REFILL));
        assert!(!used.is_full(at(39)) && used.is_full(at(40)));
    }

    #[test]
    fn a_rate_is_used_within_its_minute() {
        let allowance = Allowance::per_minute(3);
        let mut used = Used::default();
        for _ in 0..3 {
            used = allowance.take(used, at(0)).unwrap();
        }
        assert_eq!(allowance.take(used, at(0)), Err(Duration::from_secs(20)));
        assert!(Allowance::per_minute(0).take(Used::default(), at(0)).is_ok());
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Time passes, in milliseconds.
        Pass(u64),
        /// The time of day is set, to seconds since 1970.
        Set(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![(0_u64..60_000).prop_map(Step::Pass), (0_i64..4_000_000_000).prop_map(Step::Set),];
        prop::collection::vec(step, 1..200)
    }

    proptest! {
        /// However the time of day is set, no wait exceeds the refill, who waits as told gets through, and no more is
        /// given than burst and refill allow for the time that really passed.
        #[test]
        fn a_clock_that_is_set_changes_nothing(steps in steps(), burst in 1_u32..6) {
            let clock = ManualClock::new(Timestamp::from_seconds(1_800_000_000));
            let allowance = Allowance::new(burst, REFILL);
            let (mut used, mut taken) = (Used::default(), 0_u32);
            for step in steps {
                match step {
                    Step::Pass(millis) => clock.advance(Duration::from_millis(millis)),
                    Step::Set(seconds) => clock.set_wall(Timestamp::from_seconds(seconds)),
                }
                match allowance.take(used, clock.monotonic()) {
                    Ok(after) => (used, taken) = (after, taken + 1),
                    Err(wait) => {
                        prop_assert!(wait <= REFILL, "{wait:?}");
                        clock.advance(wait);
                        used = allowance.take(used, clock.monotonic()).expect("who waited as told gets through");
                        taken += 1;
                    }
                }
            }
            let passed = clock.monotonic().since(Monotonic::default());
            prop_assert!(u128::from(taken) <= u128::from(burst) + passed.as_millis() / REFILL.as_millis());
        }

        /// Even where the monotonic clock itself jumps.
        #[test]
        fn no_wait_exceeds_the_refill(readings in prop::collection::vec(0_u64..1_000_000, 1..100), burst in 1_u32..6) {
            let allowance = Allowance::new(burst, REFILL);
            let mut used = Used::default();
            for reading in readings {
                match allowance.take(used, at(reading)) {
                    Ok(after) => used = after,
                    Err(wait) => prop_assert!(wait <= REFILL, "{wait:?}"),
                }
            }
        }
    }
}
