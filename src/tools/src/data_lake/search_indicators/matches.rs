//! What a search found, from the rows of its counts.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{size::Budget, tool::JsonObject};

/// What was found in all.
#[derive(Debug)]
pub(super) struct Found {
    /// By log type, most events first.
    pub(super) matches: Vec<Match>,
    /// Events.
    pub(super) total: u64,
    /// Events that hold each indicator, in the order of the search.
    pub(super) per_indicator: Vec<u64>,
    /// Which indicator most events of the first match hold.
    pub(super) strongest: Option<usize>,
}

// What was found in one log type.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Match {
    pub(super) log_type: String,
    events: u64,
    first_seen: String,
    last_seen: String,
    /// Absent if the timelines do not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Stretch>,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct Stretch {
    begin: String,
    events: u64,
}

/// What had to be left out of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The timelines.
    pub(super) timelines: bool,
    /// So many log types.
    pub(super) log_types: usize,
}

/// What is known of one log type while rows are summed up.
struct Sum {
    found: Match,
    per_indicator: Vec<u64>,
}

impl Found {
    /// Leaves out what does not fit into `bytes`, timelines first. Also says what room is left.
    pub(super) fn fit(&mut self, bytes: usize) -> (LeftOut, Budget) {
        let mut budget = Budget::new(bytes);
        if budget.take(&self.matches) {
            return (LeftOut { timelines: false, log_types: 0 }, budget);
        }
        budget = Budget::new(bytes);
        for found in &mut self.matches {
            found.timeline.clear();
        }
        let fitting = self.matches.iter().take_while(|found| budget.take(*found)).count();
        let log_types = self.matches.len() - fitting;
        self.matches.truncate(fitting);
        (LeftOut { timelines: true, log_types }, budget)
    }
}

/// Sums up the rows of the counts. Times in rows are in RFC 3339, in UTC and of one precision, so that their order is
/// that of their texts.
pub(super) fn read(rows: &[JsonObject], indicators: usize) -> Found {
    let names: Vec<String> = (0..indicators).map(|indicator| format!("n{indicator}")).collect();
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let (Some(log_type), Some(begin), Some(first), Some(last)) =
            (text("p_log_type"), text("begins_at"), text("first_seen"), text("last_seen"))
        else {
            continue;
        };
        let events = number(row, "events");
        let sum = sums.entry(log_type).or_insert_with(|| Sum {
            found: Match {
                log_type: log_type.to_owned(),
                events: 0,
                first_seen: first.to_owned(),
                last_seen: last.to_owned(),
                timeline: Vec::new(),
            },
            per_indicator: vec![0; indicators],
        });
        for (hits, name) in sum.per_indicator.iter_mut().zip(&names) {
            *hits = hits.saturating_add(number(row, name));
        }
        let found = &mut sum.found;
        found.events = found.events.saturating_add(events);
        if first < found.first_seen.as_str() {
            first.clone_into(&mut found.first_seen);
        }
        if last > found.last_seen.as_str() {
            last.clone_into(&mut found.last_seen);
        }
        found.timeline.push(Stretch { begin: begin.to_owned(), events });
    }
    let mut sums: Vec<Sum> = sums.into_values().collect();
    sums.sort_by_key(|sum| Reverse(sum.found.events));
    let mut per_indicator = vec![0_u64; indicators];
    for sum in &sums {
        for (all, hits) in per_indicator.iter_mut().zip(&sum.per_indicator) {
            *all = all.saturating_add(*hits);
        }
    }
    Found {
        total: sums.iter().map(|sum| sum.found.events).fold(0, u64::saturating_add),
        per_indicator,
        strongest: sums.first().and_then(|sum| largest(&sum.per_indicator)),
        matches: sums.into_iter().map(|sum| in_order(sum.found)).collect(),
    }
}

/// The match with its timeline from the oldest on.
fn in_order(mut found: Match) -> Match {
    found.timeline.sort_by(|left, right| left.begin.cmp(&right.begin));
    found
}

