//! Where the logs of the demo come from: one source for each log type.

use std::time::Duration;

use margay_domain::{
    id::LogSourceId,
    log_source::{AuthMethod, LogSource, SourceKind, StreamType},
};

use super::{
    logs::{CLOUDTRAIL, GITHUB, Logs, OKTA, VPC_FLOW},
    week::Week,
};

/// What is told about a source.
struct Description {
    log_type: &'static str,
    id: &'static str,
    label: &'static str,
    stream_type: StreamType,
    auth_method: AuthMethod,
    auth_header: Option<&'static str>,
    /// How long the log may be silent. People sleep, and have weekends; machines do not.
    quiet_after_hours: u32,
}

static SOURCES: [Description; 4] = [
    Description {
        log_type: CLOUDTRAIL,
        id: "src_demo_cloudtrail",
        label: "AWS CloudTrail (HTTP)",
        stream_type: StreamType::Lines,
        auth_method: AuthMethod::SharedSecret,
        auth_header: Some("X-Fennwick-Secret"),
        quiet_after_hours: 24,
    },
    Description {
        log_type: OKTA,
        id: "src_demo_okta",
        label: "Okta system log (HTTP)",
        stream_type: StreamType::JsonArray,
        auth_method: AuthMethod::Bearer,
        auth_header: None,
        quiet_after_hours: 72,
    },
    Description {
        log_type: GITHUB,
        id: "src_demo_github",
        label: "GitHub audit log (HTTP)",
        stream_type: StreamType::Json,
        auth_method: AuthMethod::Hmac,
        auth_header: Some("X-Hub-Signature-256"),
        quiet_after_hours: 48,
    },
    Description {
        log_type: VPC_FLOW,
        id: "src_demo_vpc_flow",
        label: "VPC flow logs (HTTP)",
        stream_type: StreamType::Lines,
        auth_method: AuthMethod::Basic,
        auth_header: None,
        quiet_after_hours: 24,
    },
];

/// All sources; each heard the last event of its log.
pub(super) fn all(week: &Week, logs: &Logs) -> Vec<LogSource> {
    SOURCES
        .iter()
        .map(|source| {
            let last = logs.of(source.log_type).last().map(|(time, _)| *time);
            LogSource {
                id: LogSourceId::new(source.id),
                label: source.label.to_owned(),
                kind: SourceKind::HttpIngest,
                log_types: vec![source.log_type.to_owned()],
                stream_type: source.stream_type,
                auth_method: Some(source.auth_method),
                auth_header: source.auth_header.map(str::to_owned),
                quiet_after_minutes: Some(source.quiet_after_hours * 60),
                is_editable: true,
                created_at: week.start(),
                last_modified: week.start().plus(Duration::from_hours(2)),
                last_received_at: last,
                last_processed_at: last,
            }
        })
        .collect()
}

/// The ids of the sources that bring these log types.
pub(super) fn ids_of(log_types: &[String]) -> Vec<String> {
    SOURCES
        .iter()
        .filter(|source| log_types.iter().any(|log_type| log_type == source.log_type))
        .map(|source| source.id.to_owned())
        .collect()
}
