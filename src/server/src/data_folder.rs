//! The data folder: which commands need an installation there, what to say where it cannot be used, and the one server
//! that uses it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
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
    /// Another server uses it.
    #[error("the data folder {} is in use by another margay server{}: stop that one first, or name another folder \
             with --data-dir or data.dir", .dir.display(), .process.as_ref().map(|id| format!(" (process {id})"))
             .unwrap_or_default())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The id of the other server's process, if it can be read.
        process: Option<u32>,
    },
    /// The file that marks it as in use cannot be written.
    #[error("the file {} cannot be written: {reason}; give this user write access to it, or name another folder with \
             --data-dir or data.dir", .path.display())]
    NotLocked {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

/// The file that is locked while a server uses the folder.
const LOCK_FILE: &str = "server.lock";

/// Marks the data folder as in use by this server, until it is dropped or the process ends, however it ends.
///
/// Two servers on one `SQLite` file would each count guesses and calls for themselves, and a client's session would be
/// known to one of them only. Commands take no lock: they work beside a server.
#[derive(Debug)]
pub(crate) struct ServerLock {
    /// Locked as long as it is open.
    _file: File,
}

impl ServerLock {
    /// Makes the folder if it is missing, and takes the lock. `None` with PostgreSQL, which several servers may share.
    pub(crate) fn take(config: &Config) -> Result<Option<Self>, DataFolderError> {
        let Database::Sqlite { .. } = config.database() else { return Ok(None) };
        let dir = &config.data.dir;
        create(dir)?;
        let path = dir.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(reason) => return Err(DataFolderError::NotLocked { path, reason }),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(DataFolderError::InUse { dir: dir.clone(), process });
            }
            // Some file systems know no locks. A server that cannot look for another one is no reason not to run.
            Err(TryLockError::Error(reason)) if reason.kind() == io::ErrorKind::Unsupported => {
                tracing::warn!(folder = %dir.display(), "this file system has no locks: do not run a second server here");
                return Ok(None);
            }
            Err(TryLockError::Error(reason)) => return Err(DataFolderError::NotLocked { path, reason }),
        }
        // For the sentence of the second one; the lock holds without it.
        let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::debug!(%error, "the process id could not be noted");
        }
        Ok(Some(Self { _file: file }))
    }
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
