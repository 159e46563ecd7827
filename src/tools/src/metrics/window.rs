//! The time that metrics cover, and the stretches in which they count.

use std::{collections::BTreeMap, time::Duration};

use margay_domain::clock::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{arguments, tool::ToolError};

/// How far back metrics go if no start is given.
const DEFAULT_SPAN: Duration = Duration::from_hours(7 * 24);
/// The longest time, in days.
const MAX_DAYS: u64 = 366;
/// The lengths of a stretch that can be asked for, in minutes.
const INTERVALS: [u16; 7] = [15, 30, 60, 180, 360, 720, 1440];
/// At most so many stretches in one answer.
const MAX_STRETCHES: i64 = 2000;

/// How many in each stretch, by its beginning in RFC 3339. Stretches that have none are not in it.
pub(super) type Breakdown = BTreeMap<String, u64>;

/// A time, and how long the stretches in it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Where it begins.
    pub(super) from: Timestamp,
    /// Where it ends; not part of it.
    pub(super) until: Timestamp,
    /// Neither of the two was given.
    defaulted: bool,
    /// No end was given, so that it goes on until now.
    open: bool,
    /// The length of a stretch, in minutes.
    minutes: u16,
}

// A window as an answer states it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stated {
    start_date: String,
    end_date: String,
    defaulted: bool,
    interval_in_minutes: u16,
}

impl Window {
    /// Reads the dates and the interval. Without an end it goes on until `now`, without a start it has seven days.
    pub(super) fn read(
        start: Option<String>,
        end: Option<String>,
        interval: Option<i64>,
        default_minutes: u16,
        now: Timestamp,
    ) -> Result<Self, ToolError> {
        let minutes = interval.map_or(Ok(default_minutes), minutes)?;
        let (start, end) = arguments::range(start, end)?;
        let until = end.unwrap_or(now);
        let from = start.unwrap_or_else(|| until.minus(DEFAULT_SPAN));
        let (defaulted, open) = (start.is_none() && end.is_none(), end.is_none());
        let window = Self { from, until, defaulted, open, minutes };
        window.check()?;
        Ok(window)
    }

    fn check(self) -> Result<(), ToolError> {
        if self.from >= self.until {
            return Err(ToolError::invalid_argument("start_date must be earlier than now."));
        }
        if self.until.since(self.from) > Duration::from_hours(MAX_DAYS * 24) {
            let message = format!("start_date and end_date must not be more than {MAX_DAYS} days apart.");
            return Err(ToolError::invalid_argument(message));
        }
        let width = i64::from(self.minutes) * 60_000_000;
        let last = self.until.as_micros().saturating_sub(1).div_euclid(width);
        let stretches = last - self.from.as_micros().div_euclid(width) + 1;
        if stretches > MAX_STRETCHES {
            return Err(ToolError::invalid_argument(format!(
                "That is {stretches} intervals of {} minutes, and an answer has at most {MAX_STRETCHES}. Take a longer interval_in_minutes or a shorter time.",
                self.minutes
            )));
        }
        Ok(())
    }

    /// The same, but from the last whole multiple of `width` since 1970 before it until the first one behind it. A
    /// window without an end keeps to now.
    pub(super) fn widened(self, width: Duration) -> Self {
        let until = if self.open { self.until } else { ceiling(self.until, width) };
        Self { from: floor(self.from, width), until, ..self }
    }

    /// The length of a stretch.
    pub(super) fn width(self) -> Duration {
        Duration::from_mins(u64::from(self.minutes))
    }

    /// Counts `more` in the stretch in which `at` lies.
    pub(super) fn count(self, breakdown: &mut Breakdown, at: Timestamp, more: u64) {
        let sum = breakdown.entry(floor(at, self.width()).to_rfc3339()).or_default();
        *sum = sum.saturating_add(more);
    }

    /// For an answer.
    pub(super) fn stated(self) -> Stated {
        Stated {
            start_date: self.from.to_rfc3339(),
            end_date: self.until.to_rfc3339(),
            defaulted: self.defaulted,
            interval_in_minutes: self.minutes,
        }
    }
}

fn minutes(given: i64) -> Result<u16, ToolError> {
    INTERVALS.into_iter().find(|known| i64::from(*known) == given).ok_or_else(|| {
        let valid: Vec<String> = INTERVALS.iter().map(u16::to_string).collect();
        ToolError::invalid_argument(format!(
            "Invalid interval_in_minutes '{given}'. Must be one of: {}",
            valid.join(", ")
        ))
    })
}

