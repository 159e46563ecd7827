//! Files of events, and events at hand.

use std::{
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::arrow::{array::RecordBatch, error::ArrowError};
use margay_domain::{
    alert::EventRef,
    clock::Timestamp,
    entropy::Entropy,
    lake::{IngestReport, LakeError, WithoutTime},
};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    convert::{NoTime, Plan, Pushed, RowIds, Rows},
    documents::{Documents, Event, Found, ReadError, What},
    error::IngestError,
    input::{Input, OpenError},
    rejects::{Rejects, remove_stale},
    write::Writer,
};
use crate::{errors::unavailable, schema::Schema, tables::Tables};

/// Rows of a batch.
const BATCH_ROWS: usize = 65_536;
/// A batch is also full when its events have this many bytes.
const BATCH_BYTES: usize = 64 * 1024 * 1024;
/// At most this many batches wait for the writer.
const BATCHES_AHEAD: usize = 2;

/// This many events without a time are told one by one.
const MAX_EXAMPLES: usize = 10;
/// How often progress is told, in bytes that were read.
const PROGRESS_BYTES: u64 = 16 * 1024 * 1024;

/// Is told how far an ingest is: bytes that were read, after decompression, and events that were found.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// How one input is read.
#[derive(Clone, Default)]
pub struct IngestOptions {
    /// The file for what is rejected; without it [`rejects_beside`] the input.
    pub rejects: Option<PathBuf>,
    /// Whether events without a time that can be read are rejected, instead of getting the time of the ingest.
    pub reject_without_time: bool,
    /// Is told how far it is.
    pub progress: Option<Progress>,
}

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// The numbers.
    pub report: IngestReport,
    /// Where rejected pieces are kept, if there are any that are in the input.
    pub rejects: Option<PathBuf>,
    /// Whether a file that an earlier ingest left for rejected pieces was replaced or removed.
    pub replaced_rejects: bool,
}

/// The log schema to read with.
pub(crate) struct Reading<'a> {
    /// The schema.
    pub(crate) schema: &'a Schema,
    /// Its revision.
    pub(crate) revision: i64,
    /// The time of the ingest.
    pub(crate) now: Timestamp,
    /// For ids of rows.
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Reading<'_> {
    fn plan(&self, writer: &Writer) -> Arc<Plan> {
        Arc::new(Plan::new(self.schema, self.revision, writer.schema(), self.now))
    }

    fn ids(&self) -> RowIds {
        RowIds::new(self.now, Arc::clone(&self.entropy))
    }
}

/// Reads events from `input` into the table of the schema: all of it or nothing.
pub(crate) async fn ingest_input(
    tables: &Tables,
    reading: &Reading<'_>,
    input: &Input,
    options: IngestOptions,
) -> Result<Ingested, IngestError> {
    let unreadable = |reason| IngestError::Input { input: input.clone(), reason };
    let opening = input.clone();
    let opened = tokio::task::spawn_blocking(move || opening.open()).await.map_err(unavailable)?;
    let text = opened.map_err(|error| match error {
        OpenError::Read(reason) => unreadable(reason),
        OpenError::Format(format) => IngestError::Format { input: input.clone(), format },
    })?;
    let own_rejects = options.rejects.is_none();
    let rejects = options.rejects.unwrap_or_else(|| rejects_of(input));
    let was_there = rejects.is_file();
    let mut writer = Writer::new(tables.ensure(reading.schema).await?)?;
    let job = ReadJob {
        plan: reading.plan(&writer),
        ids: reading.ids(),
        rejects: Rejects::new(rejects.clone()),
        timed: options.reject_without_time,
        progress: options.progress,
    };
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let reader = tokio::task::spawn_blocking(move || job.run(text, &sender));
    let mut written = Ok(());
    while let Some(batch) = batches.recv().await {
        written = writer.write(batch).await;
        if written.is_err() {
            break;
        }
    }
    // The reader stops when nobody takes its batches.
    drop(batches);
    let read = reader.await.map_err(unavailable)?;
    let outcome = written.map_err(IngestError::from).and_then(|()| {
        read.map_err(|error| match error {
            Failure::Read(ReadError::Input(reason)) => unreadable(reason),
            Failure::Read(ReadError::Rejects(reason)) => IngestError::Rejects { path: rejects.clone(), reason },
            Failure::Rows(cause) => unavailable(cause).into(),
            Failure::Stopped => unavailable("the writer has stopped").into(),
        })
    });
    match outcome {
        Ok((report, kept)) => {
            writer.commit().await?;
            // A file of rejected lines beside the input is ours, and says what the last ingest of it rejected.
            let replaced_rejects = was_there && (kept || (own_rejects && remove_stale(&rejects)));
            Ok(Ingested { report, rejects: kept.then_some(rejects), replaced_rejects })
        }
        Err(error) => {
            writer.abort();
            Err(error)
        }
    }
}

/// Where rejected pieces go if nobody says otherwise. For standard input that is a file in the current folder.
pub fn rejects_of(input: &Input) -> PathBuf {
    match input {
        Input::File(file) => rejects_beside(file),
        Input::Standard => rejects_beside(Path::new("stdin")),
    }
}

/// Where the rejected pieces of a file go if nobody says otherwise: `<file>.rejected`.
pub fn rejects_beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".rejected");
    PathBuf::from(name)
}

