//! An alert as the tools show it, with the field names of the API.

use margay_domain::{
    alert::{Alert, AlertQuality, AlertType},
    clock::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

// What lists show. Doc comments become part of each schema and cost a model's context: none on what speaks for itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertObject {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    severity: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    context_tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detection: Option<DetectionRef>,
    log_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_types: Vec<String>,
    event_count: i64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_occurred_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_received_event_at: Option<String>,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<Actor>,
    // Whether the role may not read all of its log types, so that what came from its events is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
}

// What raised an alert.
#[derive(Serialize, JsonSchema)]
struct DetectionRef {
    id: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

// Who works on an alert or changed it. Names and addresses need Read User Info, so only the id is here.
#[derive(Serialize, JsonSchema)]
pub(super) struct Actor {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Actor {
    /// A person, by user id.
    pub(super) fn user(id: &str) -> Self {
        Self { id: id.to_owned(), kind: "user" }
    }
}

impl AlertObject {
    pub(crate) fn new(alert: &Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            kind: alert.kind.as_str(),
            title: alert.title.clone(),
            severity: alert.severity.as_str(),
            status: alert.status.as_str(),
            quality: alert.quality.map(AlertQuality::as_str),
            context_tags: alert.context_tags.clone(),
            detection: alert
                .detection_id
                .as_ref()
                .map(|id| DetectionRef { id: id.clone(), kind: detection_type(alert.kind) }),
            log_types: alert.log_types.clone(),
            log_sources: alert.log_source_ids.clone(),
            resource_types: alert.resource_types.clone(),
            event_count: alert.event_count,
            created_at: alert.created_at.to_rfc3339(),
            first_event_occurred_at: alert.first_event_at.map(Timestamp::to_rfc3339),
            last_received_event_at: alert.last_event_at.map(Timestamp::to_rfc3339),
            updated_at: alert.updated_at.to_rfc3339(),
            updated_by: alert.updated_by.as_deref().map(Actor::user),
            assignee: alert.assignee_id.as_deref().map(Actor::user),
            withheld: alert.withheld,
        }
    }
}

// One alert with its long texts. Its schema is in words, which are shorter.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertDetails {
    #[serde(flatten)]
    alert: AlertObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    context: Value,
}

impl AlertDetails {
    pub(crate) fn new(alert: &Alert) -> Self {
        // An empty text would say that there is none.
        let text = |text: &String| (!alert.withheld).then(|| text.clone());
        Self {
            alert: AlertObject::new(alert),
            description: text(&alert.description),
            runbook: text(&alert.runbook),
            reference: text(&alert.reference),
            context: alert.context.clone(),
        }
    }
}

/// The type of the detection behind an alert of this type; an error is one of the detection that failed.
const fn detection_type(kind: AlertType) -> Option<&'static str> {
    match kind {
        AlertType::Rule | AlertType::RuleError => Some("RULE"),
        AlertType::ScheduledRule | AlertType::ScheduledRuleError => Some("SCHEDULED_RULE"),
        AlertType::CorrelationRule | AlertType::CorrelationRuleError => Some("CORRELATION_RULE"),
        AlertType::Policy => Some("POLICY"),
        AlertType::SystemError => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fakes;

    #[test]
    fn field_names_are_those_of_the_api() {
        let alert = Alert {
            kind: AlertType::RuleError,
            quality: Some(AlertQuality::Useful),
            context_tags: vec!["vip".to_owned()],
            first_event_at: Some(fakes::now()),
            last_event_at: Some(fakes::now()),
            log_source_ids: vec!["src_1".to_owned()],
            resource_types: vec!["AWS.S3.Bucket".to_owned()],
            updated_by: Some("usr_2".to_owned()),
            assignee_id: Some("usr_1".to_owned()),
            ..fakes::alert("a1", 0)
        };
        assert_eq!(
            serde_json::to_value(AlertDetails::new(&alert)).unwrap(),
            json!({
                "id": "a1",
                "type": "RULE_ERROR",
                "title": "Alert a1",
                "severity": "HIGH",
                "status": "OPEN",
                "quality": "USEFUL",
                "contextTags": ["vip"],
                "detection": { "id": "AWS.Root.Login", "type": "RULE" },
                "logTypes": ["AWS.CloudTrail"],
                "logSources": ["src_1"],
                "resourceTypes": ["AWS.S3.Bucket"],
                "eventCount": 1,
                "createdAt": "2026-03-10T12:00:00.000Z",
                "firstEventOccurredAt": "2026-03-10T12:00:00.000Z",
                "lastReceivedEventAt": "2026-03-10T12:00:00.000Z",
                "updatedAt": "2026-03-10T12:00:00.000Z",
                "updatedBy": { "id": "usr_2", "type": "user" },
                "assignee": { "id": "usr_1", "type": "user" },
                "description": "What it means",
                "runbook": "What to do",
                "reference": "",
                "context": { "ip": "203.0.113.7" },
            })
        );
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let alert = serde_json::to_value(AlertObject::new(&fakes::alert("a1", 0))).unwrap();
        for absent in ["quality", "contextTags", "logSources", "resourceTypes", "updatedBy", "assignee", "withheld"] {
            assert!(alert.get(absent).is_none(), "{absent}");
        }
    }
}