/// The last whole multiple of `width` since 1970 that is not later than `at`.
fn floor(at: Timestamp, width: Duration) -> Timestamp {
    let width = i64::try_from(width.as_micros()).unwrap_or(i64::MAX).max(1);
    let micros = at.as_micros();
    Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(width)))
}

/// The first whole multiple of `width` since 1970 that is not earlier than `at`.
fn ceiling(at: Timestamp, width: Duration) -> Timestamp {
    let below = floor(at, width);
    if below == at { at } else { below.plus(width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes;

    fn read(start: Option<&str>, end: Option<&str>, interval: Option<i64>) -> Result<Window, ToolError> {
        Window::read(start.map(str::to_owned), end.map(str::to_owned), interval, 1440, fakes::now())
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn without_dates_it_is_the_last_seven_days() {
        let window = read(None, None, None).unwrap();
        assert_eq!((window.from, window.until), (time("2026-03-03T12:00:00Z"), fakes::now()));
        assert_eq!((window.defaulted, window.minutes), (true, 1440));
        let window = read(None, Some("2026-02-08"), Some(15)).unwrap();
        assert_eq!((window.from, window.until), (time("2026-02-01"), time("2026-02-08")));
        assert_eq!((window.defaulted, window.minutes), (false, 15));
        let window = read(Some("2026-03-09"), None, None).unwrap();
        assert_eq!((window.from, window.until), (time("2026-03-09"), fakes::now()));
    }

    #[test]
    fn what_cannot_be_counted_is_refused_with_a_reason() {
        for (start, end, interval, message) in [
            (None, None, Some(10), "Invalid interval_in_minutes '10'. Must be one of: 15, 30, 60, 180, 360, 720, 1440"),
            (Some("2026-03-11"), None, None, "start_date must be earlier than now."),
            (Some("2026-03-01"), Some("2026-03-01"), None, "end_date must be later than start_date."),
            (
                Some("2024-03-01"),
                Some("2026-03-01"),
                None,
                "start_date and end_date must not be more than 366 days apart.",
            ),
            (
                Some("2026-01-01"),
                Some("2026-03-01"),
                Some(15),
                "That is 5664 intervals of 15 minutes, and an answer has at most 2000. Take a longer interval_in_minutes or a shorter time.",
            ),
        ] {
            let error = read(start, end, interval).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
        assert!(read(Some("2025-03-01"), Some("2026-03-02"), Some(720)).is_ok());
        assert!(
            read(Some("yesterday"), None, None).unwrap_err().message.starts_with("start_date: Invalid date format")
        );
    }

    #[test]
    fn stretches_begin_at_whole_multiples() {
        let window = read(None, None, Some(360)).unwrap();
        let mut breakdown = Breakdown::new();
        for at in ["2026-03-10T11:59:59.999Z", "2026-03-10T06:00:00Z", "2026-03-10T05:59:59Z"] {
            window.count(&mut breakdown, time(at), 2);
        }
        let expected = [("2026-03-10T00:00:00.000Z", 2), ("2026-03-10T06:00:00.000Z", 4)];
        assert_eq!(breakdown, Breakdown::from(expected.map(|(begin, count)| (begin.to_owned(), count))));
        assert_eq!(floor(Timestamp::from_micros(-1), Duration::from_secs(1)), Timestamp::from_seconds(-1));
        assert_eq!(ceiling(Timestamp::from_micros(-1), Duration::from_secs(1)), Timestamp::from_seconds(0));
    }

    #[test]
    fn widened_windows_begin_and_end_at_whole_multiples() {
        let quarter = Duration::from_mins(15);
        let widened = |start, end| {
            let window = read(start, end, Some(15)).unwrap().widened(quarter);
            (window.from, window.until)
        };
        let window = widened(Some("2026-03-03T11:59:59Z"), Some("2026-03-03T12:00:01Z"));
        assert_eq!(window, (time("2026-03-03T11:45:00Z"), time("2026-03-03T12:15:00Z")));
        // Whoever goes on where this one ended counts nothing twice.
        let next = widened(Some("2026-03-03T12:15:00Z"), Some("2026-03-03T12:30:00Z"));
        assert_eq!(next, (window.1, time("2026-03-03T12:30:00Z")));
        let now = time("2026-03-10T12:00:01Z");
        let open = Window::read(Some("2026-03-10T11:50:00Z".to_owned()), None, None, 15, now).unwrap();
        assert_eq!((open.widened(quarter).from, open.widened(quarter).until), (time("2026-03-10T11:45:00Z"), now));
    }
}
