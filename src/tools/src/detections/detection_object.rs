//! A detection as the tools show it, with the field names of the API.

use std::collections::BTreeMap;

use margay_domain::detection::{Detection, DetectionKind};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

// What lists show. Doc comments become part of each schema and cost a model's context: none on what speaks for itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetectionObject {
    id: String,
    display_name: String,
    description: String,
    enabled: bool,
    severity: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scheduled_queries: Vec<String>,
    tags: Vec<String>,
    reports: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedup_period_minutes: Option<i64>,
    managed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_by: Option<String>,
    created_at: String,
    last_modified: String,
}

impl DetectionObject {
    pub(crate) fn new(detection: &Detection) -> Self {
        // Policies raise no alerts by counting, so that these two say nothing about them.
        let counts = detection.kind != DetectionKind::Policy;
        Self {
            id: detection.id.clone(),
            display_name: detection.display_name.clone(),
            description: detection.description.clone(),
            enabled: detection.enabled,
            severity: detection.severity.as_str(),
            log_types: detection.log_types.clone(),
            resource_types: detection.resource_types.clone(),
            scheduled_queries: detection.scheduled_queries.clone(),
            tags: detection.tags.clone(),
            reports: detection.reports.clone(),
            threshold: counts.then_some(detection.threshold),
            dedup_period_minutes: counts.then_some(detection.dedup_period_minutes),
            managed: detection.managed,
            created_by: detection.created_by.clone(),
            last_modified_by: detection.last_modified_by.clone(),
            created_at: detection.created_at.to_rfc3339(),
            last_modified: detection.last_modified.to_rfc3339(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

// One detection with its source. Its schema is in words, which are shorter.
#[derive(Serialize)]
pub(crate) struct DetectionDetails {
    #[serde(flatten)]
    detection: DetectionObject,
    runbook: String,
    reference: String,
    /// Python, or the YAML of a simple or correlation rule.
    body: String,
    /// Unit tests, as written.
    tests: Vec<Value>,
}

impl DetectionDetails {
    /// With this much of its source and so many of its tests.
    pub(crate) fn new(detection: &Detection, body: String, tests: usize) -> Self {
        Self {
            detection: DetectionObject::new(detection),
            runbook: detection.runbook.clone(),
            reference: detection.reference.clone(),
            body,
            tests: detection.tests.iter().take(tests).cloned().collect(),
        }
    }
}
