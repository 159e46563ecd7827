//! What a client can read. Clients in the field name one of the two media types, both, or none; the protocol library
//! wants both spelled out.

use http::{HeaderMap, header::ACCEPT};

/// What the library wants to see on `POST`.
pub(crate) const BOTH: &str = "application/json, text/event-stream";

/// What the library wants to see on `GET`.
pub(crate) const EVENTS: &str = "text/event-stream";

/// Which of the two answer formats a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepts {
    /// One JSON object.
    pub(crate) json: bool,
    /// A stream of events.
    pub(crate) events: bool,
}

/// Reads the `Accept` header. Without one, everything is acceptable (RFC 9110 section 12.5.1).
pub(crate) fn read(headers: &HeaderMap) -> Accepts {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if values.peek().is_none() {
        return Accepts { json: true, events: true };
    }
    let mut accepts = Accepts { json: false, events: false };
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        if parts.any(is_zero_weight) {
            continue;
        }
        accepts.json |= matches!(essence.as_str(), "*/*" | "application/*" | "application/json");
        accepts.events |= matches!(essence.as_str(), "*/*" | "text/*" | "text/event-stream");
    }
    accepts
}

/// `q=0` takes a media range out.
fn is_zero_weight(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn media_ranges() {
        for (value, json, events) in [
            ("application/json, text/event-stream", true, true),
            ("*/*", true, true),
            ("Application/JSON; charset=utf-8", true, false),
            ("text/event-stream;q=0.5", false, true),
            ("*/*;q=0", false, false),
            ("text/html", false, false),
            ("", false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_str(value).unwrap());
            assert_eq!(read(&headers), Accepts { json, events }, "{value}");
        }
        assert_eq!(read(&HeaderMap::new()), Accepts { json: true, events: true });
    }
}
