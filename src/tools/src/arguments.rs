//! Reading arguments: bounds, words, dates and texts, with errors that say what is valid.

use std::ops::RangeInclusive;

use margay_domain::{clock::Timestamp, rules::display};

use crate::tool::ToolError;

/// How much of a caller's text an error repeats, in characters.
const SHOWN: usize = 80;

/// A whole number within `bounds`, or `default` if none was given.
pub(crate) fn number(
    name: &str,
    given: Option<i64>,
    default: u16,
    bounds: RangeInclusive<u16>,
) -> Result<u16, ToolError> {
    given.map_or(Some(default), |value| u16::try_from(value).ok().filter(|value| bounds.contains(value))).ok_or_else(
        || ToolError::invalid_argument(format!("{name} must be from {} to {}.", bounds.start(), bounds.end())),
    )
}

/// A text that has to be there, without surrounding space.
pub(crate) fn required<'a>(name: &str, given: &'a str) -> Result<&'a str, ToolError> {
    let text = given.trim();
    if text.is_empty() { Err(ToolError::invalid_argument(format!("{name} must not be empty."))) } else { Ok(text) }
}

/// A text that may be missing; blank is missing.
pub(crate) fn optional(given: Option<String>) -> Option<String> {
    given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A list of texts that may be missing: sorted, without blanks and doubles, so that a filter has one form only.
pub(crate) fn list(given: Option<Vec<String>>) -> Vec<String> {
    let mut texts: Vec<String> = given.into_iter().flatten().filter_map(|text| optional(Some(text))).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// One of `all`, ignoring case. `what` is the word for it in the error.
pub(crate) fn word<T: Copy>(
    what: &str,
    given: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, ToolError> {
    let wanted = given.trim();
    all.iter().copied().find(|value| name(*value).eq_ignore_ascii_case(wanted)).ok_or_else(|| {
        let mut valid: Vec<&str> = all.iter().map(|value| name(*value)).collect();
        valid.sort_unstable();
        let valid = valid.join(", ");
        ToolError::invalid_argument(format!("Invalid {what} '{}'. Must be one of: {valid}", shown(wanted)))
    })
}

/// Some of `all`, ignoring case, sorted and without doubles. A missing list is an empty one.
pub(crate) fn words<T: Copy + Ord>(
    what: &str,
    given: Option<Vec<String>>,
    all: &[T],
    name: impl Fn(T) -> &'static str + Copy,
) -> Result<Vec<T>, ToolError> {
    let mut values =
        given.into_iter().flatten().map(|text| word(what, &text, all, name)).collect::<Result<Vec<T>, ToolError>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// An ISO-8601 time, also with a space before the hour and without seconds; without an offset it is in UTC, and a bare
/// date is its midnight. `name` is the argument's.
pub(crate) fn date(name: &str, given: Option<String>) -> Result<Option<Timestamp>, ToolError> {
    let Some(text) = given else { return Ok(None) };
    let text = text.trim();
    if text.is_empty() {
        return Err(ToolError::invalid_argument(format!("{name}: Date cannot be empty")));
    }
    let joined = text.replacen(' ', "T", 1);
    // RFC 3339 wants seconds; ISO-8601 does without, as in 2026-01-31T09:30.
    let seconds = joined.split_at_checked(16).map(|(minute, rest)| format!("{minute}:00{rest}")).unwrap_or_default();
    let read = [text, &joined, &seconds]
        .into_iter()
        .find_map(|text| Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}Z"))).ok());
    read.map(Some).ok_or_else(|| {
        ToolError::invalid_argument(format!(
            "{name}: Invalid date format '{}'. Must be in ISO-8601 format (e.g., '2024-03-20T00:00:00Z')",
            shown(text)
        ))
    })
}

/// Two dates, of which either may be missing; an error if both are there and the end is not the later one.
pub(crate) fn range(
    start: Option<String>,
    end: Option<String>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), ToolError> {
    let (start, end) = (date("start_date", start)?, date("end_date", end)?);
    if start.is_some_and(|start| end.is_some_and(|end| start >= end)) {
        return Err(ToolError::invalid_argument("end_date must be later than start_date."));
    }
    Ok((start, end))
}

/// A caller's text for an error: not too long, and without characters that do something.
pub(crate) fn shown(text: &str) -> String {
    display::shown(text, SHOWN)
}

#[cfg(test)]
mod tests {
    use margay_domain::alert::Severity;

    use super::*;

    #[test]
    fn numbers_have_bounds_and_a_default() {
        assert_eq!(number("limit", None, 25, 1..=50).unwrap(), 25);
        assert_eq!(number("limit", Some(50), 25, 1..=50).unwrap(), 50);
        for bad in [0, 51, -1, i64::MAX, i64::MIN] {
            let error = number("limit", Some(bad), 25, 1..=50).unwrap_err();
            assert_eq!(error.message, "limit must be from 1 to 50.");
        }
    }

    #[test]
    fn words_ignore_case_and_errors_list_what_is_valid() {
        let given = Some(vec!["high".to_owned(), "HIGH".to_owned(), "Info ".to_owned()]);
        assert_eq!(
            words("severity", given, Severity::ALL, Severity::as_str).unwrap(),
            [Severity::Info, Severity::High]
        );
        assert!(words("severity", None, Severity::ALL, Severity::as_str).unwrap().is_empty());
        let error = word("severity", "X", Severity::ALL, Severity::as_str).unwrap_err();
        assert_eq!(error.code, "invalid_argument");
        assert_eq!(error.message, "Invalid severity 'X'. Must be one of: CRITICAL, HIGH, INFO, LOW, MEDIUM");
    }

    #[test]
    fn dates_are_iso_8601() {
        let midnight = Timestamp::parse("2024-03-20T00:00:00Z").unwrap();
        for good in [
            "2024-03-20T00:00:00Z",
            "2024-03-20",
            "2024-03-20T00:00:00",
            "2024-03-20 00:00:00",
            "2024-03-20 00:00",
            "2024-03-20T00:00Z",
            "2024-03-20T01:00+01:00",
            "2024-03-20T01:00:00+01:00",
        ] {
            assert_eq!(date("start_date", Some(good.to_owned())).unwrap(), Some(midnight), "{good}");
        }
        assert_eq!(date("start_date", None).unwrap(), None);
        assert_eq!(date("d", Some(" ".to_owned())).unwrap_err().message, "d: Date cannot be empty");
        let error = date("end_date", Some("yesterday".to_owned())).unwrap_err();
        assert!(error.message.starts_with("end_date: Invalid date format 'yesterday'. Must be in ISO-8601 format"));
    }

    #[test]
    fn a_range_ends_after_it_starts() {
        let day = |day: &str| Some(format!("2024-03-{day}"));
        let (start, end) = range(day("20"), day("21")).unwrap();
        assert!(start.is_some() && start < end);
        assert_eq!(range(day("20"), None).unwrap(), (start, None));
        assert_eq!(range(None, day("21")).unwrap(), (None, end));
        assert_eq!(range(None, None).unwrap(), (None, None));
        for (start, end) in [("20", "20"), ("21", "20")] {
            let error = range(day(start), day(end)).unwrap_err();
            assert_eq!(
                (error.code, error.message.as_str()),
                ("invalid_argument", "end_date must be later than start_date.")
            );
        }
        assert!(range(day("20"), day("x")).is_err());
    }

    #[test]
    fn lists_and_texts_are_brought_into_one_form() {
        let given = vec!["b".to_owned(), " a ".to_owned(), String::new(), "b".to_owned()];
        assert_eq!(list(Some(given)), ["a", "b"]);
        assert!(list(None).is_empty());
        assert_eq!(optional(Some("  ".to_owned())), None);
        assert_eq!(required("id", " x ").unwrap(), "x");
        assert_eq!(required("id", " ").unwrap_err().message, "id must not be empty.");
    }

    #[test]
    fn shown_text_is_short_and_harmless() {
        assert_eq!(shown("a\u{202e}b\n\u{2800}\u{3164}"), "a\\u{202e}b\\n\\u{2800}\\u{3164}");
        assert_eq!(shown("अर्चना"), "अर्चना");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), SHOWN + 1);
    }
}
