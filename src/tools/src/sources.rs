//! Tools about log sources. All need View Log Sources.

mod get_http_log_source;
mod list_log_sources;
mod source_object;

pub(crate) use get_http_log_source::GetHttpLogSource;
pub(crate) use list_log_sources::ListLogSources;

use margay_domain::{log_source::LogSource, role::LogTypeAccess};

/// A log source as somebody may see it.
#[derive(Debug, PartialEq)]
struct Visible {
    /// Without the log types that are denied.
    source: LogSource,
    /// Whether that is all of it. If not, there are no times of events in it and nothing may be told about its health,
    /// because both could be about events that are denied.
    whole: bool,
}

/// The source as somebody with this access may see it. `None` if it has log types and all of them are denied, or has
/// none yet and no log type may be read at all.
fn visible(mut source: LogSource, access: &LogTypeAccess) -> Option<Visible> {
    let all = source.log_types.len();
    source.log_types.retain(|log_type| access.allows(log_type));
    let whole = source.log_types.len() == all;
    if source.log_types.is_empty() && (!whole || reads_nothing(access)) {
        return None;
    }
    if !whole {
        source.last_received_at = None;
        source.last_processed_at = None;
    }
    Some(Visible { source, whole })
}

/// Whether there can be no log type that may be read.
fn reads_nothing(access: &LogTypeAccess) -> bool {
    match access {
        LogTypeAccess::AllowAll | LogTypeAccess::Deny(_) => false,
        LogTypeAccess::Allow(listed) => listed.is_empty(),
        LogTypeAccess::DenyAll => true,
    }
}

/// A source that others post to.
#[cfg(test)]
fn http_source(id: &str, label: &str, log_types: &[&str]) -> LogSource {
    use margay_domain::{
        id::LogSourceId,
        log_source::{AuthMethod, SourceKind},
    };

    LogSource {
        id: LogSourceId::new(id),
        label: label.to_owned(),
        kind: SourceKind::HttpIngest,
        log_types: log_types.iter().map(|log_type| (*log_type).to_owned()).collect(),
        auth_method: Some(AuthMethod::Hmac),
        auth_header: Some("x-signature".to_owned()),
        is_editable: true,
        ..LogSource::command_line(crate::fakes::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_log_types_are_left_out() {
        let access = LogTypeAccess::Deny(vec!["A".to_owned(), "B".to_owned()]);
        let seen = |log_types: &[&str]| {
            visible(http_source("src_1", "One", log_types), &access).map(|seen| (seen.source.log_types, seen.whole))
        };
        assert_eq!(seen(&["A", "C"]), Some((vec!["C".to_owned()], false)));
        assert_eq!(seen(&["C"]), Some((vec!["C".to_owned()], true)));
        assert_eq!(seen(&["A", "B"]), None);
        assert_eq!(seen(&[]), Some((Vec::new(), true)));
    }

    #[test]
    fn what_is_not_seen_as_a_whole_has_no_times() {
        let at = Some(crate::fakes::now());
        let source =
            LogSource { last_received_at: at, last_processed_at: at, ..http_source("src_1", "One", &["A", "B"]) };
        let whole = visible(source.clone(), &LogTypeAccess::Deny(vec!["C".to_owned()])).unwrap();
        assert_eq!(whole, Visible { source: source.clone(), whole: true });
        let part = visible(source.clone(), &LogTypeAccess::Allow(vec!["A".to_owned()])).unwrap();
        let log_types = vec!["A".to_owned()];
        let without = LogSource { last_received_at: None, last_processed_at: None, log_types, ..source };
        assert_eq!(part, Visible { source: without, whole: false });
    }

    #[test]
    fn a_source_without_log_types_is_for_those_who_read_some() {
        let seen = |access| visible(http_source("src_1", "One", &[]), &access).is_some();
        assert!(seen(LogTypeAccess::AllowAll));
        assert!(seen(LogTypeAccess::Deny(Vec::new())));
        assert!(seen(LogTypeAccess::Allow(vec!["A".to_owned()])));
        assert!(!seen(LogTypeAccess::Allow(Vec::new())));
        assert!(!seen(LogTypeAccess::DenyAll));
    }
}
