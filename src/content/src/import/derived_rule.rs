//! `rule` with `BaseDetection`: another rule with some keys changed.

use std::path::PathBuf;

use margay_domain::{
    clock::Timestamp,
    detection::{Detection, DetectionKind},
};

use super::{
    document::Document,
    keys::{KeyResult, Keys},
    lines::Lines,
};

/// A derived rule that waits until every file has been read.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) path: PathBuf,
    pub(super) lines: Lines,
    pub(super) document: Document,
}

/// The rule that results from `base` and the keys that are given.
pub(super) fn resolve(document: &Document, detections: &[Detection], now: Timestamp) -> KeyResult<Detection> {
    let keys = Keys::new(&document.keys);
    let id = keys.id("RuleID")?;
    let base_id = keys.id("BaseDetection")?;
    let base = detections
        .iter()
        .find(|detection| detection.id == base_id && detection.kind != DetectionKind::Policy)
        .ok_or_else(|| {
        format!("`BaseDetection`: there is no rule {base_id:?} in the imported folder; import both together")
    })?;
    let mut rule = Detection { id: id.clone(), created_at: now, last_modified: now, ..base.clone() };
    rule.display_name = keys.display_name()?.unwrap_or(id);
    replace(&mut rule.description, keys.text("Description")?);
    replace(&mut rule.enabled, keys.boolean("Enabled")?);
    replace(&mut rule.severity, keys.severity()?);
    replace(&mut rule.runbook, keys.text("Runbook")?);
    replace(&mut rule.reference, keys.text("Reference")?);
    replace(&mut rule.threshold, keys.count("Threshold")?);
    replace(&mut rule.dedup_period_minutes, keys.count("DedupPeriodMinutes")?);
    replace(&mut rule.tags, keys.has("Tags").then(|| keys.texts("Tags")).transpose()?);
    replace(&mut rule.tests, keys.has("Tests").then(|| keys.tests("Log")).transpose()?);
    if keys.has("Reports") {
        rule.reports = match &document.reports {
            Some(reports) => reports.clone(),
            None => keys.reports()?,
        };
    }
    Ok(rule)
}

fn replace<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}
