//! The data folder: which commands need an installation there, and what to say where it cannot be used.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use margay_store::Database;

use crate::config::Config;

/// What to do where there is no installation.
const ADVICE: &str = "name the right one with --data-dir or data.dir, or begin an installation with margay serve";

/// A data folder that cannot be used. Each is one sentence for the person at the command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataFolderError {
    /// There is nothing at this path.
    #[error("the data folder {} does not exist: {}", .0.display(), ADVICE)]
    Missing(PathBuf),
    /// There is something else at this path.
    #[error("the data folder {} is no folder: {}", .0.display(), ADVICE)]
    NotAFolder(PathBuf),
    /// The folder is there, but nobody ever began an installation in it.
    #[error("there is no installation in the data folder {}: {}", .0.display(), ADVICE)]
    Empty(PathBuf),
    /// The system does not let us look.
    #[error("the data folder {} cannot be read: {reason}", .dir.display())]
    Unreadable {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The system does not let us make it.
    #[error("the data folder {} cannot be made: {reason}; name another with --data-dir or data.dir", .dir.display())]
    NotMade {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

/// Looks for an installation, and changes nothing.
pub(crate) fn find(config: &Config) -> Result<(), DataFolderError> {
    let dir = &config.data.dir;
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(DataFolderError::NotAFolder(dir.clone())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(DataFolderError::Missing(dir.clone()));
        }
        Err(reason) => return Err(DataFolderError::Unreadable { dir: dir.clone(), reason }),
    }
    // With PostgreSQL only the lake is here, and that is made when the first events come.
    let Database::Sqlite { path } = config.database() else { return Ok(()) };
    // A file that cannot be looked at is there; the store says why it cannot be opened.
    if path.try_exists().unwrap_or(true) { Ok(()) } else { Err(DataFolderError::Empty(dir.clone())) }
}

/// Makes the folder if it is missing.
pub(crate) fn create(dir: &Path) -> Result<(), DataFolderError> {
    fs::create_dir_all(dir).map_err(|reason| DataFolderError::NotMade { dir: dir.to_path_buf(), reason })
}
