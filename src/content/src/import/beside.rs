//! The files beside a YAML file that it names in `Filename`.

use std::path::{Component, Path};

/// The largest YAML or Python file that is read.
pub(super) const MAX_SOURCE_BYTES: u64 = 2 * 1024 * 1024;

/// The largest file of a lookup table, as in the layout's own rule.
pub(super) const MAX_TABLE_BYTES: u64 = 5 * 1024 * 1024;

/// Where the files beside a YAML file come from.
pub(super) trait Beside {
    /// The content of `filename`; `None` if there is no such file. The error is a sentence.
    fn read(&self, filename: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, String>;
}

/// Refuses a name that leads out of the folder: content is often somebody else's, and reading
/// `../../etc/passwd` into a detection would hand it to everybody who may read detections.
pub(super) fn check_name(filename: &str) -> Result<(), String> {
    let stays_inside =
        Path::new(filename).components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if stays_inside && !filename.is_empty() && !filename.contains(['\\', '\0']) {
        Ok(())
    } else {
        Err(format!("`Filename`: expected a file in the same folder or below it, without `..`; found {filename:?}"))
    }
}

/// The message about a file over its limit.
pub(super) fn too_large(filename: &str, max_bytes: u64) -> String {
    format!("`Filename`: {filename} is larger than {} MB", max_bytes / (1024 * 1024))
}

/// Files compiled in: path and text. `folder` is that of the YAML file, empty or ending in `/`.
pub(super) struct Embedded<'a> {
    pub(super) files: &'a [(&'a str, &'a str)],
    pub(super) folder: &'a str,
}

impl Beside for Embedded<'_> {
    fn read(&self, filename: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        check_name(filename)?;
        let name = filename.strip_prefix("./").unwrap_or(filename);
        let wanted = format!("{}{name}", self.folder);
        let Some((_, text)) = self.files.iter().find(|(path, _)| *path == wanted) else { return Ok(None) };
        if u64::try_from(text.len()).is_ok_and(|length| length > max_bytes) {
            return Err(too_large(filename, max_bytes));
        }
        Ok(Some(text.as_bytes().to_vec()))
    }
}