/// Where the largest number stands, the first of several; none if all are 0.
fn largest(numbers: &[u64]) -> Option<usize> {
    let most = numbers.iter().copied().max().filter(|most| *most > 0)?;
    numbers.iter().position(|number| *number == most)
}

fn number(row: &JsonObject, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes;

    fn row(log_type: &str, hour: u64, events: u64, n1: u64) -> JsonObject {
        fakes::object(json!({
            "p_log_type": log_type,
            "begins_at": format!("2026-03-10T{hour:02}:00:00.000Z"),
            "events": events,
            "first_seen": format!("2026-03-10T{hour:02}:10:00.000Z"),
            "last_seen": format!("2026-03-10T{hour:02}:20:00.000Z"),
            "n0": events,
            "n1": n1,
        }))
    }

    #[test]
    fn rows_are_summed_up_by_log_type() {
        let found = read(&[row("A", 11, 1, 0), row("B", 10, 4, 1), row("A", 9, 2, 2)], 2);
        assert_eq!((found.total, found.per_indicator, found.strongest), (7, vec![7, 3], Some(0)));
        assert_eq!(
            serde_json::to_value(&found.matches).unwrap(),
            json!([
                {
                    "log_type": "B",
                    "events": 4,
                    "first_seen": "2026-03-10T10:10:00.000Z",
                    "last_seen": "2026-03-10T10:20:00.000Z",
                    "timeline": [{ "begin": "2026-03-10T10:00:00.000Z", "events": 4 }],
                },
                {
                    "log_type": "A",
                    "events": 3,
                    "first_seen": "2026-03-10T09:10:00.000Z",
                    "last_seen": "2026-03-10T11:20:00.000Z",
                    "timeline": [
                        { "begin": "2026-03-10T09:00:00.000Z", "events": 2 },
                        { "begin": "2026-03-10T11:00:00.000Z", "events": 1 },
                    ],
                },
            ])
        );
    }

    #[test]
    fn the_strongest_indicator_is_that_of_the_first_match() {
        // All events of A hold the first one, but most events are of B, and all of those hold the second one alone.
        let only_second = |mut row: JsonObject| {
            row.insert("n0".to_owned(), json!(0));
            row
        };
        let found = read(&[row("A", 9, 4, 0), only_second(row("B", 9, 3, 3)), only_second(row("B", 10, 2, 2))], 2);
        assert_eq!(found.matches[0].log_type, "B");
        assert_eq!((found.per_indicator, found.strongest), (vec![4, 5], Some(1)));
        assert_eq!(read(&[row("A", 9, 4, 4)], 2).strongest, Some(0));
    }

    #[test]
    fn timelines_are_left_out_first_and_then_log_types() {
        let rows = [row("A", 9, 3, 0), row("A", 10, 3, 0), row("B", 9, 1, 0)];
        let fitted = |bytes: usize| {
            let mut found = read(&rows, 2);
            let (left_out, _) = found.fit(bytes);
            let timelines = found.matches.iter().filter(|found| !found.timeline.is_empty()).count();
            (left_out, found.matches.len(), timelines, found.total)
        };
        assert_eq!(fitted(1000), (LeftOut { timelines: false, log_types: 0 }, 2, 2, 7));
        // One without its timeline has 106 bytes.
        assert_eq!(fitted(300), (LeftOut { timelines: true, log_types: 0 }, 2, 0, 7));
        assert_eq!(fitted(150), (LeftOut { timelines: true, log_types: 1 }, 1, 0, 7));
        assert_eq!(fitted(10), (LeftOut { timelines: true, log_types: 2 }, 0, 0, 7));
    }

    #[test]
    fn nothing_is_nothing() {
        let found = read(&[], 2);
        assert_eq!((found.matches.len(), found.total, found.per_indicator), (0, 0, vec![0, 0]));
        assert_eq!(found.strongest, None);
    }
}
