//! Times in events and in queries, in the forms that logs use.

use chrono::{
    DateTime, NaiveDate, NaiveDateTime,
    format::{Item, StrftimeItems},
};
use margay_domain::clock::Timestamp;
use serde_json::Value;

/// The years 1 to 9999 in microseconds since 1970; other years cannot be written in RFC 3339.
const RANGE: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// RFC 3339; also with a space for the `T`, and without a zone, which means UTC.
    Rfc3339,
    /// Units since 1970; the number is how many of them make a second.
    Unix(i64),
    /// A pattern as in `strftime`.
    Strftime(String),
}

impl TimeFormat {
    /// Reads the name of a format.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            "unix" => Ok(Self::Unix(1)),
            "unix_ms" => Ok(Self::Unix(1_000)),
            "unix_us" => Ok(Self::Unix(1_000_000)),
            "unix_ns" => Ok(Self::Unix(1_000_000_000)),
            pattern if pattern.contains('%') && !StrftimeItems::new(pattern).any(|item| item == Item::Error) => {
                Ok(Self::Strftime(pattern.to_owned()))
            }
            other => Err(format!(
                "{other} is not a time format; there are rfc3339, unix, unix_ms, unix_us, unix_ns and strftime patterns \
                 such as %Y-%m-%d %H:%M:%S"
            )),
        }
    }

    /// Reads a value, in microseconds since 1970.
    fn read(&self, value: &Value) -> Option<i64> {
        match (self, value) {
            (Self::Rfc3339, Value::String(text)) => read_text(text),
            (Self::Unix(units), Value::Number(number)) => match number.as_i64() {
                Some(whole) => from_units(whole, *units),
                None => from_fraction(number.as_f64()?, *units),
            },
            (Self::Unix(units), Value::String(text)) => {
                let text = text.trim();
                match text.parse::<i64>() {
                    Ok(whole) => from_units(whole, *units),
                    Err(_) => from_fraction(text.parse().ok()?, *units),
                }
            }
            (Self::Strftime(pattern), Value::String(text)) => read_pattern(text.trim(), pattern),
            _ => None,
        }
    }
}

/// Reads a value in the first format that fits.
pub(crate) fn read_value(formats: &[TimeFormat], value: &Value) -> Option<Timestamp> {
    let micros = formats.iter().find_map(|format| format.read(value))?;
    RANGE.contains(&micros).then(|| Timestamp::from_micros(micros))
}

/// Reads a value whose format nobody told: times as logs write them, and numbers of seconds, milliseconds, microseconds
/// or nanoseconds since 1970 from 1973 on, told apart by their size.
pub(crate) fn guess_value(value: &Value) -> Option<Timestamp> {
    let micros = match value {
        Value::Number(number) => guess_number(number.as_f64()?, number.as_i64()),
        Value::String(text) => guess_text(text.trim()),
        _ => None,
    }?;
    RANGE.contains(&micros).then(|| Timestamp::from_micros(micros))
}

fn guess_number(number: f64, whole: Option<i64>) -> Option<i64> {
    let units = match number {
        1e8..1e11 => 1,
        1e11..1e14 => 1_000,
        1e14..1e17 => 1_000_000,
        1e17..9e18 => 1_000_000_000,
        _ => return None,
    };
    match whole {
        Some(whole) => from_units(whole, units),
        None => from_fraction(number, units),
    }
}

/// With a zone.
const ZONED: [&str; 5] = [
    "%d/%b/%Y:%H:%M:%S%.f %z",
    "%a %b %d %H:%M:%S%.f %z %Y",
    "%Y/%m/%d %H:%M:%S%.f %z",
    "%d %b %Y %H:%M:%S%.f %z",
    "%Y%m%dT%H%M%S%.f%#z",
];

