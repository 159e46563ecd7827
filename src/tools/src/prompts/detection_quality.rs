//! Report on the quality of detections.

use margay_domain::rules::Permission;

use super::{CARE, Prompt, months};
use crate::tool::Requirement;

pub(super) const PROMPT: Prompt = Prompt {
    name: "get-monthly-detection-quality-report",
    title: "Monthly detection quality report",
    description: "Reports for one month which detections were useful, noisy, broken or silent, and what to tune.",
    arguments: &months::ARGUMENTS,
    requires: Requirement::All(&[Permission::AlertRead, Permission::RuleRead]),
    text: |given, now| {
        let (from, until) = months::read(given, now)?;
        Ok(format!(
            "Report on the quality of the detections from {from} until {until}.\n\
             1. Call get_rule_alert_metrics and get_severity_alert_metrics for this time with interval_in_minutes 1440. If you do not have them, count with list_alerts.\n\
             2. Call list_detections for each type that you may read, with state enabled. Note those that raised no alert.\n\
             3. For the ten detections with most alerts, call list_alerts with detection_id, start_date and end_date, and note how the alerts ended: status (CLOSED is a false positive), quality (NOISE or USEFUL), time until they left OPEN, comments (list_alert_comments).\n\
             4. Call list_alerts with alert_type DETECTION_ERROR for the detections that failed.\n\
             5. For the five noisiest and for every broken one, read the source with get_detection, and say which condition causes the noise or the error.\n\
             6. Answer with: figures of the month; a table of detections with alerts, share of false positives, share still open, verdict (useful, noisy, broken, silent); the concrete change that you propose for each noisy or broken one; and what the figures cannot tell.\n\
             {CARE}"
        ))
    },
};