/// Whether two paths lead to one file, also by way of links. Files that are not there are none.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Why reading stopped.
enum Failure {
    Read(ReadError),
    Rows(ArrowError),
    /// The writer failed, and says why.
    Stopped,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// What the thread needs that reads.
struct ReadJob {
    plan: Arc<Plan>,
    ids: RowIds,
    rejects: Rejects,
    timed: bool,
    progress: Option<Progress>,
}

impl ReadJob {
    /// The numbers, and whether anything is in the file for rejected pieces.
    fn run(mut self, input: impl Read, batches: &mpsc::Sender<RecordBatch>) -> Result<(IngestReport, bool), Failure> {
        let mut report = IngestReport::default();
        let plan = Arc::clone(&self.plan);
        let mut documents = Documents::new(input, |name: &str| plan.knows(name), self.timed);
        let mut rows = Rows::new(Arc::clone(&self.plan));
        let mut waiting = 0;
        let mut told = 0;
        while let Some(Found { line, bytes, what }) = documents.next()? {
            report.lines += 1;
            let rejected = match what {
                What::Event(event) => {
                    let pushed = push(&mut rows, &mut self.ids, &mut report, event, line, self.timed);
                    if pushed.is_ok() {
                        report.bytes += bytes as u64;
                        waiting += bytes;
                    }
                    pushed.err()
                }
                What::Rejected(reason) => Some(reason),
            };
            if let Some(reason) = rejected {
                self.rejects.keep(&mut documents, line, reason, &mut report)?;
            }
            if rows.len() >= BATCH_ROWS || waiting >= BATCH_BYTES {
                send(&mut rows, batches)?;
                waiting = 0;
            }
            if let Some(progress) = &self.progress
                && documents.read >= told + PROGRESS_BYTES
            {
                told = documents.read;
                progress(told, report.lines);
            }
        }
        if rows.len() > 0 {
            send(&mut rows, batches)?;
        }
        report.unwrapped = documents.opened;
        let kept = self.rejects.finish()?;
        Ok((report, kept))
    }
}

/// Makes a row of an event and counts it. The error says why it is none.
fn push(
    rows: &mut Rows,
    ids: &mut RowIds,
    report: &mut IngestReport,
    event: Event,
    line: u64,
    timed: bool,
) -> Result<Pushed, String> {
    let repaired = u64::from(event.repaired);
    let duplicate_keys = event.overwritten.len() as u64;
    let pushed = rows.push(event, ids, timed).map_err(|NoTime(found)| match found {
        Some(found) => format!("no time that can be read: {found}"),
        None => "no time".to_owned(),
    })?;
    report.stored += 1;
    report.misfits += pushed.misfits;
    report.repaired += repaired;
    report.duplicate_keys += duplicate_keys;
    if let Some(NoTime(found)) = &pushed.without_time {
        report.without_time += 1;
        if report.without_time_examples.len() < MAX_EXAMPLES {
            report.without_time_examples.push(WithoutTime { line, found: found.clone() });
        }
    }
    Ok(pushed)
}

fn send(rows: &mut Rows, batches: &mpsc::Sender<RecordBatch>) -> Result<(), Failure> {
    let batch = rows.finish().map_err(Failure::Rows)?;
    batches.blocking_send(batch).map_err(|_| Failure::Stopped)
}

/// Stores events at hand, all or none; returns where each one is, in order.
pub(crate) async fn ingest_events(
    tables: &Tables,
    reading: &Reading<'_>,
    events: Vec<Map<String, Value>>,
) -> Result<(IngestReport, Vec<EventRef>), LakeError> {
    let mut writer = Writer::new(tables.ensure(reading.schema).await?)?;
    let mut rows = Rows::new(reading.plan(&writer));
    let mut ids = reading.ids();
    let log_type = reading.schema.name.clone();
    let mut report = IngestReport { lines: events.len() as u64, ..IngestReport::default() };
    let convert = move || {
        let mut refs = Vec::with_capacity(events.len());
        let mut batches = Vec::new();
        for (event, line) in events.into_iter().zip(1..) {
            report.bytes += json_length(&event);
            let event = Event { members: event, ..Event::default() };
            // Only what has no time can be refused, and nobody asks for that here.
            let Ok(Pushed { row, .. }) = push(&mut rows, &mut ids, &mut report, event, line, false) else { continue };
            refs.push(EventRef { log_type: log_type.clone(), row_id: row.row_id, event_time: row.event_time });
            if rows.len() >= BATCH_ROWS {
                batches.push(rows.finish()?);
            }
        }
        if rows.len() > 0 {
            batches.push(rows.finish()?);
        }
        Ok::<_, ArrowError>((report, refs, batches))
    };
    let (report, refs, batches) =
        tokio::task::spawn_blocking(convert).await.map_err(unavailable)?.map_err(unavailable)?;
    for batch in batches {
        if let Err(error) = writer.write(batch).await {
            writer.abort();
            return Err(error);
        }
    }
    writer.commit().await?;
    Ok((report, refs))
}

/// How many bytes an event has as JSON without spaces.
fn json_length(event: &Map<String, Value>) -> u64 {
    // Names are texts and values JSON already, so this cannot fail.
    serde_json::to_string(event).map_or(0, |text| text.len() as u64)
}
