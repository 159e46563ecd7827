//! `policy`: a check of a cloud resource, in Python.

use margay_domain::{clock::Timestamp, detection::DetectionKind};

use super::{
    Read,
    beside::Beside,
    common,
    document::Document,
    keys::{KeyResult, Keys},
};

pub(super) fn read(document: &Document, beside: &dyn Beside, now: Timestamp) -> KeyResult<Read> {
    let id = Keys::new(&document.keys).id("PolicyID")?;
    let mut detection = common::detection(document, id, DetectionKind::Policy, "Resource", now)?;
    let python = common::python(document, beside)?;
    let without_source = python.is_none();
    detection.body = python.unwrap_or_default();
    Ok(Read { detection, without_source, rules: Vec::new() })
}
