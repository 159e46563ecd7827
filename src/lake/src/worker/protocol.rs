//! What a worker is asked and what it answers: frames of a length (four bytes, little-endian) and JSON.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use margay_domain::{
    alert::EventRef,
    clock::Timestamp,
    lake::{LakeError, QueryResult},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::catalog::Known;

/// No frame is longer, in bytes; one that says so is garbage.
const MAX_FRAME: usize = 1 << 30;

/// The first frame: what the worker works on, and within which limits. It answers with [`Ready`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The folder of the lake.
    pub(crate) root: PathBuf,
    /// Memory for what a query sorts, groups and joins, in bytes.
    pub(crate) memory_bytes: usize,
    /// Where a query may put what does not fit; `None` where nothing can be written.
    pub(crate) spill: Option<Spill>,
}

/// A folder of one worker, and how many bytes it may hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spill {
    /// The folder; it exists.
    pub(crate) folder: PathBuf,
    /// Bytes.
    pub(crate) bytes: u64,
}

/// The worker is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready;

/// What is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Run a statement.
    Query(QueryJob),
    /// Find the events of an alert.
    Events(EventsJob),
}

/// A statement of a person.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct QueryJob {
    /// As it was written.
    pub(crate) sql: String,
    /// Where unqualified tables are.
    pub(crate) database: String,
    /// At most this many rows.
    pub(crate) max_rows: usize,
    /// Rows to skip first.
    pub(crate) offset: usize,
    /// The present.
    pub(crate) now: Timestamp,
    /// What the person may read; nothing else can be reached.
    pub(crate) known: Known,
}

/// References of an alert.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventsJob {
    /// In the order of the answer.
    pub(crate) refs: Vec<EventRef>,
    /// What the person may read; nothing else can be reached.
    pub(crate) known: Known,
}

/// What a job led to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The rows of a statement.
    Rows(QueryResult),
    /// Events.
    Events(Vec<Map<String, Value>>),
    /// It could not be done.
    Failed(LakeError),
}

/// Begins a text that stands for something else, see [`Answer::packed`].
const MARK: char = '\u{1}';

impl Answer {
    /// The answer as it travels. A fraction is a text with its bits, because the parser of JSON rounds the last digit; a
    /// text that could be taken for one is marked.
    pub(crate) fn packed(self) -> Self {
        self.map(&mut |value| match value {
            Value::Number(number) if number.is_f64() => {
                let bits = number.as_f64().unwrap_or_default().to_bits();
                *value = Value::String(format!("{MARK}f{bits:x}"));
            }
            Value::String(text) if text.starts_with(MARK) => text.insert_str(0, "\u{1}t"),
            _ => {}
        })
    }

    /// The answer that [`Self::packed`] packed.
    pub(crate) fn unpacked(self) -> Self {
        self.map(&mut |value| {
            let Value::String(text) = value else { return };
            let Some(marked) = text.strip_prefix(MARK) else { return };
            *value = match marked.strip_prefix('f') {
                Some(bits) => {
                    let bits = u64::from_str_radix(bits, 16).ok();
                    bits.and_then(|bits| Number::from_f64(f64::from_bits(bits))).map_or(Value::Null, Value::Number)
                }
                None => Value::String(marked.strip_prefix('t').unwrap_or_default().to_owned()),
            };
        })
    }

    fn map(mut self, change: &mut impl FnMut(&mut Value)) -> Self {
        let rows = match &mut self {
            Self::Rows(result) => &mut result.rows,
            Self::Events(events) => events,
            Self::Failed(_) => return self,
        };
        rows.iter_mut().flat_map(Map::values_mut).for_each(|value| walk(value, change));
        self
    }
}

/// Applies a change to every value that holds no others.
fn walk(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(object) => object.values_mut().for_each(|item| walk(item, change)),
        other => change(other),
    }
}

/// A value as a frame.
pub(crate) fn frame(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value)?;
    let length = bytes.len() - 4;
    let length = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"))?;
    if let Some(head) = bytes.get_mut(..4) {
        head.copy_from_slice(&length.to_le_bytes());
    }
    Ok(bytes)
}

fn length_of(head: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_le_bytes(head)).unwrap_or(usize::MAX);
    if length <= MAX_FRAME {
        return Ok(length);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a frame says that it is too long"))
}

/// Reads a frame, in the worker.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mut bytes = vec![0; length_of(head)?];
    from.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Writes a frame, in the worker.
pub(crate) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame(value)?)?;
    to.flush()
}

/// Sends a frame to a worker.
pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    to.write_all(frame).await?;
    to.flush().await
}

/// Receives the bytes of a frame of a worker. Memory is taken as bytes arrive, not for what a length promises.
pub(crate) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let length = length_of(head)?;
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn frames_arrive_as_they_were_sent() {
        let failed = Answer::Failed(LakeError::BadSql { message: "no\u{e9}".to_owned(), position: Some((2, 3)) });
        let bytes = frame(&failed).unwrap();
        let received = receive(&mut bytes.as_slice()).await.unwrap();
        let Answer::Failed(error) = serde_json::from_slice(&received).unwrap() else { panic!("another answer") };
        assert_eq!(error, LakeError::BadSql { message: "no\u{e9}".to_owned(), position: Some((2, 3)) });
        let mut written = Vec::new();
        write(&mut written, &7).unwrap();
        write(&mut written, &8).unwrap();
        let mut reader = Cursor::new(written);
        assert_eq!((read::<i32>(&mut reader).unwrap(), read::<i32>(&mut reader).unwrap()), (7, 8));
        assert_eq!(read::<i32>(&mut reader).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn values_arrive_to_the_last_bit() {
        let floats =
            [1.0 / 7.0, 0.1 + 0.2, 5e-324, f64::MAX, -0.0, 9_007_199_254_740_993.0_f64, 1.234_567_890_123_456_7e-7];
        let rows = json!([{
            "floats": floats, "text": "\u{1}f3ff0000000000000", "marked": "\u{1}t", "one": "\u{1}", "plain": "x",
            "whole": [i64::MIN, u64::MAX, 1], "deep": { "list": [{ "v": 1.0 / 3.0 }, null, true] },
        }]);
        let Value::Array(items) = &rows else { panic!() };
        let rows_of = items.iter().map(|row| row.as_object().unwrap().clone()).collect();
        let bytes = serde_json::to_vec(&Answer::Events(rows_of).packed()).unwrap();
        let Answer::Events(events) = serde_json::from_slice::<Answer>(&bytes).unwrap().unpacked() else { panic!() };
        assert_eq!(json!(events), rows);
        let arrived = events[0]["floats"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap().to_bits());
        assert!(arrived.eq(floats.map(f64::to_bits)));
    }

    #[tokio::test]
    async fn garbage_takes_no_memory() {
        let endless = receive(&mut [0xff_u8; 8].as_slice()).await.unwrap_err();
        assert_eq!(endless.kind(), io::ErrorKind::InvalidData);
        let cut = receive(&mut [0, 0, 0, 0x10, b'x'].as_slice()).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        assert!(read::<i32>(&mut [0xff_u8; 8].as_slice()).is_err());
    }
}
