//! Root causes of detection errors.

use margay_domain::rules::Permission;

use super::{CARE, Prompt, span};
use crate::tool::Requirement;

pub(super) const PROMPT: Prompt = Prompt {
    name: "get-detection-rule-errors",
    title: "Explain detection errors",
    description: "Finds the root causes of errors that detections had while they ran. Default: the last 7 days.",
    arguments: &super::SPAN,
    requires: Requirement::All(&[Permission::AlertRead]),
    text: |given, now| {
        let (from, until) = span(given, now, 7)?;
        Ok(format!(
            "Find the root causes of the errors that detections had from {from} until {until}.\n\
             1. Call list_alerts with alert_type DETECTION_ERROR, start_date and end_date as above. Follow next_cursor to the end.\n\
             2. Group them by detection. For each group call get_alert for its latest error, and get_alert_events for the event that it failed on.\n\
             3. Read the source with get_detection, and with get_global_helper what it imports. Find the line that fails and the field that is not as it expects; get_log_type_schema_details says what the field may hold. Skip a tool that you do not have.\n\
             4. Answer with a table: detection, errors, first and last time, root cause, the change that repairs it, and whether it missed events meanwhile. Order it by errors.\n\
             {CARE}"
        ))
    },
};
