//! Fills an empty installation with the generated week of `margay_content::demo`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs, io,
};

use anyhow::{Context as _, Result};
use margay_content::demo::{DemoWeek, generate};
use margay_domain::{
    alert::{AlertComment, EventRef, MAX_EVENT_REFS},
    clock::Timestamp,
    id::{UserId, generate as new_id},
    log_source::{LogSource, SourceVolume, VOLUME_STRETCH},
    ports::DataLake as _,
    role::LogTypeAccess,
};
use margay_signin::accounts::{AccountError, KeepConnections, NewAccount};
use serde_json::{Map, Value};

use crate::{cli::accounts, wiring::Parts};

/// What was made.
#[derive(Debug)]
pub struct Summary {
    events: Vec<(String, u64)>,
    log_sources: usize,
    detections: usize,
    global_helpers: usize,
    data_models: usize,
    alerts: usize,
    enrichments: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: Vec<String> = self.events.iter().map(|(log_type, count)| format!("{count} {log_type}")).collect();
        write!(
            f,
            "{} events of {} log sources, {} detections with {} global helpers and {} data models, {} alerts, \
             {} enrichment tables",
            events.join(" + "),
            self.log_sources,
            self.detections,
            self.global_helpers,
            self.data_models,
            self.alerts,
            self.enrichments
        )
    }
}

/// The server's note that a database holds the demo: [`FILLED`], or the [`Begun`] of a fill that is under way.
const MARKER: &str = "demo";
const FILLED: &str = "1";
const FILLING: &str = "filling";

/// From what a week is made; enough to make the very same one again after a fill that was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    now: Timestamp,
    seed: u64,
}

impl Begun {
    fn to_note(self) -> String {
        format!("{FILLING} {} {}", self.now.as_micros(), self.seed)
    }

    fn from_note(note: &str) -> Option<Self> {
        let (now, seed) = note.strip_prefix(FILLING)?.trim_start().split_once(' ')?;
        Some(Self { now: Timestamp::from_micros(now.parse().ok()?), seed: seed.parse().ok()? })
    }
}

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nobody and nothing.
    Empty,
    /// A week that was generated before.
    Demo,
    /// A part of a week; see [`finish`].
    Unfinished(Begun),
    /// People who are not the demo's: hands off.
    Real,
}

/// Looks before anything is generated or any password is set.
pub async fn content(parts: &Parts) -> Result<Content> {
    if let Some(note) = parts.store.settings().internal(MARKER).await? {
        return Ok(Begun::from_note(&note).map_or(Content::Demo, Content::Unfinished));
    }
    Ok(if parts.store.users().count().await? == 0 { Content::Empty } else { Content::Real })
}

/// Gives the three people of an existing demo this password.
pub async fn set_passwords(parts: &Parts, password: &str) -> Result<()> {
    let accounts = accounts(parts);
    for email in ["admin@example.com", "analyst@example.com", "viewer@example.com"] {
        accounts.set_password(email, password.to_owned(), KeepConnections::Yes).await?;
    }
    Ok(())
}

/// Generates the week that ends now and stores it: people, content, events, then the alerts that point at the events.
/// Notes first that it began and last that it is done, so that [`finish`] can do what an interruption left undone.
pub async fn fill(parts: &Parts, seed: u64, password: &str) -> Result<Summary> {
    let begun = Begun { now: parts.clock.now(), seed };
    parts.store.settings().set_internal(MARKER, &begun.to_note()).await?;
    let week = generate(begun.now, begun.seed);
    make(parts, week, password).await
}

/// Makes the week of an interrupted [`fill`] again, over what is there of it: the same people, content and alerts, and
/// the events from the beginning.
pub async fn finish(parts: &Parts, begun: Begun, password: &str) -> Result<Summary> {
    let week = generate(begun.now, begun.seed);
    // Rows of events have new ids each time, and alerts will point at the new ones: the old rows must not stay.
    for (log_type, _) in &week.events {
        let folder = parts.lake.table_path(log_type);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", folder.display()));
            }
            _ => {}
        }
    }
    make(parts, week, password).await
}

