//! The seven days before now, with the rhythm of an office.

use std::time::Duration;

use margay_domain::clock::Timestamp;

use super::dice::Dice;

const MINUTE: i64 = 60 * 1_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const HOURS_IN_WEEK: usize = 168;

/// When things happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// People at work: weekdays, with a lunch break, and little else.
    Office,
    /// Machines: always, somewhat more by day.
    Steady,
}

/// The week before now.
#[derive(Debug)]
pub(super) struct Week {
    start: Timestamp,
    latest: Timestamp,
    office: Vec<u64>,
    steady: Vec<u64>,
}

impl Week {
    pub(super) fn new(now: Timestamp) -> Self {
        let this_minute = now.as_micros() - now.as_micros().rem_euclid(MINUTE);
        let start = Timestamp::from_micros(this_minute - 7 * DAY + MINUTE);
        // Events last up to two minutes; the last ones are over before now.
        let latest = Timestamp::from_micros(this_minute - 3 * MINUTE);
        Self { start, latest, office: slots(start, office_weight), steady: slots(start, steady_weight) }
    }

    /// The first moment.
    pub(super) const fn start(&self) -> Timestamp {
        self.start
    }

    /// Whether an event may happen then.
    pub(super) fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && time <= self.latest
    }

    /// A moment of the week, to the microsecond.
    pub(super) fn pick(&self, dice: &mut Dice, rhythm: Rhythm) -> Timestamp {
        let sums = match rhythm {
            Rhythm::Office => &self.office,
            Rhythm::Steady => &self.steady,
        };
        let drawn = dice.below(sums.last().copied().unwrap_or(1));
        let slot = sums.partition_point(|sum| *sum <= drawn);
        let inside = dice.below(HOUR.unsigned_abs());
        let time = self.start.plus(Duration::from_micros(slot as u64 * HOUR.unsigned_abs() + inside));
        time.min(self.latest)
    }

    /// The midnights (UTC) of the days that the week touches.
    pub(super) fn midnights(&self) -> Vec<Timestamp> {
        let first = midnight(self.start).as_micros();
        (0..=7).map(|day| Timestamp::from_micros(first + day * DAY)).collect()
    }

    /// The moment `days` full days and some minutes before now, moved into working hours of that day or of the last
    /// weekday before it, as long as that is inside the week.
    pub(super) fn workday(&self, days: u64, minute_of_day: u64) -> Timestamp {
        let mut day = midnight(self.latest.minus(Duration::from_hours(days * 24)));
        while is_weekend(day) && self.contains(day.minus(Duration::from_hours(24))) {
            day = day.minus(Duration::from_hours(24));
        }
        let time = day.plus(Duration::from_mins(minute_of_day));
        time.clamp(self.start.plus(Duration::from_hours(1)), self.latest.minus(Duration::from_hours(1)))
    }

    /// The night of the attack: ten past two (UTC) of the day that was today 20 hours ago. Its story of
    /// under four hours is over long before now.
    pub(super) fn night(&self) -> Timestamp {
        let day = midnight(self.latest.minus(Duration::from_hours(20)));
        day.plus(Duration::from_mins(130))
    }
}

/// Saturday or Sunday in UTC.
pub(super) fn is_weekend(time: Timestamp) -> bool {
    weekday(time) >= 5
}

/// From Monday = 0. The first day of 1970 was a Thursday.
fn weekday(time: Timestamp) -> i64 {
    (time.as_micros().div_euclid(DAY) + 3).rem_euclid(7)
}

fn midnight(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros() - time.as_micros().rem_euclid(DAY))
}

/// Running sums of the weights of the hours from `start`.
fn slots(start: Timestamp, weight: fn(bool, i64) -> u64) -> Vec<u64> {
    let mut sum = 0;
    (0..HOURS_IN_WEEK)
        .map(|slot| {
            let middle = Timestamp::from_micros(start.as_micros() + slot as i64 * HOUR + HOUR / 2);
            let hour = middle.as_micros().rem_euclid(DAY) / HOUR;
            sum += weight(is_weekend(middle), hour);
            sum
        })
        .collect()
}

const fn office_weight(weekend: bool, hour: i64) -> u64 {
    match (weekend, hour) {
        (true, 10..=17) => 2,
        (false, 9..=11 | 14..=16) => 100,
        (false, 8 | 13 | 17) => 70,
        (false, 12) => 50,
        (false, 7 | 18) => 20,
        (false, 19..=21) => 6,
        _ => 0,
    }
}

const fn steady_weight(weekend: bool, hour: i64) -> u64 {
    match (weekend, hour) {
        (false, 8..=18) => 16,
        (true, 8..=18) => 11,
        _ => 9,
    }
}
