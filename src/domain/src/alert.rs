//! Alerts, in the field's usual model.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{clock::Timestamp, id::AlertId, role::LogTypeAccess};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire and in storage.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word, ignoring case.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str().eq_ignore_ascii_case(text))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How bad it is, from harmless to worst.
    Severity {
        /// For the record.
        Info = "INFO",
        /// Low.
        Low = "LOW",
        /// Medium.
        Medium = "MEDIUM",
        /// High.
        High = "HIGH",
        /// Critical.
        Critical = "CRITICAL",
    }
}

words! {
    /// Where the work on an alert stands.
    AlertStatus {
        /// Nobody has looked yet.
        Open = "OPEN",
        /// Somebody is on it.
        Triaged = "TRIAGED",
        /// Fixed.
        Resolved = "RESOLVED",
        /// A false positive.
        Closed = "CLOSED",
    }
}

words! {
    /// What raised an alert.
    AlertType {
        /// A rule.
        Rule = "RULE",
        /// A scheduled rule.
        ScheduledRule = "SCHEDULED_RULE",
        /// A policy.
        Policy = "POLICY",
        /// A correlation rule.
        CorrelationRule = "CORRELATION_RULE",
        /// A rule that failed.
        RuleError = "RULE_ERROR",
        /// A scheduled rule that failed.
        ScheduledRuleError = "SCHEDULED_RULE_ERROR",
        /// A correlation rule that failed.
        CorrelationRuleError = "CORRELATION_RULE_ERROR",
        /// Something in the system.
        SystemError = "SYSTEM_ERROR",
    }
}

words! {
    /// What a person made of an alert.
    AlertQuality {
        /// Not worth a person's time.
        Noise = "NOISE",
        /// Worth it.
        Useful = "USEFUL",
    }
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The id.
    pub id: AlertId,
    /// What raised it.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// One line.
    pub title: String,
    /// More of it.
    #[serde(default)]
    pub description: String,
    /// What to do.
    #[serde(default)]
    pub runbook: String,
    /// Where to read on.
    #[serde(default)]
    pub reference: String,
    /// How bad.
    pub severity: Severity,
    /// Where the work stands.
    pub status: AlertStatus,
    /// What a person made of it.
    #[serde(default)]
    pub quality: Option<AlertQuality>,
    /// Labels; at most [`MAX_CONTEXT_TAGS`], each as [`is_context_tag`] says.
    #[serde(default)]
    pub context_tags: Vec<String>,
    /// The detection that raised it.
    #[serde(default)]
    pub detection_id: Option<String>,
    /// The log types of its events; storage adds those of [`Alert::events`] that are not here.
    #[serde(default)]
    pub log_types: Vec<String>,
    /// The log sources of its events, by id.
    #[serde(default)]
    pub log_source_ids: Vec<String>,
    /// The types of the resources that it is about, for policies.
    #[serde(default)]
    pub resource_types: Vec<String>,
    /// What the detection found noteworthy.
    #[serde(default)]
    pub context: Value,
    /// How many events it has.
    pub event_count: i64,
    /// When it was raised.
    pub created_at: Timestamp,
    /// Its first event.
    #[serde(default)]
    pub first_event_at: Option<Timestamp>,
    /// Its last event so far.
    #[serde(default)]
    pub last_event_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it last, by user id; nobody since it was raised if there is none.
    #[serde(default)]
    pub updated_by: Option<String>,
    /// Who works on it, by user id.
    #[serde(default)]
    pub assignee_id: Option<String>,
    /// Its events in the lake, oldest first; at most [`MAX_EVENT_REFS`].
    #[serde(default)]
    pub events: Vec<EventRef>,
    /// Whether it was read for a person who may not read all of its log types, see [`Alert::seen_with`]. Not stored.
    #[serde(default)]
    pub withheld: bool,
}

/// What is shown in the place of a title that is withheld, behind what raised the alert.
pub const WITHHELD_TITLE: &str = "[title withheld]";

impl Alert {
    /// The log types of its events: those that it names, and those of the events that are kept with it.
    pub fn all_log_types(&self) -> Vec<String> {
        let mut all = self.log_types.clone();
        for event in &self.events {
            if !all.contains(&event.log_type) {
                all.push(event.log_type.clone());
            }
        }
        all
    }

    /// The alert as somebody with this access may see it; `None` if there is no such alert for them.
    ///
    /// Its texts are made from its events. If all of its log types are denied there is no alert. If some are denied,
    /// everything that a detection may have taken from an event is left out: title, description, runbook, reference,
    /// context, the times of its events and the sources they came from. Which value came from which event is not known.
    /// What people added (status, labels, comments) stays, and so do the references of events, which say no more than
    /// their number to those who may not read them.
    ///
    /// An alert without any log type may be about everything: only who may read everything sees it.
    pub fn seen_with(mut self, access: &LogTypeAccess) -> Option<Self> {
        if access.is_unrestricted() {
            return Some(self);
        }
        let all = self.all_log_types();
        let readable: Vec<String> = all.iter().filter(|log_type| access.allows(log_type)).cloned().collect();
        if readable.is_empty() {
            return None;
        }
        if readable.len() < all.len() {
            let raised_by = self.detection_id.as_deref().unwrap_or(self.kind.as_str());
            self.title = format!("{raised_by} {WITHHELD_TITLE}");
            self.description.clear();
            self.runbook.clear();
            self.reference.clear();
            self.context = Value::Null;
            self.log_source_ids.clear();
            self.first_event_at = None;
            self.last_event_at = None;
            self.log_types = readable;
            self.withheld = true;
        }
        Some(self)
    }
}

