//! Events of alerts, grouped by what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use margay_domain::{
    alert::{Alert, Severity},
    clock::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::tool::JsonObject;

/// An event, and the alerts that it is behind.
pub(super) struct Seen<'a> {
    /// When it happened.
    pub(super) time: Timestamp,
    /// Its log type.
    pub(super) log_type: &'a str,
    /// Whom and what it is about.
    pub(super) about: About,
    /// The alerts.
    pub(super) alerts: &'a [&'a Alert],
}

/// The indicators that events are grouped by; each list is sorted and without doubles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(super) struct About {
    source_ips: Vec<String>,
    emails: Vec<String>,
    usernames: Vec<String>,
    trace_ids: Vec<String>,
}

// A group of events.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    event_day: String,
    time_window_start: String,
    p_log_type: String,
    #[serde(flatten)]
    about: About,
    event_count: usize,
    alert_count: usize,
    alert_ids: Vec<String>,
    rule_ids: Vec<String>,
    first_event: String,
    last_event: String,
    /// Worst first.
    severities: Vec<&'static str>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    begin: Timestamp,
    log_type: &'a str,
    about: &'a About,
}

struct Group<'a> {
    events: usize,
    alerts: BTreeSet<&'a str>,
    rules: BTreeSet<&'a str>,
    severities: BTreeSet<Severity>,
    first: Timestamp,
    last: Timestamp,
}

impl About {
    /// What an event says.
    pub(super) fn of(event: &JsonObject) -> Self {
        let texts = |column: &str| -> Vec<String> {
            let values = event.get(column).and_then(Value::as_array).into_iter().flatten();
            let texts: BTreeSet<&str> = values.filter_map(Value::as_str).collect();
            texts.into_iter().map(str::to_owned).collect()
        };
        Self {
            source_ips: texts("p_any_ip_addresses"),
            emails: texts("p_any_emails"),
            usernames: texts("p_any_usernames"),
            trace_ids: texts("p_any_trace_ids"),
        }
    }
}

impl<'a> Group<'a> {
    fn new(time: Timestamp) -> Self {
        Self {
            events: 0,
            alerts: BTreeSet::new(),
            rules: BTreeSet::new(),
            severities: BTreeSet::new(),
            first: time,
            last: time,
        }
    }

    fn add(&mut self, event: &Seen<'a>) {
        self.events += 1;
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
        for alert in event.alerts {
            self.alerts.insert(alert.id.as_str());
            self.rules.extend(alert.detection_id.as_deref());
            self.severities.insert(alert.severity);
        }
    }

    fn row(self, key: &Key<'_>) -> Row {
        let owned = |texts: BTreeSet<&str>| texts.into_iter().map(str::to_owned).collect();
        let begin = key.begin.to_rfc3339();
        Row {
            event_day: begin.split('T').next().unwrap_or_default().to_owned(),
            time_window_start: begin,
            p_log_type: key.log_type.to_owned(),
            about: key.about.clone(),
            event_count: self.events,
            alert_count: self.alerts.len(),
            alert_ids: owned(self.alerts),
            rule_ids: owned(self.rules),
            first_event: self.first.to_rfc3339(),
            last_event: self.last.to_rfc3339(),
            severities: self.severities.into_iter().rev().map(Severity::as_str).collect(),
        }
    }
}

/// Groups events by time window, log type and what they are about. Windows have `minutes` and begin at whole multiples
/// of that since 1970. The newest window comes first; within one, groups with more alerts, then with more events.
pub(super) fn group(events: &[Seen<'_>], minutes: u16) -> Vec<Row> {
    let width = i64::from(minutes.max(1)) * 60_000_000;
    let mut groups: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for event in events {
        let micros = event.time.as_micros();
        let begin = Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(width)));
        let key = Key { begin, log_type: event.log_type, about: &event.about };
        groups.entry(key).or_insert_with(|| Group::new(event.time)).add(event);
    }
    let mut groups: Vec<(Key<'_>, Group<'_>)> = groups.into_iter().collect();
    groups.sort_by(|(left_key, left), (right_key, right)| {
        let newest = right_key.begin.cmp(&left_key.begin);
        newest.then(right.alerts.len().cmp(&left.alerts.len())).then(right.events.cmp(&left.events))
    });
    groups.into_iter().map(|(key, group)| group.row(&key)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes;

    fn about(ip: &str) -> About {
        About::of(&fakes::object(json!({ "p_any_ip_addresses": [ip] })))
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(&format!("2026-03-10T{text}Z")).unwrap()
    }

    #[test]
    fn an_event_says_whom_it_is_about() {
        let event = fakes::object(json!({
            "p_any_ip_addresses": ["198.51.100.3", "10.0.0.1", "198.51.100.3", null],
            "p_any_usernames": "not a list",
            "p_any_trace_ids": ["t1"],
        }));
        let expected = About {
            source_ips: vec!["10.0.0.1".to_owned(), "198.51.100.3".to_owned()],
            emails: Vec::new(),
            usernames: Vec::new(),
            trace_ids: vec!["t1".to_owned()],
        };
        assert_eq!(About::of(&event), expected);
    }

    #[test]
    fn what_agrees_within_a_window_is_one_row() {
        let high = fakes::alert("a1", 1);
        let low = Alert { severity: Severity::Low, detection_id: None, ..fakes::alert("a2", 1) };
        let (both, one) = ([&high, &low], [&high]);
        let seen = |at: &str, ip: &str, alerts| Seen { time: time(at), log_type: "L", about: about(ip), alerts };
        let events = [
            seen("10:29:59", "10.0.0.1", both.as_slice()),
            seen("10:00:00", "10.0.0.1", one.as_slice()),
            seen("10:30:00", "10.0.0.1", one.as_slice()),
            seen("10:10:00", "10.0.0.2", one.as_slice()),
            Seen { log_type: "M", ..seen("10:10:00", "10.0.0.1", one.as_slice()) },
            Seen { log_type: "M", ..seen("10:11:00", "10.0.0.1", one.as_slice()) },
        ];
        let rows = serde_json::to_value(group(&events, 30)).unwrap();
        assert_eq!(
            fakes::texts(&rows, "time_window_start"),
            ["10:30", "10:00", "10:00", "10:00"].map(|at| format!("2026-03-10T{at}:00.000Z"))
        );
        assert_eq!(
            rows[1],
            json!({
                "event_day": "2026-03-10",
                "time_window_start": "2026-03-10T10:00:00.000Z",
                "p_log_type": "L",
                "source_ips": ["10.0.0.1"],
                "emails": [],
                "usernames": [],
                "trace_ids": [],
                "event_count": 2,
                "alert_count": 2,
                "alert_ids": ["a1", "a2"],
                "rule_ids": ["AWS.Root.Login"],
                "first_event": "2026-03-10T10:00:00.000Z",
                "last_event": "2026-03-10T10:29:59.000Z",
                "severities": ["HIGH", "LOW"],
            })
        );
        // With as many alerts, more events come first.
        assert_eq!((&rows[2]["p_log_type"], &rows[2]["event_count"]), (&json!("M"), &json!(2)));
        assert_eq!((&rows[3]["source_ips"], &rows[3]["event_count"]), (&json!(["10.0.0.2"]), &json!(1)));
        assert_eq!(group(&events, 60).len(), 3);
        assert!(group(&[], 30).is_empty());
    }
}
