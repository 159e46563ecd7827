//! From matches to alerts, as a detection engine does it: matches with the same title within the grouping period
//! go to one alert, which is raised when the threshold is reached.

use std::{collections::BTreeMap, time::Duration};

use margay_domain::{
    alert::{Alert, AlertStatus, AlertType},
    clock::Timestamp,
    detection::{Detection, DetectionKind},
    id::AlertId,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    logs::{Event, Logs},
    rules::Rule,
    sources,
};
use crate::hex::hex;

/// How long after the deciding event an alert is there.
const DELAY: Duration = Duration::from_secs(52);

/// What a detection found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) title: String,
    pub(super) context: Value,
    /// Log type and place in that log, oldest first.
    pub(super) matches: Vec<(String, usize)>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) raised: Timestamp,
}

impl Finding {
    /// The remote address in the context.
    pub(super) fn remote_address(&self) -> Option<&str> {
        self.context.get("remote_ip").and_then(Value::as_str)
    }
}

/// Matches that go to one alert.
struct Group<'a> {
    title: String,
    first_event: &'a Event,
    /// Times and places of the matches; the first one opens the group.
    matches: Vec<(Timestamp, usize)>,
}

/// What a rule finds in its sorted log.
pub(super) fn findings(rule: &Rule, detection: &Detection, logs: &Logs) -> Vec<Finding> {
    let period = Duration::from_mins(detection.dedup_period_minutes.unsigned_abs());
    let threshold = usize::try_from(detection.threshold).unwrap_or(1).max(1);
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for (place, (time, event)) in logs.of(rule.log_type).iter().enumerate() {
        if !(rule.matches)(event) {
            continue;
        }
        let title = (rule.title)(event);
        let current = open.get(&title).and_then(|number| groups.get_mut(*number));
        if let Some(group) =
            current.filter(|group| group.matches.first().is_some_and(|(opened, _)| *time < opened.plus(period)))
        {
            group.matches.push((*time, place));
            continue;
        }
        open.insert(title.clone(), groups.len());
        groups.push(Group { title, first_event: event, matches: vec![(*time, place)] });
    }
    groups.into_iter().filter_map(|group| finding(rule, &group, threshold)).collect()
}

/// The finding of a group; `None` if the threshold was not reached.
fn finding(rule: &Rule, group: &Group<'_>, threshold: usize) -> Option<Finding> {
    let (deciding, _) = group.matches.get(threshold - 1)?;
    Some(Finding {
        title: group.title.clone(),
        context: (rule.context)(group.first_event),
        matches: group.matches.iter().map(|(_, place)| (rule.log_type.to_owned(), *place)).collect(),
        first: group.matches.first().map(|(time, _)| *time),
        last: group.matches.last().map(|(time, _)| *time),
        raised: deciding.plus(DELAY),
    })
}

/// The alert of a finding. `number` counts the findings of a detection with the same title, from 0.
pub(super) fn alert(detection: &Detection, finding: &Finding, number: usize, now: Timestamp) -> Alert {
    let created_at = finding.raised.min(now);
    let mut log_types: Vec<String> = finding.matches.iter().map(|(log_type, _)| log_type.clone()).collect();
    log_types.sort_unstable();
    log_types.dedup();
    // What a policy found is the resource itself.
    let resource_type = finding.context.get("ResourceType").and_then(Value::as_str);
    Alert {
        id: alert_id(&detection.id, number, &finding.title),
        kind: match detection.kind {
            DetectionKind::Rule | DetectionKind::SimpleRule => AlertType::Rule,
            DetectionKind::ScheduledRule => AlertType::ScheduledRule,
            DetectionKind::CorrelationRule => AlertType::CorrelationRule,
            DetectionKind::Policy => AlertType::Policy,
        },
        title: finding.title.clone(),
        description: detection.description.clone(),
        runbook: detection.runbook.clone(),
        reference: detection.reference.clone(),
        severity: detection.severity,
        status: AlertStatus::Open,
        quality: None,
        context_tags: Vec::new(),
        detection_id: Some(detection.id.clone()),
        log_source_ids: sources::ids_of(&log_types),
        log_types,
        resource_types: resource_type.into_iter().map(str::to_owned).collect(),
        context: finding.context.clone(),
        event_count: i64::try_from(finding.matches.len()).unwrap_or(i64::MAX),
        created_at,
        first_event_at: finding.first,
        last_event_at: finding.last,
        updated_at: finding.last.map_or(created_at, |last| created_at.max(last)),
        updated_by: None,
        assignee_id: None,
        events: Vec::new(),
        withheld: false,
    }
}

/// 32 hexadecimal digits that depend on the rule, the group's title and its number.
fn alert_id(rule: &str, number: usize, title: &str) -> AlertId {
    let hash: [u8; 32] = Sha256::digest(format!("{rule}:{number}:{title}").as_bytes()).into();
    let (start, _) = hash.split_at(16);
    AlertId::new(hex(start))
}
