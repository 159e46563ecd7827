//! Walking a folder and reading its files.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::beside::{Beside, MAX_SOURCE_BYTES, check_name, too_large};

/// The YAML files of a folder, by path relative to it, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) files: Vec<PathBuf>,
    pub(super) problems: Vec<(PathBuf, String)>,
}

/// All `*.yml` and `*.yaml` below `root` (which must be canonical), sorted. Names that begin with a dot are left
/// out. A link is followed if it stays inside `root`, and a folder is visited once, so links cannot make a loop.
pub(super) fn walk(root: &Path) -> io::Result<Walk> {
    let mut walk = Walk::default();
    let mut visited = HashSet::from([root.to_path_buf()]);
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        look_at(root, &entry?.path(), &mut walk, &mut folders);
    }
    while let Some(folder) = folders.pop() {
        let Ok(real) = folder.canonicalize() else { continue };
        if !real.starts_with(root) || !visited.insert(real) {
            continue;
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                walk.problems.push((relative(root, &folder), format!("the folder cannot be read: {error}")));
                continue;
            }
        };
        for entry in entries.flatten() {
            look_at(root, &entry.path(), &mut walk, &mut folders);
        }
    }
    walk.files.sort();
    Ok(walk)
}

fn look_at(root: &Path, path: &Path, walk: &mut Walk, folders: &mut Vec<PathBuf>) {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    // Follows links; one that leads nowhere or in a circle has no metadata.
    let Ok(metadata) = fs::metadata(path) else { return };
    if hidden {
        return;
    }
    if metadata.is_dir() {
        folders.push(path.to_path_buf());
        return;
    }
    if metadata.is_file() && is_yaml(path) {
        walk.files.push(relative(root, path));
    }
}

/// Whether the name ends like that of a YAML file.
pub(super) fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("yml") || extension.eq_ignore_ascii_case("yaml"))
}

fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_path_buf()
}

/// The text of a YAML file. The error is a sentence.
pub(super) fn text(root: &Path, relative: &Path) -> Result<String, String> {
    let path = root.join(relative);
    let real = path.canonicalize().map_err(|error| format!("cannot be read: {error}"))?;
    if !real.starts_with(root) {
        return Err("is a link that leads out of the imported folder".to_owned());
    }
    let length = fs::metadata(&real).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > MAX_SOURCE_BYTES {
        return Err(format!("is larger than {} MB and was left out", MAX_SOURCE_BYTES / (1024 * 1024)));
    }
    let bytes = fs::read(&real).map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

/// Files on disk beside a YAML file in `folder`; `root` must be canonical.
pub(super) struct OnDisk<'a> {
    pub(super) root: &'a Path,
    pub(super) folder: PathBuf,
}

impl Beside for OnDisk<'_> {
    fn read(&self, filename: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        check_name(filename)?;
        let unreadable = |error: io::Error| format!("`Filename`: {filename} cannot be read: {error}");
        let real = match self.folder.join(filename).canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // The name was checked; a link could still lead out.
        if !real.starts_with(self.root) {
            return Err(format!("`Filename`: {filename} is a link that leads out of the imported folder"));
        }
        let metadata = fs::metadata(&real).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(format!("`Filename`: {filename} is not a file"));
        }
        if metadata.len() > max_bytes {
            return Err(too_large(filename, max_bytes));
        }
        fs::read(&real).map(Some).map_err(unreadable)
    }
}
