//! How long a fetched document may be used without asking again (row OI5).

use std::time::Duration;

use axum::http::{
    HeaderMap,
    header::{AGE, CACHE_CONTROL},
};

/// Not shorter: a client is authorized in seconds, and its host should not be asked for every step.
pub(crate) const FLOOR: Duration = Duration::from_mins(5);
/// Not longer: a client that gives up an address must be able to take it back.
pub(crate) const CEILING: Duration = Duration::from_hours(24);

/// The time that the answer's headers give (RFC 9111: `max-age` less `Age`), within floor and ceiling.
pub(crate) fn lifetime(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> = text(CACHE_CONTROL)
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    let never = ["no-store", "no-cache"];
    if directives.iter().any(|directive| never.contains(&directive.as_str())) {
        return FLOOR;
    }
    let max_age = directives
        .iter()
        .find_map(|directive| directive.strip_prefix("max-age="))
        .and_then(|seconds| seconds.trim_matches('"').parse::<u64>().ok());
    let age = text(AGE).find_map(|value| value.trim().parse::<u64>().ok()).unwrap_or(0);
    Duration::from_secs(max_age.unwrap_or(0).saturating_sub(age)).clamp(FLOOR, CEILING)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(cache_control: &'static str, age: Option<&'static str>) -> Duration {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        if let Some(age) = age {
            headers.insert(AGE, HeaderValue::from_static(age));
        }
        lifetime(&headers)
    }

    #[test]
    fn oi5_the_headers_count_within_floor_and_ceiling() {
        assert_eq!(lifetime(&HeaderMap::new()), FLOOR);
        assert_eq!(with("public, max-age=3600", None), Duration::from_hours(1));
        assert_eq!(with("Public, Max-Age=3600", Some("1800")), Duration::from_mins(30));
        assert_eq!(with("max-age=3600", Some("9999")), FLOOR);
        assert_eq!(with("max-age=10", None), FLOOR);
        assert_eq!(with("max-age=99999999", None), CEILING);
        assert_eq!(with("max-age=99999999999999999999", None), FLOOR);
        assert_eq!(with("no-store, max-age=3600", None), FLOOR);
        assert_eq!(with("no-cache", None), FLOOR);
    }
}
