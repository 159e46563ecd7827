//! The port `AuditLog`.
//!
//! Promise 4: `record` answers after the event is on disk. One disk write per event would make every tool call wait
//! for all others, so one task writes all events that wait in a single statement and then answers each of them.

use std::borrow::Cow;

use async_trait::async_trait;
use margay_domain::{
    audit::{AI_TOOL_INVOKE, AuditEvent, AuditQuery},
    clock::Timestamp,
    ports::{AuditLog, StoreError, StoreResult},
};
use serde_json::Value;
use sqlx::{Database, Encode, QueryBuilder, Type};
use tokio::sync::{mpsc, oneshot};

use crate::{
    codec::{from_json, readable, text, to_json},
    engine::{Engine, builder, on_read, on_write},
    error::{DbResult as _, is_about_values, is_conflict, unavailable},
};

/// At most this many events per statement.
const MAX_BATCH: usize = 256;
/// This many callers may wait in the queue; the others wait to get in.
const QUEUE: usize = 1024;
/// The columns that searches filter by are cut to this many characters, on writing and on searching: an index entry
/// has a maximum size in PostgreSQL, and a client chooses the tool name of a call that fails.
const MAX_FILTERED: usize = 256;

/// The writer is gone: the store was closed, or the writer panicked. Nothing is recorded any more, so every call fails.
fn closed() -> StoreError {
    StoreError::Unavailable("the audit log is closed".to_owned())
}

/// An event as written.
#[derive(Debug)]
struct Entry {
    id: String,
    happened_at: i64,
    action: String,
    actor_id: String,
    actor_email: Option<String>,
    tool: Option<String>,
    result: &'static str,
    event: String,
}