async fn make(parts: &Parts, week: DemoWeek, password: &str) -> Result<Summary> {
    let mut user_ids: BTreeMap<String, UserId> = BTreeMap::new();
    let accounts = accounts(parts);
    for user in &week.users {
        let account = NewAccount {
            email: user.email.clone(),
            given_name: user.given_name.clone(),
            family_name: user.family_name.clone(),
            role: user.role.clone(),
            password: Some(password.to_owned()),
        };
        let person = match accounts.create_user(account).await {
            Err(AccountError::EmailTaken(email)) => {
                accounts.set_password(&email, password.to_owned(), KeepConnections::Yes).await?;
                let found = parts.store.users().find_by_email(&email).await?;
                found.map(|(person, _)| person).with_context(|| format!("{email} has just been there"))?
            }
            created => created?,
        };
        user_ids.insert(person.email, person.id);
    }
    let summary = store(parts, week, &user_ids).await?;
    parts.store.settings().set_internal(MARKER, FILLED).await?;
    Ok(summary)
}

/// Stores a week's content. Authors and assignees that `user_ids` does not know are left out. Of the same week stored
/// a second time only the events are there twice, and they are counted once.
pub async fn store(parts: &Parts, week: DemoWeek, user_ids: &BTreeMap<String, UserId>) -> Result<Summary> {
    let now = parts.clock.now();
    parts.store.detections().put(&week.detections).await?;
    parts.store.global_helpers().put(&week.global_helpers).await?;
    parts.store.data_models().put(&week.data_models).await?;
    for source in &week.log_sources {
        parts.store.log_sources().put(source).await?;
    }
    for (enrichment, rows) in &week.enrichments {
        parts.store.enrichments().put(enrichment, rows).await?;
    }
    let mut refs: HashMap<String, Vec<EventRef>> = HashMap::new();
    let mut stored = Vec::new();
    for (log_type, events) in week.events {
        let lengths: Vec<u64> = events.iter().map(length).collect();
        let (report, of_type) = parts.lake.ingest_events(&log_type, events, now).await?;
        if let Some(source) = week.log_sources.iter().find(|source| source.log_types.contains(&log_type)) {
            count_volumes(parts, volumes(source, &log_type, &of_type, &lengths), source).await?;
        }
        stored.push((log_type.clone(), report.stored));
        refs.insert(log_type, of_type);
    }
    let count = week.alerts.len();
    let mut alerts = Vec::with_capacity(count);
    let mut comments = Vec::new();
    for mut demo in week.alerts {
        demo.alert.events = demo
            .matches
            .iter()
            .take(MAX_EVENT_REFS)
            .filter_map(|(log_type, index)| refs.get(log_type)?.get(*index).cloned())
            .collect();
        demo.alert.assignee_id =
            demo.assignee_email.as_ref().and_then(|email| user_ids.get(email)).map(ToString::to_string);
        demo.alert.updated_by.clone_from(&demo.alert.assignee_id);
        for (author, body, at) in demo.comments {
            let Some(author) = user_ids.get(&author) else { continue };
            comments.push(AlertComment {
                id: new_id("cmt", at, parts.entropy.as_ref()),
                alert_id: demo.alert.id.clone(),
                body,
                created_by: author.to_string(),
                created_at: at,
            });
        }
        alerts.push(demo.alert);
    }
    let port = parts.store.alerts();
    port.put(&alerts).await?;
    for comment in &comments {
        let there = port.comments(&comment.alert_id, &LogTypeAccess::AllowAll).await?;
        if !there.iter().any(|it| it.body == comment.body && it.created_at == comment.created_at) {
            port.add_comment(comment, &LogTypeAccess::AllowAll).await?;
        }
    }
    Ok(Summary {
        events: stored,
        log_sources: week.log_sources.len(),
        detections: week.detections.len(),
        global_helpers: week.global_helpers.len(),
        data_models: week.data_models.len(),
        alerts: count,
        enrichments: week.enrichments.len(),
    })
}

