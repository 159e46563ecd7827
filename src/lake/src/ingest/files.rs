//! Files of JSON lines, and events at hand.

use std::{
    ffi::OsString,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::arrow::{array::RecordBatch, error::ArrowError};
use margay_domain::{
    alert::EventRef,
    clock::Timestamp,
    entropy::Entropy,
    lake::{IngestReport, LakeError},
};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    convert::{Plan, RowIds, Rows},
    error::IngestError,
    lines::{Line, LineError, Lines, Rejects},
    write::Writer,
};
use crate::{errors::unavailable, schema::Schema, tables::Tables};

/// Rows of a batch.
const BATCH_ROWS: usize = 65_536;
/// A batch is also full when its lines have so many bytes.
const BATCH_BYTES: usize = 64 * 1024 * 1024;
/// So many batches may wait for the writer.
const BATCHES_AHEAD: usize = 2;

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

/// Reads JSON lines from `file` into the table of the schema: all of it or nothing.
pub(crate) async fn ingest_file(
    tables: &Tables,
    reading: &Reading<'_>,
    file: &Path,
    rejects: &Path,
) -> Result<IngestReport, IngestError> {
    let unreadable = |reason| IngestError::Input { path: file.to_path_buf(), reason };
    let input = tokio::fs::File::open(file).await.map_err(unreadable)?;
    let input = BufReader::with_capacity(1024 * 1024, input.into_std().await);
    let mut writer = Writer::new(tables.ensure(reading.schema).await?)?;
    let plan = reading.plan(&writer);
    let ids = reading.ids();
    let kept = Rejects::new(rejects.to_path_buf());
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let reader = tokio::task::spawn_blocking(move || read(input, plan, ids, kept, &sender));
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
            ReadError::Line(LineError::Read(reason)) => unreadable(reason),
            ReadError::Line(LineError::Rejects(reason)) => IngestError::Rejects { path: rejects.to_path_buf(), reason },
            ReadError::Rows(cause) => unavailable(cause).into(),
            ReadError::Stopped => unavailable("the writer has stopped").into(),
        })
    });
    match outcome {
        Ok(report) => {
            writer.commit().await?;
            Ok(report)
        }
        Err(error) => {
            writer.abort();
            Err(error)
        }
    }
}

/// Where the rejected lines of a file go if nobody says otherwise: `<file>.rejected`.
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
enum ReadError {
    Line(LineError),
    Rows(ArrowError),
    /// The writer failed, and says why.
    Stopped,
}

impl From<LineError> for ReadError {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

fn read(
    input: BufReader<File>,
    plan: Arc<Plan>,
    mut ids: RowIds,
    mut rejects: Rejects,
    batches: &mpsc::Sender<RecordBatch>,
) -> Result<IngestReport, ReadError> {
    let mut report = IngestReport::default();
    let mut lines = Lines::new(input);
    let mut rows = Rows::new(plan);
    let mut bytes = 0;
    while let Some((_, length, line)) = lines.next()? {
        report.lines += 1;
        match line {
            Line::Event(event) => {
                let (_, misfits) = rows.push(event, &mut ids);
                report.misfits += misfits;
                report.stored += 1;
                report.bytes += length as u64;
                bytes += length;
            }
            Line::Rejected(reason) => rejects.keep(&mut lines, reason, &mut report)?,
        }
        if rows.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            send(&mut rows, batches)?;
            bytes = 0;
        }
    }
    if rows.len() > 0 {
        send(&mut rows, batches)?;
    }
    rejects.finish()?;
    Ok(report)
}

fn send(rows: &mut Rows, batches: &mpsc::Sender<RecordBatch>) -> Result<(), ReadError> {
    let batch = rows.finish().map_err(ReadError::Rows)?;
    batches.blocking_send(batch).map_err(|_| ReadError::Stopped)
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
    let mut report =
        IngestReport { lines: events.len() as u64, stored: events.len() as u64, ..IngestReport::default() };
    let convert = move || {
        let mut refs = Vec::with_capacity(events.len());
        let mut batches = Vec::new();
        for event in events {
            report.bytes += json_length(&event);
            let (row, misfits) = rows.push(event, &mut ids);
            report.misfits += misfits;
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
