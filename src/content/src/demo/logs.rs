//! The four logs while they are being made.

use margay_domain::clock::Timestamp;
use serde_json::{Map, Value};

/// An event as its source writes it.
pub(super) type Event = Map<String, Value>;

/// Log type of CloudTrail.
pub(super) const CLOUDTRAIL: &str = "AWS.CloudTrail";
/// Log type of the Okta system log.
pub(super) const OKTA: &str = "Okta.SystemLog";
/// Log type of the GitHub audit log.
pub(super) const GITHUB: &str = "GitHub.Audit";
/// Log type of VPC flow logs.
pub(super) const VPC_FLOW: &str = "AWS.VPCFlow";

/// Events with their times as written in them.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) cloudtrail: Vec<(Timestamp, Event)>,
    pub(super) okta: Vec<(Timestamp, Event)>,
    pub(super) github: Vec<(Timestamp, Event)>,
    pub(super) vpc_flow: Vec<(Timestamp, Event)>,
}

impl Logs {
    /// Brings every log into the order of time.
    pub(super) fn sort(&mut self) {
        for log in [&mut self.cloudtrail, &mut self.okta, &mut self.github, &mut self.vpc_flow] {
            log.sort_by_key(|(time, _)| *time);
        }
    }

    /// The events of a log type.
    pub(super) fn of(&self, log_type: &str) -> &[(Timestamp, Event)] {
        match log_type {
            CLOUDTRAIL => &self.cloudtrail,
            OKTA => &self.okta,
            GITHUB => &self.github,
            VPC_FLOW => &self.vpc_flow,
            _ => &[],
        }
    }

    /// The events without their times.
    pub(super) fn into_events(self) -> Vec<(String, Vec<Event>)> {
        [(CLOUDTRAIL, self.cloudtrail), (OKTA, self.okta), (GITHUB, self.github), (VPC_FLOW, self.vpc_flow)]
            .into_iter()
            .map(|(log_type, log)| (log_type.to_owned(), log.into_iter().map(|(_, event)| event).collect()))
            .collect()
    }
}

/// An event of the given fields, in this order.
pub(super) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Event {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The moment in whole seconds, as CloudTrail and flow logs know it.
pub(super) const fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_seconds())
}

/// The moment in whole milliseconds, as Okta and GitHub know it.
pub(super) const fn whole_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().div_euclid(1000) * 1000)
}

/// RFC 3339 without a fraction, for example `2026-01-31T09:30:00Z`.
pub(super) fn seconds_text(time: Timestamp) -> String {
    let text = time.to_rfc3339();
    let whole = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
    format!("{whole}Z")
}