/// At most so many events are kept by reference with an alert.
pub const MAX_EVENT_REFS: usize = 1000;

/// At most so many labels on one alert.
pub const MAX_CONTEXT_TAGS: usize = 10;

/// Whether `text` can label an alert: 1 to 30 lower-case ASCII letters, digits, `_` and `-`.
pub fn is_context_tag(text: &str) -> bool {
    (1..=30).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// An event in the lake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRef {
    /// Its log type, which gives the table.
    pub log_type: String,
    /// Its `p_row_id`.
    pub row_id: String,
    /// Its `p_event_time`.
    pub event_time: Timestamp,
}

/// A note on an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertComment {
    /// The id.
    pub id: String,
    /// The alert.
    pub alert_id: AlertId,
    /// The text; Markdown.
    pub body: String,
    /// Who wrote it, by user id.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Which alerts. All conditions must hold; an empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Raised at or after.
    pub from: Option<Timestamp>,
    /// Raised before.
    pub until: Option<Timestamp>,
    /// Any of these severities.
    pub severities: Vec<Severity>,
    /// Any of these statuses.
    pub statuses: Vec<AlertStatus>,
    /// Any of these types.
    pub kinds: Vec<AlertType>,
    /// Raised by this detection.
    pub detection_id: Option<String>,
    /// With events of any of these log types.
    pub log_types: Vec<String>,
    /// The title contains this, ignoring case.
    pub title_contains: Option<String>,
    /// At least so many events.
    pub min_events: Option<i64>,
    /// At most so many events.
    pub max_events: Option<i64>,
    /// Assigned to any of these user ids.
    pub assignee_ids: Vec<String>,
    /// Of any of these qualities.
    pub qualities: Vec<AlertQuality>,
    /// With any of these labels.
    pub context_tags: Vec<String>,
    /// With events of any of these log sources, by id.
    pub log_source_ids: Vec<String>,
    /// About resources of any of these types.
    pub resource_types: Vec<String>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
}

/// Where a page of alerts begins: after this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertPosition {
    /// Its time.
    pub created_at: Timestamp,
    /// Its id.
    pub id: AlertId,
}

/// What is changed of alerts; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertChange {
    /// The new status.
    pub status: Option<AlertStatus>,
    /// Who works on it now, by user id; `Some(None)` is nobody.
    pub assignee_id: Option<Option<String>>,
    /// What a person makes of it; `Some(None)` takes the judgement back.
    pub quality: Option<Option<AlertQuality>>,
    /// The labels instead of those that are there.
    pub context_tags: Option<Vec<String>>,
}

impl AlertChange {
    /// Whether it leaves everything as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How many alerts of one kind were raised in one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertTally {
    /// The beginning of the stretch: a whole multiple of its length since 1970.
    pub begin: Timestamp,
    /// What raised them.
    pub kind: AlertType,
    /// How bad they are.
    pub severity: Severity,
    /// The detection that raised them.
    pub detection_id: Option<String>,
    /// How many.
    pub alerts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(log_types: &[&str], events: &[&str]) -> Alert {
        serde_json::from_value(serde_json::json!({
            "id": "alr_1", "type": "RULE", "title": "Okta: secret", "description": "secret", "runbook": "secret",
            "reference": "secret", "severity": "HIGH", "status": "OPEN", "detectionId": "Okta.Rule",
            "logTypes": log_types, "logSourceIds": ["secret"], "context": { "actor": "secret" }, "eventCount": 1,
            "createdAt": "2026-03-10T12:00:00Z", "updatedAt": "2026-03-10T12:00:00Z",
            "firstEventAt": "2026-03-10T11:00:00Z",
            "events": events.iter().map(|log_type| serde_json::json!({
                "logType": log_type, "rowId": "r", "eventTime": "2026-03-10T11:00:00Z",
            })).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    #[test]
    fn an_alert_shows_as_much_as_its_log_types_allow() {
        let deny = LogTypeAccess::Deny(vec!["B".to_owned()]);
        let whole = of(&["A"], &["A"]);
        assert_eq!(whole.clone().seen_with(&deny), Some(whole));
        for unrestricted in [LogTypeAccess::AllowAll, LogTypeAccess::Deny(Vec::new())] {
            for alert in [of(&[], &[]), of(&["B"], &["B"])] {
                assert_eq!(alert.clone().seen_with(&unrestricted), Some(alert));
            }
        }
        for alert in [of(&[], &[]), of(&["B"], &[]), of(&["B", "B"], &["B"])] {
            assert_eq!(alert.seen_with(&deny), None);
        }
        assert_eq!(of(&["A"], &["A"]).seen_with(&LogTypeAccess::DenyAll), None);
        for mixed in [of(&["A", "B"], &[]), of(&["A"], &["B"])] {
            let seen = mixed.seen_with(&deny).unwrap();
            assert!(seen.withheld);
            assert_eq!(
                (seen.title.as_str(), seen.log_types.as_slice()),
                ("Okta.Rule [title withheld]", &["A".to_owned()][..])
            );
            assert!(!serde_json::to_string(&seen).unwrap().contains("secret"));
            assert_eq!((seen.first_event_at, seen.event_count), (None, 1));
        }
    }

    #[test]
    fn labels_are_short_and_plain() {
        for good in ["vip", "a", "case-2026_11", &"x".repeat(30)] {
            assert!(is_context_tag(good), "{good}");
        }
        for bad in ["", "VIP", "two words", "ü", "a.b", &"x".repeat(31)] {
            assert!(!is_context_tag(bad), "{bad}");
        }
    }
}
