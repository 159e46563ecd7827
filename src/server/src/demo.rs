//! Fills an empty installation with the generated week of `margay_content::demo`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use anyhow::Result;
use margay_content::demo::{DemoWeek, generate};
use margay_domain::{
    alert::{AlertComment, EventRef, MAX_EVENT_REFS},
    id::{UserId, generate as new_id},
    ports::DataLake as _,
};
use margay_signin::accounts::NewAccount;

use crate::{cli::accounts, wiring::Parts};

/// What was made.
#[derive(Debug)]
pub struct Summary {
    events: Vec<(String, u64)>,
    detections: usize,
    alerts: usize,
    enrichments: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: Vec<String> = self.events.iter().map(|(log_type, count)| format!("{count} {log_type}")).collect();
        write!(
            f,
            "{} events, {} detections, {} alerts, {} enrichment tables",
            events.join(" + "),
            self.detections,
            self.alerts,
            self.enrichments
        )
    }
}

/// The server's note that a database holds the demo.
const MARKER: &str = "demo";

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nobody and nothing.
    Empty,
    /// A week that was generated before.
    Demo,
    /// People who are not the demo's: hands off.
    Real,
}

/// Looks before anything is generated or any password is set.
pub async fn content(parts: &Parts) -> Result<Content> {
    if parts.store.settings().internal(MARKER).await?.is_some() {
        return Ok(Content::Demo);
    }
    Ok(if parts.store.users().count().await? == 0 { Content::Empty } else { Content::Real })
}

/// Gives the three people of an existing demo this password.
pub async fn set_passwords(parts: &Parts, password: &str) -> Result<()> {
    let accounts = accounts(parts);
    for email in ["admin@example.com", "analyst@example.com", "viewer@example.com"] {
        accounts.set_password(email, password.to_owned()).await?;
    }
    Ok(())
}

/// Generates the week that ends now and stores it: people, content, events, then the alerts that point at the events.
pub async fn fill(parts: &Parts, seed: u64, password: &str) -> Result<Summary> {
    parts.store.settings().set_internal(MARKER, "1").await?;
    let week: DemoWeek = generate(parts.clock.now(), seed);
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
        let created = accounts.create_user(account).await?;
        user_ids.insert(created.email, created.id);
    }
    store(parts, week, &user_ids).await
}

/// Stores a week's content. Authors and assignees that `user_ids` does not know are left out.
pub async fn store(parts: &Parts, week: DemoWeek, user_ids: &BTreeMap<String, UserId>) -> Result<Summary> {
    let now = parts.clock.now();
    parts.store.detections().put(&week.detections).await?;
    for (enrichment, rows) in &week.enrichments {
        parts.store.enrichments().put(enrichment, rows).await?;
    }
    let mut refs: HashMap<String, Vec<EventRef>> = HashMap::new();
    let mut stored = Vec::new();
    for (log_type, events) in week.events {
        let (report, of_type) = parts.lake.ingest_events(&log_type, events, now).await?;
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
        port.add_comment(comment).await?;
    }
    Ok(Summary {
        events: stored,
        detections: week.detections.len(),
        alerts: count,
        enrichments: week.enrichments.len(),
    })
}
