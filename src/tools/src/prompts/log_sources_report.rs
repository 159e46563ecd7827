//! Report on log sources.

use margay_domain::rules::Permission;

use super::{CARE, Prompt, months};
use crate::tool::Requirement;

pub(super) const PROMPT: Prompt = Prompt {
    name: "get-monthly-log-sources-report",
    title: "Monthly log sources report",
    description: "Reports for one month which log sources were healthy, silent or unusual in volume.",
    arguments: &months::ARGUMENTS,
    requires: Requirement::All(&[Permission::LogSourceRead]),
    text: |given, now| {
        let (from, until) = months::read(given, now)?;
        Ok(format!(
            "Report on the log sources from {from} until {until}.\n\
             1. Call list_log_sources without filters, and follow next_cursor to the end. Note each source that is not healthy and why.\n\
             2. Call get_bytes_processed_metrics for this time with interval_in_minutes 1440. Note gaps, steps and trends of each log type.\n\
             3. Call list_log_type_schemas with is_in_use true, and compare: log types without a source, and sources without events.\n\
             4. Call list_alerts with alert_type SYSTEM_ERROR for the same time. Skip a tool that you do not have.\n\
             5. Answer with a table: source, log types, health, last event, volume of the month, change against its own average, remark. Then say what needs attention and in which order.\n\
             {CARE}"
        ))
    },
};
