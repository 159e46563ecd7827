//! The demo week: seven days of logs of a fictional company, with one attack in them.
//!
//! Everything is generated from a seed, relative to a given now. The detections, what they share and the tables are
//! real content in the YAML layout of the field (`demo/` beside `src/`), read by [`crate::import`]; the alerts are
//! what those detections find in the logs.

use std::{collections::BTreeMap, time::Duration};

use margay_domain::{
    alert::Alert,
    clock::Timestamp,
    data_model::DataModel,
    detection::Detection,
    enrichment::{Enrichment, EnrichmentRow},
    global_helper::GlobalHelper,
    log_source::LogSource,
    role::BuiltInRole,
};
use serde_json::{Map, Value};

mod cloudtrail;
mod company;
mod correlation;
mod dice;
mod files;
mod github;
mod logs;
mod noise;
mod okta;
mod policies;
mod raise;
mod rules;
mod scheduled;
mod sources;
mod story;
mod triage;
mod vpc_flow;
mod week;

use crate::import::{Imported, read_files};
use dice::Dice;
use logs::Logs;
use raise::Finding;
use week::Week;

/// A week at the fictional company Fennwick.
#[derive(Clone, Debug)]
pub struct DemoWeek {
    /// The events of every log type, in the order of time, as their sources write them.
    pub events: Vec<(String, Vec<Map<String, Value>>)>,
    /// The sources that the events came from: one for each log type, which is the only one of its `log_types`.
    pub log_sources: Vec<LogSource>,
    /// The detections.
    pub detections: Vec<Detection>,
    /// The code that the detections share.
    pub global_helpers: Vec<GlobalHelper>,
    /// The field names that the detections use.
    pub data_models: Vec<DataModel>,
    /// What the detections found, in the order of time.
    pub alerts: Vec<DemoAlert>,
    /// The enrichment tables with their rows.
    pub enrichments: Vec<(Enrichment, Vec<EnrichmentRow>)>,
    /// The people who sign in.
    pub users: Vec<DemoUser>,
}

/// An alert, with the events it points at and the work done on it.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoAlert {
    /// The alert. `events`, `assignee_id` and `updated_by` are empty: they are known after storing only.
    pub alert: Alert,
    /// Its events: log type, and place among that log type's [`DemoWeek::events`]. Oldest first within a log type.
    pub matches: Vec<(String, usize)>,
    /// Author's e-mail address, text and time of each comment, oldest first.
    pub comments: Vec<(String, String, Timestamp)>,
    /// Who works on it, and changed it last.
    pub assignee_email: Option<String>,
}

/// Somebody who signs in to the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoUser {
    /// The e-mail address, in lower case.
    pub email: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The name of the one role, which is built in.
    pub role: String,
}

/// The demo's own detections, what they share, and tables.
pub fn content(now: Timestamp) -> Imported {
    read_files(files::FILES, now)
}

/// Makes the week before `now`. The same `now` and `seed` give the same week.
pub fn generate(now: Timestamp, seed: u64) -> DemoWeek {
    let week = Week::new(now);
    let mut logs = Logs {
        cloudtrail: cloudtrail::background(&week, &mut Dice::new(seed, "cloudtrail")),
        okta: okta::background(&week, &mut Dice::new(seed, "okta")),
        github: github::background(&week, &mut Dice::new(seed, "github")),
        vpc_flow: vpc_flow::background(&week, &mut Dice::new(seed, "vpc flow")),
    };
    noise::add(&week, &mut Dice::new(seed, "noise"), &mut logs);
    story::tell(&week, &mut Dice::new(seed, "story"), &mut logs);
    logs.sort();
    let Imported { mut detections, global_helpers, data_models, mut enrichments, .. } = content(week.start());
    for (enrichment, _) in &mut enrichments {
        enrichment.updated_at = week.start().plus(Duration::from_hours(3));
    }
    // Somebody tunes a rule now and then.
    for (detection, hours) in detections.iter_mut().step_by(4).zip((20_u64..).step_by(13)) {
        detection.last_modified = week.start().plus(Duration::from_hours(hours));
    }
    let alerts = alerts(&week, &logs, &detections, &mut Dice::new(seed, "triage"), now);
    let log_sources = sources::all(&week, &logs);
    DemoWeek {
        events: logs.into_events(),
        log_sources,
        detections,
        global_helpers,
        data_models,
        alerts,
        enrichments,
        users: users(),
    }
}

fn alerts(week: &Week, logs: &Logs, detections: &[Detection], dice: &mut Dice, now: Timestamp) -> Vec<DemoAlert> {
    let by_id: BTreeMap<&str, &Detection> =
        detections.iter().map(|detection| (detection.id.as_str(), detection)).collect();
    let mut found: Vec<(&str, Finding)> = Vec::new();
    for rule in rules::all() {
        let Some(detection) = by_id.get(rule.id) else { continue };
        found.extend(raise::findings(rule, detection, logs).into_iter().map(|finding| (rule.id, finding)));
    }
    if let Some(detection) = by_id.get(scheduled::ID) {
        let period = Duration::from_mins(detection.dedup_period_minutes.unsigned_abs());
        found.extend(scheduled::findings(logs, period).into_iter().map(|finding| (scheduled::ID, finding)));
    }
    let correlated = correlation::findings(&found);
    found.extend(correlated.into_iter().map(|finding| (correlation::ID, finding)));
    found.extend(policies::findings(week));
    found.sort_by(|(left_id, left), (right_id, right)| {
        (left.raised, *left_id, &left.title).cmp(&(right.raised, *right_id, &right.title))
    });
    let mut numbers: BTreeMap<(&str, String), usize> = BTreeMap::new();
    found
        .into_iter()
        .filter_map(|(id, finding)| {
            let detection = by_id.get(id)?;
            let number = numbers.entry((id, finding.title.clone())).or_default();
            let mut alert = raise::alert(detection, &finding, *number, now);
            *number += 1;
            let work = triage::work_on(&mut alert, triage::is_story(id, &finding), dice, now);
            Some(DemoAlert {
                alert,
                matches: finding.matches,
                comments: work.comments,
                assignee_email: work.assignee.map(str::to_owned),
            })
        })
        .collect()
}

fn users() -> Vec<DemoUser> {
    [
        (triage::ADMIN, "Ingrid", "Solberg", BuiltInRole::Admin),
        (triage::ANALYST, "Mateo", "Ferreira", BuiltInRole::Analyst),
        ("viewer@example.com", "Priya", "Raman", BuiltInRole::AnalystReadOnly),
    ]
    .into_iter()
    .map(|(email, given_name, family_name, role)| DemoUser {
        email: email.to_owned(),
        given_name: given_name.to_owned(),
        family_name: family_name.to_owned(),
        role: role.name().to_owned(),
    })
    .collect()
}

#[cfg(test)]
mod tests;