/// Without a zone, which means UTC. None can be read in two ways: days before months are spelled out.
const ZONELESS: [&str; 11] = [
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y%m%dT%H%M%S%.f",
    "%Y%m%d%H%M%S",
    "%d/%b/%Y:%H:%M:%S%.f",
    "%d-%b-%Y %H:%M:%S%.f",
    "%d %b %Y %H:%M:%S%.f",
    "%b %d %Y %H:%M:%S%.f",
    "%b %d, %Y %H:%M:%S%.f",
    "%b %d, %Y %I:%M:%S %p",
    "%a %b %d %H:%M:%S%.f %Y",
    "%m/%d/%Y %I:%M:%S %p",
];

fn guess_text(text: &str) -> Option<i64> {
    if let Some(micros) = read_text(text) {
        return Some(micros);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    // Fourteen digits are a date rather than milliseconds of the year 2610.
    if digits && text.len() != 14 {
        let whole = text.parse::<i64>().ok()?;
        return guess_number(whole as f64, Some(whole));
    }
    if !digits && let Some(micros) = text.parse().ok().and_then(|number| guess_number(number, None)) {
        return Some(micros);
    }
    if let Ok(time) = DateTime::parse_from_rfc2822(text) {
        return Some(time.timestamp_micros());
    }
    let text = mend_fraction(text);
    // Go prints the name of the zone and a monotonic clock behind the offset.
    let text = text.split(" m=").next().unwrap_or_default();
    let text = ["UTC", "GMT", "Z"].iter().find_map(|zone| text.strip_suffix(zone)).map_or(text, str::trim_end);
    let zoned = ZONED.iter().find_map(|pattern| DateTime::parse_from_str(text, pattern).ok());
    let zoned = zoned.map(|time| time.timestamp_micros());
    let zoneless = || ZONELESS.iter().find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok());
    zoned.or_else(|| zoneless().map(|time| time.and_utc().timestamp_micros())).or_else(|| read_text(text))
}

/// A fraction with a comma, or with nothing before it (`00:00:00000000`).
fn mend_fraction(text: &str) -> String {
    let text = text.replace(',', ".").replace(". ", ", ");
    let Some((before, after)) = text.rsplit_once(':') else { return text };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    match (before.contains(':'), after.split_at_checked(2)) {
        (true, Some((seconds, fraction))) if digits > 2 => format!("{before}:{seconds}.{fraction}"),
        _ => text,
    }
}

/// Reads text: RFC 3339, also with a space, without a zone, or only a date.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let micros = read_text(text)?;
    RANGE.contains(&micros).then(|| Timestamp::from_micros(micros))
}

/// The same moment in whole milliseconds, rounded down.
pub(crate) const fn floor_to_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().div_euclid(1_000).saturating_mul(1_000))
}

fn from_units(whole: i64, units: i64) -> Option<i64> {
    if units > 1_000_000 { Some(whole.div_euclid(units / 1_000_000)) } else { whole.checked_mul(1_000_000 / units) }
}

fn from_fraction(value: f64, units: i64) -> Option<i64> {
    let micros = value / units as f64 * 1_000_000.0;
    (micros.is_finite() && micros.abs() < 1e18).then(|| micros.round() as i64)
}

fn read_text(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok())
        .map(|time| time.and_utc().timestamp_micros())
        .or_else(|| {
            ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"]
                .iter()
                .find_map(|pattern| DateTime::parse_from_str(text, pattern).ok())
                .map(|time| time.timestamp_micros())
        })
        .or_else(|| read_date(text, "%Y-%m-%d"))
}

fn read_date(text: &str, pattern: &str) -> Option<i64> {
    let midnight = NaiveDate::parse_from_str(text, pattern).ok()?.and_hms_opt(0, 0, 0)?;
    Some(midnight.and_utc().timestamp_micros())
}

