//! A log source as the tools show it, with the field names of the API. No secret is part of it.

use margay_domain::{clock::Timestamp, log_source::AuthMethod};
use schemars::JsonSchema;
use serde::Serialize;

use super::Visible;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceObject {
    /// By label, and unique.
    #[serde(skip)]
    key: String,
    integration_id: String,
    integration_label: String,
    integration_type: &'static str,
    log_types: Vec<String>,
    is_editable: bool,
    /// Absent: unknown, for the source also has log types that the role may not read. Event times are absent then, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_healthy: Option<bool>,
    /// Why it is not healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_received_at_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_processed_at_time: Option<String>,
    last_modified: String,
}

impl SourceObject {
    /// Health is that of `now`.
    pub(super) fn new(visible: &Visible, now: Timestamp) -> Self {
        let source = &visible.source;
        // Promise 1: silence would tell when there are events of log types that may not be read.
        let health = visible.whole.then(|| source.problem(now));
        Self {
            key: format!("{}\u{0}{}", source.label, source.id),
            integration_id: source.id.to_string(),
            integration_label: source.label.clone(),
            integration_type: source.kind.as_str(),
            log_types: source.log_types.clone(),
            is_editable: source.is_editable,
            is_healthy: health.as_ref().map(Option::is_none),
            problem: health.flatten(),
            last_event_received_at_time: source.last_received_at.map(Timestamp::to_rfc3339),
            last_event_processed_at_time: source.last_processed_at.map(Timestamp::to_rfc3339),
            last_modified: source.last_modified.to_rfc3339(),
        }
    }

    /// `None` if unknown.
    pub(crate) const fn is_healthy(&self) -> Option<bool> {
        self.is_healthy
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

// How others post to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpSourceObject {
    #[serde(flatten)]
    source: SourceObject,
    log_stream_type: &'static str,
    auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_header_key: Option<String>,
}

impl HttpSourceObject {
    /// Health is that of `now`.
    pub(super) fn new(visible: &Visible, now: Timestamp) -> Self {
        let source = &visible.source;
        Self {
            source: SourceObject::new(visible, now),
            log_stream_type: source.stream_type.as_str(),
            auth_method: source.auth_method.map_or("None", AuthMethod::as_str),
            auth_header_key: source.auth_header.clone(),
        }
    }
}
