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
    /// Units since 1970, of which so many make a second.
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
    fn milliseconds_are_rounded_down() {
        assert_eq!(floor_to_millis(Timestamp::from_micros(-1)), Timestamp::from_micros(-1000));
        assert_eq!(floor_to_millis(Timestamp::from_micros(1999)), Timestamp::from_micros(1000));
    }
}
