//! What detections of all kinds have in common, and the Python beside them.

use margay_domain::{
    clock::Timestamp,
    detection::{Detection, DetectionKind},
};

use super::{
    beside::{Beside, MAX_SOURCE_BYTES},
    document::Document,
    keys::{KeyResult, Keys},
};

/// The keys that every kind has. `Enabled` and `Severity` must be there.
pub(super) fn detection(
    document: &Document,
    id: String,
    kind: DetectionKind,
    test_subject: &str,
    now: Timestamp,
) -> KeyResult<Detection> {
    let keys = Keys::new(&document.keys);
    Ok(Detection {
        display_name: keys.display_name()?.unwrap_or_else(|| id.clone()),
        id,
        kind,
        description: keys.text("Description")?.unwrap_or_default(),
        enabled: keys.required_boolean("Enabled")?,
        severity: keys.required_severity()?,
        log_types: keys.texts("LogTypes")?,
        resource_types: keys.texts("ResourceTypes")?,
        scheduled_queries: keys.texts("ScheduledQueries")?,
        tags: keys.texts("Tags")?,
        reports: match &document.reports {
            Some(reports) => reports.clone(),
            None => keys.reports()?,
        },
        runbook: keys.text("Runbook")?.unwrap_or_default(),
        reference: keys.text("Reference")?.unwrap_or_default(),
        threshold: keys.count("Threshold")?.unwrap_or(1),
        dedup_period_minutes: keys.count("DedupPeriodMinutes")?.unwrap_or(60),
        body: String::new(),
        tests: keys.tests(test_subject)?,
        managed: false,
        created_by: None,
        last_modified_by: None,
        created_at: now,
        last_modified: now,
    })
}

/// The Python that `Filename` names; `None` if there is no such file, as in content that is passed on without it.
pub(super) fn python(document: &Document, beside: &dyn Beside) -> KeyResult<Option<String>> {
    let filename = Keys::new(&document.keys).required_text("Filename", "the name of a Python file beside this file")?;
    let Some(bytes) = beside.read(&filename, MAX_SOURCE_BYTES)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| format!("`Filename`: {filename} is not UTF-8 text"))
}
