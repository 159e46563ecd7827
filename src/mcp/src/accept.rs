//! What a client can read. Clients in the field name one of the two media types, both, or none; the protocol library
//! wants both spelled out.

use http::{HeaderMap, header::ACCEPT};

/// What the library wants to see on `POST`.
pub(crate) const BOTH: &str = "application/json, text/event-stream";

/// What a client sends that reads no streams.
pub(crate) const JSON: &str = "application/json";

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

/// Whether a list of media ranges is that of a browser in which a person opens an address: it names pages, and no stream.
pub(crate) fn prefers_page(ranges: &str) -> bool {
    let names = |kind: &str| {
        let mut essences = ranges.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
        essences.any(|essence| essence.eq_ignore_ascii_case(kind))
    };
    names("text/html") && !names(EVENTS) && !names(JSON)
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

    #[test]
    fn browsers_prefer_a_page() {
        let of_chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (ranges, page) in [
            (of_chromium, true),
            ("text/html", true),
            ("*/*", false),
            ("text/event-stream", false),
            ("application/json, text/html", false),
            ("text/event-stream, text/html", false),
            ("", false),
        ] {
            assert_eq!(prefers_page(ranges), page, "{ranges}");
        }
    }
}