impl Entry {
    fn new(event: &AuditEvent) -> StoreResult<Self> {
        let tool = (event.action_name == AI_TOOL_INVOKE).then(|| tool_name(&event.action_params)).flatten();
        Ok(Self {
            id: text(event.id.as_str()),
            happened_at: event.timestamp.as_micros(),
            action: filtered(&event.action_name),
            actor_id: filtered(&event.actor.id),
            actor_email: event.actor.email.as_deref().map(filtered),
            tool: tool.map(filtered),
            result: event.action_result.as_str(),
            event: event_json(event)?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct EventRow {
    happened_at: i64,
    event: String,
}

impl EventRow {
    fn into_event(self) -> StoreResult<AuditEvent> {
        let event: AuditEvent = from_json("an audit event", &self.event)?;
        // The JSON has milliseconds only.
        Ok(AuditEvent { timestamp: Timestamp::from_micros(self.happened_at), ..event })
    }
}

type Answer = oneshot::Sender<StoreResult<()>>;

/// What the writer is asked to do.
#[derive(Debug)]
enum Work {
    /// Write this event.
    Write(Box<Entry>, Answer),
    /// Answer when everything asked before is written.
    Flush(oneshot::Sender<()>),
}

/// The audit log in the database.
#[derive(Debug)]
pub(crate) struct SqlAuditLog {
    engine: Engine,
    queue: mpsc::Sender<Work>,
}

impl SqlAuditLog {
    /// Starts the writer, which ends when the log is dropped and everything is written.
    pub(crate) fn start(engine: Engine) -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(engine.clone(), work));
        Self { engine, queue }
    }

    /// Waits until the events recorded so far are written, or failed; an error if the writer is gone.
    pub(crate) async fn answers(&self) -> StoreResult<()> {
        let (answer, done) = oneshot::channel();
        self.queue.send(Work::Flush(answer)).await.map_err(|_| closed())?;
        done.await.map_err(|_| closed())
    }
}

#[async_trait]
impl AuditLog for SqlAuditLog {
    async fn record(&self, event: AuditEvent) -> StoreResult<()> {
        let entry = Box::new(Entry::new(&event)?);
        let (answer, done) = oneshot::channel();
        // Once queued the event is written even if the caller does not wait for the answer.
        self.queue.send(Work::Write(entry, answer)).await.map_err(|_| closed())?;
        done.await.map_err(|_| closed())?
    }

    async fn search(&self, query: &AuditQuery) -> StoreResult<Vec<AuditEvent>> {
        let rows = on_read!(self.engine, |pool| {
            let mut sql = builder(pool, "SELECT happened_at, event FROM audit_events WHERE 1 = 1");
            push_conditions(&mut sql, query);
            sql.build_query_as::<EventRow>().fetch_all(pool).await.db()?
        });
        rows.into_iter().map(EventRow::into_event).collect()
    }
}

/// The writer.
async fn write_all(engine: Engine, mut work: mpsc::Receiver<Work>) {
    let mut waiting = Vec::with_capacity(MAX_BATCH);
    while work.recv_many(&mut waiting, MAX_BATCH).await > 0 {
        let mut batch = Vec::with_capacity(waiting.len());
        let mut flushes = Vec::new();
        for item in waiting.drain(..) {
            match item {
                Work::Write(entry, answer) => batch.push((entry, answer)),
                Work::Flush(answer) => flushes.push(answer),
            }
        }
        if !batch.is_empty() {
            write_batch(&engine, batch).await;
        }
        for answer in flushes {
            // Nobody has to wait for it any more.
            answer.send(()).ok();
        }
    }
}

/// Writes a batch at once, or one by one if that fails, and answers each caller.
async fn write_batch(engine: &Engine, batch: Vec<(Box<Entry>, Answer)>) {
    let together = {
        let entries: Vec<&Entry> = batch.iter().map(|(entry, _)| &**entry).collect();
        insert(engine, &entries).await
    };
    if let Err(error) = &together {
        tracing::warn!(events = batch.len(), %error, "audit events were not written together, trying one by one");
    }
    // What failed for a reason that has nothing to do with one event fails for the rest too, without more waiting.
    let mut outage: Option<StoreError> = None;
    for (entry, answer) in batch {
        let result = if together.is_ok() {
            Ok(())
        } else if let Some(error) = outage.clone() {
            Err(error)
        } else {
            insert_one(engine, &entry, &mut outage).await
        };
        if let Err(error) = &result {
            tracing::error!(event = entry.id, %error, "an audit event was not written");
        }
        // A caller who went away needs no answer; the event is written all the same.
        answer.send(result).ok();
    }
}

async fn insert_one(engine: &Engine, entry: &Entry, outage: &mut Option<StoreError>) -> StoreResult<()> {
    let Err(error) = insert(engine, &[entry]).await else { return Ok(()) };
    if is_conflict(&error) {
        // The very same event counts as written: the connection may have broken after the commit.
        let stored = stored_event(engine, &entry.id).await?;
        let same = stored.is_some_and(|stored| stored == entry.event);
        return if same { Ok(()) } else { Err(StoreError::Conflict("an audit event with this id")) };
    }
    let failed = unavailable(&error);
    if !is_about_values(&error) {
        *outage = Some(failed.clone());
    }
    Err(failed)
}

/// One statement, which is one transaction: when it returns `Ok` the events are committed.
async fn insert(engine: &Engine, entries: &[&Entry]) -> Result<(), sqlx::Error> {
    on_write!(engine, |pool| {
        let mut sql = builder(
            pool,
            "INSERT INTO audit_events (id, happened_at, action, actor_id, actor_email, tool, result, event) ",
        );
        sql.push_values(entries, |mut tuple, entry| {
            tuple.push_bind(entry.id.as_str());
            tuple.push_bind(entry.happened_at);
            tuple.push_bind(entry.action.as_str());
            tuple.push_bind(entry.actor_id.as_str());
            tuple.push_bind(entry.actor_email.as_deref());
            tuple.push_bind(entry.tool.as_deref());
            tuple.push_bind(entry.result);
            tuple.push_bind(entry.event.as_str());
        });
        // Every size of batch is another text, so none is kept prepared.
        sql.build().persistent(false).execute(pool).await?;
    });
    Ok(())
}

async fn stored_event(engine: &Engine, id: &str) -> StoreResult<Option<String>> {
    const SQL: &str = "SELECT event FROM audit_events WHERE id = $1";
    Ok(on_read!(engine, |pool| { sqlx::query_scalar::<_, String>(SQL).bind(id).fetch_optional(pool).await.db()? }))
}

fn push_conditions<DB>(sql: &mut QueryBuilder<DB>, query: &AuditQuery)
where
    DB: Database,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
{
    if let Some(from) = query.from {
        sql.push(" AND happened_at >= ").push_bind(from.as_micros());
    }
    if let Some(until) = query.until {
        sql.push(" AND happened_at < ").push_bind(until.as_micros());
    }
    if let Some(action) = &query.action {
        sql.push(" AND action = ").push_bind(filtered(action));
    }
    if let Some(actor) = &query.actor {
        let actor = filtered(actor);
        sql.push(" AND (actor_id = ").push_bind(actor.clone());
        sql.push(" OR actor_email = ").push_bind(actor).push(")");
    }
    if let Some(tool) = &query.tool {
        sql.push(" AND tool = ").push_bind(filtered(tool));
    }
    if let Some(result) = query.result {
        sql.push(" AND result = ").push_bind(result.as_str().to_owned());
    }
    if let Some(before) = &query.before {
        // Time and id together are unique, so that no event is skipped or repeated between pages.
        sql.push(" AND (happened_at, id) < (SELECT happened_at, id FROM audit_events WHERE id = ");
        sql.push_bind(text(before.as_str())).push(")");
    }
    sql.push(" ORDER BY happened_at DESC, id DESC LIMIT ").push_bind(i64::from(query.limit));
}

fn event_json(event: &AuditEvent) -> StoreResult<String> {
    let (params, details) = (readable(&event.action_params), readable(&event.action_details));
    if let (Cow::Borrowed(_), Cow::Borrowed(_)) = (&params, &details) {
        return to_json(event);
    }
    to_json(&AuditEvent { action_params: params.into_owned(), action_details: details.into_owned(), ..event.clone() })
}

/// The tool of an `AI_TOOL_INVOKE` event.
fn tool_name(params: &Value) -> Option<&str> {
    params.get("static")?.get("toolName")?.as_str()
}

/// A text as it is compared with a filter.
fn filtered(value: &str) -> String {
    text(value).chars().take(MAX_FILTERED).collect()
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        audit::{ActionResult, Actor},
        id::AuditEventId,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn the_tool_is_found_where_it_stands() {
        assert_eq!(tool_name(&json!({"static": {"toolName": "list_alerts"}})), Some("list_alerts"));
        assert_eq!(tool_name(&json!({"static": {"toolName": 7}})), None);
        assert_eq!(tool_name(&json!(null)), None);
    }

    #[test]
    fn what_is_compared_is_cut() {
        assert_eq!(filtered(&"ä".repeat(300)), "ä".repeat(256));
        assert_eq!(filtered("a\0"), "a\u{fffd}");
    }

    #[tokio::test]
    async fn without_its_writer_the_log_refuses_everything() {
        let engine = crate::open::open(&crate::Database::SqliteInMemory).await.unwrap();
        let (queue, work) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(async move {
            let _work = work;
            panic!("the writer dies");
        });
        writer.await.unwrap_err();
        let log = SqlAuditLog { engine, queue };
        assert!(matches!(log.answers().await, Err(StoreError::Unavailable(_))));
        assert!(matches!(log.record(event("aud_1")).await, Err(StoreError::Unavailable(_))));
    }

    #[tokio::test]
    async fn events_are_recorded_again_once_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::Database::Sqlite { path: folder.path().join("margay.db") };
        let engine = crate::open::open(&database).await.unwrap();
        let Engine::Sqlite { write, .. } = &engine else { panic!("not SQLite") };
        let log = SqlAuditLog::start(engine.clone());
        let long = AuditEvent { action_details: json!({ "note": "x".repeat(1 << 20) }), ..event("aud_long") };
        sqlx::query("PRAGMA max_page_count = 1").execute(write).await.unwrap();
        let refused = log.record(long.clone()).await.unwrap_err();
        assert!(refused.to_string().contains("database or disk is full"), "{refused}");
        log.answers().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1000000").execute(write).await.unwrap();
        log.record(long).await.unwrap();
        log.record(event("aud_short")).await.unwrap();
    }

    fn event(id: &str) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::new(id),
            timestamp: Timestamp::from_seconds(0),
            action_name: AI_TOOL_INVOKE.to_owned(),
            action_description: String::new(),
            action_result: ActionResult::Succeeded,
            action_params: json!({}),
            action_details: json!({}),
            actor: Actor::command_line(),
            errors: Vec::new(),
            source_ip: None,
            user_agent: None,
        }
    }
}