/// How many bytes an event has, as its source sent it.
fn length(event: &Map<String, Value>) -> u64 {
    // Names are texts and values JSON already, so this cannot fail.
    serde_json::to_string(event).map_or(0, |text| text.len() as u64)
}

/// What a source brought, for each stretch in which events happened; `lengths` are those of the events of `refs`.
fn volumes(source: &LogSource, log_type: &str, refs: &[EventRef], lengths: &[u64]) -> Vec<SourceVolume> {
    let width = i64::try_from(VOLUME_STRETCH.as_micros()).unwrap_or(i64::MAX);
    let mut stretches: BTreeMap<Timestamp, (u64, u64)> = BTreeMap::new();
    for (event, length) in refs.iter().zip(lengths) {
        let micros = event.event_time.as_micros();
        let begin = Timestamp::from_micros(micros - micros.rem_euclid(width));
        let (bytes, events) = stretches.entry(begin).or_default();
        *bytes += length;
        *events += 1;
    }
    stretches
        .into_iter()
        .map(|(begin, (bytes, events))| SourceVolume {
            begin,
            source_id: source.id.clone(),
            log_type: log_type.to_owned(),
            bytes,
            events,
        })
        .collect()
}

/// Records what a source brought, unless an interrupted fill did so before: all of a source is recorded at once, so
/// that any of it is all of it.
async fn count_volumes(parts: &Parts, volumes: Vec<SourceVolume>, source: &LogSource) -> Result<()> {
    let (Some(first), Some(last)) = (volumes.first(), volumes.last()) else { return Ok(()) };
    let port = parts.store.log_sources();
    let there = port.volumes(first.begin, last.begin.plus(VOLUME_STRETCH), VOLUME_STRETCH).await?;
    if there.iter().any(|volume| volume.source_id == source.id) {
        return Ok(());
    }
    // The source heard its last event when that happened, not when the week was made.
    let heard = source.last_received_at.unwrap_or(last.begin);
    port.record(&volumes, heard).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use margay_domain::id::LogSourceId;

    use super::*;

    #[test]
    fn events_are_counted_in_the_stretch_in_which_they_happened() {
        let source = LogSource { id: LogSourceId::new("src_x"), ..LogSource::command_line(Timestamp::from_seconds(0)) };
        let at = |seconds: i64| EventRef {
            log_type: "A.B".to_owned(),
            row_id: seconds.to_string(),
            event_time: Timestamp::from_seconds(seconds),
        };
        // 1_800_000_000 is a whole multiple of 15 minutes.
        let refs = [at(1_800_000_900), at(1_800_000_000), at(1_800_000_899), at(1_799_999_999)];
        let found = volumes(&source, "A.B", &refs, &[1, 20, 300, 4000]);
        let told: Vec<_> = found.iter().map(|it| (it.begin.as_seconds(), it.bytes, it.events)).collect();
        assert_eq!(told, [(1_799_999_100, 4000, 1), (1_800_000_000, 320, 2), (1_800_000_900, 1, 1)]);
        assert!(found.iter().all(|it| it.source_id == source.id && it.log_type == "A.B"));
        assert!(volumes(&source, "A.B", &[], &[]).is_empty());
    }

    #[test]
    fn the_length_of_an_event_is_that_of_its_json() {
        let Value::Object(event) = serde_json::json!({ "a": "ü", "b": [1, null] }) else { panic!("an object") };
        assert_eq!(length(&event), r#"{"a":"ü","b":[1,null]}"#.len() as u64);
    }

    #[test]
    fn a_note_says_what_was_begun() {
        let begun = Begun { now: Timestamp::from_micros(1_767_225_600_123_456), seed: 7 };
        assert_eq!(Begun::from_note(&begun.to_note()), Some(begun));
        for other in [FILLED, "", FILLING, "filling 1", "filling x 1", "filling 1 x"] {
            assert_eq!(Begun::from_note(other), None, "{other}");
        }
    }
}
