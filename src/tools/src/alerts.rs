//! Tools about alerts. Those that read need Read Alerts, those that change need Manage Alerts.

#[cfg(test)]
mod access;
mod add_alert_comment;
mod alert_object;
mod assignee;
mod bulk_update_alerts;
mod comments;
#[cfg(test)]
mod flaky;
mod get_alert;
mod get_alert_events;
mod list_alert_comments;
mod list_alerts;
mod tags;
mod targets;
mod update_alert_assignee;
mod update_alert_quality;
mod update_alert_status;
mod update_alert_tags;

pub(crate) use add_alert_comment::AddAlertComment;
pub(crate) use bulk_update_alerts::BulkUpdateAlerts;
pub(crate) use get_alert::GetAlert;
pub(crate) use get_alert_events::GetAlertEvents;
pub(crate) use list_alert_comments::ListAlertComments;
pub(crate) use list_alerts::ListAlerts;
pub(crate) use update_alert_assignee::UpdateAlertAssignee;
pub(crate) use update_alert_quality::UpdateAlertQuality;
pub(crate) use update_alert_status::UpdateAlertStatus;
pub(crate) use update_alert_tags::UpdateAlertTags;

use margay_domain::{alert::Alert, id::AlertId};

use crate::{
    arguments,
    tool::{ToolContext, ToolError, read::NOTHING},
};

/// Whether a text stands for nothing where null is no answer that every model can give.
fn clears(given: &str) -> bool {
    let given = given.trim();
    given.is_empty() || given.eq_ignore_ascii_case(NOTHING)
}

/// The alert that an argument names.
async fn find(context: &ToolContext, alert_id: &str) -> Result<Alert, ToolError> {
    let id = arguments::required("alert_id", alert_id)?;
    let access = &context.principal.role.log_types;
    context.ports.alerts.get(&AlertId::new(id), access).await?.ok_or_else(|| {
        ToolError::not_found(format!("No alert found with ID: {}. list_alerts shows ids.", arguments::shown(id)))
    })
}
