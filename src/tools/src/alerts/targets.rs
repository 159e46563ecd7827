//! The alerts that a tool changes: which, all or nothing, and what is said about it.

use margay_domain::{alert::AlertChange, id::AlertId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    arguments,
    tool::{ToolContext, ToolError},
};

/// The longest id, in bytes.
const MAX_ID: usize = 200;

/// At most so many alerts are changed together.
pub(super) const MAX_ALERTS: usize = 100;

/// Reads ids: at least one and at most `most`, in the order in which they were given, each once. `verb` is what happens
/// to the alerts, for the error.
pub(super) fn read(given: &[String], most: usize, verb: &str) -> Result<Vec<AlertId>, ToolError> {
    if given.is_empty() {
        return Err(ToolError::invalid_argument("alert_ids must hold at least one id"));
    }
    if given.len() > most {
        return Err(ToolError::invalid_argument(format!("Cannot {verb} more than {most} alerts at once")));
    }
    let mut ids = Vec::with_capacity(given.len());
    for text in given {
        let text = text.trim();
        if text.is_empty() {
            return Err(ToolError::invalid_argument("alert_ids must not hold an empty ID."));
        }
        if text.len() > MAX_ID {
            return Err(ToolError::invalid_argument(format!("alert_ids: an id has at most {MAX_ID} bytes.")));
        }
        let id = AlertId::new(text);
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

// What a tool that changes alerts answers, beside the new value.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    alerts: Vec<String>,
    changed: usize,
    updated_at: String,
}

impl Receipt {
    /// How many alerts were changed, for the audit event.
    pub(super) fn rows(&self) -> Option<u64> {
        u64::try_from(self.changed).ok()
    }
}

/// Changes all of `ids` in the name of the caller or, if any of them is not there, nothing.
pub(super) async fn change(context: &ToolContext, ids: &[AlertId], change: &AlertChange) -> Result<Receipt, ToolError> {
    let now = context.ports.clock.now();
    let (by, access) = (&context.principal.user.id, &context.principal.role.log_types);
    let missing = context.ports.alerts.change(ids, change, by, now, access).await?;
    if !missing.is_empty() {
        return Err(some_not_found(&missing));
    }
    Ok(Receipt {
        alerts: ids.iter().map(AlertId::to_string).collect(),
        changed: ids.len(),
        updated_at: now.to_rfc3339(),
    })
}

fn some_not_found(missing: &[AlertId]) -> ToolError {
    let missing: Vec<String> = missing.iter().map(|id| arguments::shown(id.as_str())).collect();
    ToolError::not_found(format!("One or more alerts not found: [{}]. Nothing was changed.", missing.join(", ")))
}

/// The error about one alert that is not there.
pub(super) fn not_found(id: &AlertId) -> ToolError {
    ToolError::not_found(format!("Alert not found: {}", arguments::shown(id.as_str())))
}

#[cfg(test)]
mod tests {
    use margay_domain::alert::AlertStatus;

    use super::*;
    use crate::fakes::{self, World};
    use margay_domain::role::LogTypeAccess;

    fn texts(given: &[&str]) -> Vec<String> {
        given.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn ids_keep_their_order_and_come_once() {
        let ids = read(&texts(&["b", " a ", "b"]), 3, "update").unwrap();
        assert_eq!(ids, [AlertId::new("b"), AlertId::new("a")]);
    }

    #[test]
    fn too_few_too_many_and_blank_ids_are_refused() {
        for (given, message) in [
            (texts(&[]), "alert_ids must hold at least one id"),
            (texts(&["a", "b", "c"]), "Cannot update more than 2 alerts at once"),
            (texts(&["a", " "]), "alert_ids must not hold an empty ID."),
        ] {
            let error = read(&given, 2, "update").unwrap_err();
            assert_eq!((error.code, error.message.as_str()), ("invalid_argument", message));
        }
    }

    #[tokio::test]
    async fn one_missing_alert_keeps_all_from_being_changed() {
        let mut world = World::new();
        world.alerts = vec![fakes::alert("a1", 1)];
        let context = world.context();
        let ids = [AlertId::new("x"), AlertId::new("a1"), AlertId::new("y\n")];
        let closed = AlertChange { status: Some(AlertStatus::Closed), ..AlertChange::default() };
        let error = change(&context, &ids, &closed).await.err().unwrap();
        assert_eq!(error.code, "not_found");
        assert_eq!(error.message, "One or more alerts not found: [x, y\\n]. Nothing was changed.");
        let alert = context.ports.alerts.get(&AlertId::new("a1"), &LogTypeAccess::AllowAll).await.unwrap().unwrap();
        assert_eq!((alert.status, alert.updated_by), (AlertStatus::Open, None));
    }
}
