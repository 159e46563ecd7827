//! Why a file was not ingested.

use std::{error::Error, fmt, io, path::PathBuf};

use margay_domain::lake::LakeError;

use super::input::Input;

/// Why a file was not ingested. Nothing of it is stored then.
#[derive(Debug)]
pub enum IngestError {
    /// The input cannot be read.
    Input {
        /// Where it is from.
        input: Input,
        /// Why.
        reason: io::Error,
    },
    /// The input holds no JSON.
    Format {
        /// Where it is from.
        input: Input,
        /// What it is.
        format: &'static str,
    },
    /// The file for rejected lines cannot be written.
    Rejects {
        /// That file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Rejected lines would overwrite the file itself.
    RejectsAreInput {
        /// The file.
        path: PathBuf,
    },
    /// The lake, or the log schema.
    Lake(LakeError),
}

impl fmt::Display for IngestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { input, reason } if reason.kind() == io::ErrorKind::NotFound => {
                write!(f, "there is no file {input}; check the name and the folder")
            }
            Self::Input { input: Input::Standard, reason } => write!(f, "standard input cannot be read: {reason}"),
            Self::Input { input, reason } => write!(f, "the file {input} cannot be read: {reason}"),
            Self::Format { input, format } => {
                write!(f, "{input} is {format}; Margay reads JSON, also compressed with gzip or zstd")
            }
            Self::Rejects { path, reason } => write!(
                f,
                "the file {} for rejected lines cannot be written: {reason}; nothing was stored, name another file with \
                 --rejects",
                path.display()
            ),
            Self::RejectsAreInput { path } => write!(
                f,
                "rejected lines cannot go into {}, which is read; name another file with --rejects",
                path.display()
            ),
            Self::Lake(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for IngestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Lake(error) => error.source(),
            // Their reason is part of the sentence.
            Self::Input { .. } | Self::Format { .. } | Self::Rejects { .. } | Self::RejectsAreInput { .. } => None,
        }
    }
}

impl From<LakeError> for IngestError {
    fn from(error: LakeError) -> Self {
        Self::Lake(error)
    }
}

impl From<IngestError> for LakeError {
    /// For those who know only the port, where files are no subject.
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Lake(error) => error,
            other => Self::Unavailable(other.to_string()),
        }
    }
}