fn read_pattern(text: &str, pattern: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_str(text, pattern) {
        return Some(time.timestamp_micros());
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, pattern) {
        return Some(time.and_utc().timestamp_micros());
    }
    read_date(text, pattern)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_in_the_forms_of_the_field_are_read() {
        let expected = Timestamp::parse("2023-01-10T21:04:02Z").unwrap();
        for text in [
            "2023-01-10T21:04:02Z",
            "2023-01-10 21:04:02",
            "2023-01-10T21:04:02.000",
            "2023-01-10 21:04:02.000000000",
            "2023-01-10 21:04:02Z",
            "2023-01-10 22:04:02 +0100",
            "2023-01-10T22:04:02+01:00",
            "2023-01-10T22:04:02+0100",
            "2023-01-10 21:04:02 UTC",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse("2023-01-10"), Timestamp::parse("2023-01-10").ok());
        for text in ["", "soon", "2023-13-01", "21:04:02", "redacted"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_in_their_unit() {
        let expected = Some(Timestamp::from_seconds(1_604_266_544));
        let format = |name: &str| [TimeFormat::parse(name).unwrap()];
        assert_eq!(read_value(&format("unix"), &json!(1_604_266_544)), expected);
        assert_eq!(read_value(&format("unix"), &json!("1604266544")), expected);
        assert_eq!(read_value(&format("unix"), &json!(1_604_266_544.0)), expected);
        assert_eq!(read_value(&format("unix_ms"), &json!(1_604_266_544_000_i64)), expected);
        assert_eq!(read_value(&format("unix_us"), &json!(1_604_266_544_000_000_i64)), expected);
        assert_eq!(read_value(&format("unix_ns"), &json!(1_604_266_544_000_000_000_i64)), expected);
        assert_eq!(read_value(&format("unix"), &json!(1_604_266_544_000_000_000_i64)), None);
        assert_eq!(read_value(&format("unix"), &json!(true)), None);
    }

    #[test]
    fn patterns_and_several_formats_are_tried_in_order() {
        let formats = [TimeFormat::parse("unix_ms").unwrap(), TimeFormat::parse("%d/%b/%Y:%H:%M:%S %z").unwrap()];
        let expected = Timestamp::parse("2000-10-10T20:55:36Z").ok();
        assert_eq!(read_value(&formats, &json!("10/Oct/2000:13:55:36 -0700")), expected);
        assert_eq!(read_value(&[TimeFormat::parse("%Y%m%d").unwrap()], &json!("20001010")), parse("2000-10-10"));
        assert!(TimeFormat::parse("%Q").is_err());
    }

    #[test]
    fn a_time_is_read_although_nobody_told_its_format() {
        let expected = parse("2024-12-17T01:02:03Z").unwrap();
        for value in [
            json!(1_734_397_323),
            json!(1_734_397_323_000_i64),
            json!(1_734_397_323_000_000_i64),
            json!(1_734_397_323_000_000_000_i64),
            json!("1734397323"),
            json!("1734397323000"),
            json!("1734397323.0"),
            json!("2024-12-17 01:02:03"),
            json!("2024-12-17 01:02:03000000"),
            json!("2024-12-17 01:02:03,000"),
            json!("2024-12-17T01:02:03.000000000+0000"),
            json!("2024-12-17 01:02:03 +0000 UTC"),
            json!("2024/12/17 01:02:03"),
            json!("Tue, 17 Dec 2024 01:02:03 GMT"),
            json!("Tue, 17 Dec 2024 02:02:03 +0100"),
            json!("17/Dec/2024:01:02:03 +0000"),
            json!("Tue Dec 17 01:02:03 2024"),
            json!("Dec 17 2024 01:02:03"),
            json!("Dec 17, 2024 1:02:03 AM"),
            json!("12/17/2024 1:02:03 AM"),
            json!("20241217T010203Z"),
            json!("20241217010203"),
        ] {
            assert_eq!(guess_value(&value), Some(expected), "{value}");
        }
        for value in
            [json!("redacted"), json!("-"), json!(""), json!(0), json!(443), json!("443"), json!(true), json!([1])]
        {
            assert_eq!(guess_value(&value), None, "{value}");
        }
    }

    #[test]
    fn milliseconds_are_rounded_down() {
        assert_eq!(floor_to_millis(Timestamp::from_micros(-1)), Timestamp::from_micros(-1000));
        assert_eq!(floor_to_millis(Timestamp::from_micros(1999)), Timestamp::from_micros(1000));
    }
}
