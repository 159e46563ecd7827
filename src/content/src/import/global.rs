//! `global`: Python code that several detections share.

use margay_domain::{clock::Timestamp, global_helper::GlobalHelper};

use super::{
    beside::Beside,
    common,
    document::Document,
    keys::{KeyResult, Keys},
};

/// The helper, and whether its Python file is not there.
pub(super) fn read(document: &Document, beside: &dyn Beside, now: Timestamp) -> KeyResult<(GlobalHelper, bool)> {
    let keys = Keys::new(&document.keys);
    let id = keys.id("GlobalID")?;
    let python = common::python(document, beside)?;
    let without_source = python.is_none();
    let helper = GlobalHelper {
        id,
        description: keys.text("Description")?.unwrap_or_default(),
        tags: keys.texts("Tags")?,
        body: python.unwrap_or_default(),
        managed: false,
        created_by: None,
        last_modified_by: None,
        created_at: now,
        last_modified: now,
    };
    Ok((helper, without_source))
}
