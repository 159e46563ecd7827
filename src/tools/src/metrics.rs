//! Tools about how much there is over time: alerts and volumes of log events. All need Read Metrics.

mod get_bytes_processed_metrics;
mod get_rule_alert_metrics;
mod get_severity_alert_metrics;
mod window;

pub(crate) use get_bytes_processed_metrics::GetBytesProcessedMetrics;
pub(crate) use get_rule_alert_metrics::GetRuleAlertMetrics;
pub(crate) use get_severity_alert_metrics::GetSeverityAlertMetrics;

use margay_domain::rules::Permission;
use serde::Serialize;

use crate::{size, tool::Requirement};

/// What all of them need.
const METRICS: Requirement = Requirement::All(&[Permission::SummaryRead]);

/// An answer shows at most so many items; its totals count all.
const MAX_SHOWN: usize = 100;

/// The first of `items`: as many as an answer shows, and as `bytes` hold.
fn shown<T: Serialize>(mut items: Vec<T>, bytes: usize) -> Vec<T> {
    items.truncate(MAX_SHOWN);
    let fitting = size::fitting(&items, bytes).max(1);
    items.truncate(fitting);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_cut_by_number_and_by_size() {
        assert_eq!(shown(vec!["a"; 101], 1000).len(), MAX_SHOWN);
        let large = "x".repeat(333);
        assert_eq!(shown(vec![large; 5], 1000).len(), 2);
        assert_eq!(shown(vec!["a", "b"], 1000), ["a", "b"]);
    }
}
