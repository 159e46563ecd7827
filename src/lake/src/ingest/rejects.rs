//! What becomes of input that is no event.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
};

use margay_domain::lake::{IngestReport, RejectedLine};

use super::documents::{Documents, ReadError};

/// At most this much of a rejected piece is in the report, in bytes.
const MAX_REPORTED_BYTES: usize = 64 * 1024;
/// At most this many rejected pieces are in the report.
const MAX_REPORTED: usize = 100;

/// Keeps rejected pieces: the first in the report, all in a file that is made when the first one comes. They are there
/// as they were, so that the file can be mended and read again.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Rejects {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Keeps the piece that was read last.
    pub(super) fn keep<R: Read, F: Fn(&str) -> bool>(
        &mut self,
        documents: &mut Documents<R, F>,
        line: u64,
        reason: String,
        report: &mut IngestReport,
    ) -> Result<(), ReadError> {
        report.rejected_total += 1;
        if report.rejected.len() < MAX_REPORTED {
            let shown = documents.piece();
            let shown = shown.get(..MAX_REPORTED_BYTES).unwrap_or(shown);
            let text = String::from_utf8_lossy(shown).trim().to_owned();
            report.rejected.push(RejectedLine { line, reason, text });
        }
        if documents.piece().is_empty() {
            // Something that is missing.
            return Ok(());
        }
        let file = self.file().map_err(ReadError::Rejects)?;
        documents.hand_on(|bytes| file.write_all(bytes))?;
        file.write_all(b"\n").map_err(ReadError::Rejects)
    }

    fn file(&mut self) -> io::Result<&mut BufWriter<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::new(File::create(&self.path)?),
        };
        Ok(self.file.insert(file))
    }

    /// Writes out what is still held back. Whether there is anything at all.
    pub(super) fn finish(self) -> Result<bool, ReadError> {
        let Some(mut file) = self.file else { return Ok(false) };
        file.flush().map_err(ReadError::Rejects)?;
        Ok(true)
    }
}

/// Removes the file for rejected pieces that an earlier ingest of the same file left, now that nothing was rejected.
/// Whether there was one.
pub(super) fn remove_stale(path: &Path) -> bool {
    path.is_file() && fs::remove_file(path).is_ok()
}
