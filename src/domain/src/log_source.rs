//! Log sources: where log events come from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{alert::words, clock::Timestamp, id::LogSourceId};

words! {
    /// How events of a source arrive.
    SourceKind {
        /// Another system posts them.
        HttpIngest = "http-ingest",
        /// Somebody reads files in on the command line.
        FileUpload = "file-upload",
    }
}

words! {
    /// How events stand in what arrives.
    StreamType {
        /// Found out by looking.
        Auto = "Auto",
        /// One JSON object after another.
        Json = "JSON",
        /// A JSON list of objects.
        JsonArray = "JsonArray",
        /// One event a line.
        Lines = "Lines",
    }
}

words! {
    /// How whoever posts events proves that they may. What they prove it with is not part of a source.
    AuthMethod {
        /// A fixed value in a header.
        SharedSecret = "SharedSecret",
        /// A signature of the body in a header.
        Hmac = "HMAC",
        /// A token in the Authorization header.
        Bearer = "Bearer",
        /// Name and password in the Authorization header.
        Basic = "Basic",
    }
}

/// A log source. It holds no secret: what a sender authenticates with is kept elsewhere, as a hash (promise 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSource {
    /// The id.
    pub id: LogSourceId,
    /// The name to show; unique.
    pub label: String,
    /// How its events arrive.
    pub kind: SourceKind,
    /// The log types of its events.
    pub log_types: Vec<String>,
    /// How events stand in what arrives.
    pub stream_type: StreamType,
    /// How senders authenticate, for sources that others post to.
    #[serde(default)]
    pub auth_method: Option<AuthMethod>,
    /// The header that carries the secret or the signature.
    #[serde(default)]
    pub auth_header: Option<String>,
    /// Silence longer than this many minutes is a problem; never if there is none.
    #[serde(default)]
    pub quiet_after_minutes: Option<u32>,
    /// Whether people may change it.
    pub is_editable: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub last_modified: Timestamp,
    /// When its last event arrived.
    #[serde(default)]
    pub last_received_at: Option<Timestamp>,
    /// When its last event was stored.
    #[serde(default)]
    pub last_processed_at: Option<Timestamp>,
}

impl LogSource {
    /// The source of the files that are read in on the command line; every installation has it.
    pub fn command_line(now: Timestamp) -> Self {
        Self {
            id: LogSourceId::new("src_command_line"),
            label: "Files from the command line".to_owned(),
            kind: SourceKind::FileUpload,
            log_types: Vec::new(),
            stream_type: StreamType::Lines,
            auth_method: None,
            auth_header: None,
            quiet_after_minutes: None,
            is_editable: false,
            created_at: now,
            last_modified: now,
            last_received_at: None,
            last_processed_at: None,
        }
    }

    /// What is wrong with it at `now`, in one sentence; `None` if it is healthy.
    pub fn problem(&self, now: Timestamp) -> Option<String> {
        let minutes = self.quiet_after_minutes?;
        let quiet_since = self.last_received_at.unwrap_or(self.created_at);
        let silence = now.since(quiet_since);
        (silence > Duration::from_mins(u64::from(minutes))).then(|| {
            format!("No event since {}, although one is expected every {minutes} minutes.", quiet_since.to_rfc3339())
        })
    }
}

/// The stretches for which [`SourceVolume`]s are kept: 15 minutes.
pub const VOLUME_STRETCH: Duration = Duration::from_mins(15);

/// How much of one log type a source brought within one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceVolume {
    /// The beginning of the stretch: a whole multiple of [`VOLUME_STRETCH`] since 1970.
    pub begin: Timestamp,
    /// The source.
    pub source_id: LogSourceId,
    /// The log type.
    pub log_type: String,
    /// Bytes of the stored events, as they arrived.
    pub bytes: u64,
    /// Stored events.
    pub events: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_problem_where_events_are_expected() {
        let then = Timestamp::from_seconds(1_800_000_000);
        let mut source = LogSource::command_line(then);
        let later = then.plus(Duration::from_mins(61));
        assert_eq!(source.problem(later), None);
        source.quiet_after_minutes = Some(60);
        assert!(source.problem(later).is_some_and(|problem| problem.contains("every 60 minutes")));
        assert_eq!(source.problem(then.plus(Duration::from_hours(1))), None);
        source.last_received_at = Some(later);
        assert_eq!(source.problem(later), None);
    }
}
