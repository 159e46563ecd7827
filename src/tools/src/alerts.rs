//! Tools about alerts. All need Read Alerts.

mod alert_object;
mod get_alert;
mod get_alert_events;
mod list_alert_comments;
mod list_alerts;

pub(crate) use get_alert::GetAlert;
pub(crate) use get_alert_events::GetAlertEvents;
pub(crate) use list_alert_comments::ListAlertComments;
pub(crate) use list_alerts::ListAlerts;

use margay_domain::{alert::Alert, id::AlertId};

use crate::{
    arguments,
    tool::{ToolContext, ToolError},
};

/// The alert that an argument names.
async fn find(context: &ToolContext, alert_id: &str) -> Result<Alert, ToolError> {
    let id = arguments::required("alert_id", alert_id)?;
    context.ports.alerts.get(&AlertId::new(id)).await?.ok_or_else(|| {
        ToolError::not_found(format!("No alert found with ID: {}. list_alerts shows ids.", arguments::shown(id)))
    })
}
