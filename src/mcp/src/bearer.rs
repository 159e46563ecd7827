//! The access token of a request (rows R7, OX3, OX4).

use http::{header::AUTHORIZATION, request::Parts};

use crate::refusal::Refusal;

/// The token in the `Authorization` header; `None` if there is no bearer token.
///
/// A token in the query is never looked at. One in both places is malformed, and so are two headers.
pub(crate) fn token(parts: &Parts) -> Result<Option<String>, Refusal> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::MalformedCredentials);
    }
    let text = value.to_str().map_err(|_| Refusal::MalformedCredentials)?;
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    // Row OX4: the name of the scheme ignores case. Another scheme is no bearer token at all.
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = rest.trim_matches(' ');
    // Row OX3: two ways to present a token in one request are an invalid request.
    if !is_token(token) || has_token_in_query(parts) {
        return Err(Refusal::MalformedCredentials);
    }
    Ok(Some(token.to_owned()))
}

/// RFC 6750 section 2.1: `b64token`.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

fn has_token_in_query(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(uri: &str, headers: &[&str]) -> Result<Option<String>, Refusal> {
        let request =
            headers.iter().fold(Request::builder().uri(uri), |request, value| request.header("authorization", *value));
        token(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn one_bearer_token_is_read() {
        assert_eq!(read("/mcp", &["Bearer abc.def-_~+/=="]), Ok(Some("abc.def-_~+/==".to_owned())));
        assert_eq!(read("/mcp", &["bEARER   abc"]), Ok(Some("abc".to_owned())));
    }

    #[test]
    fn no_bearer_token() {
        assert_eq!(read("/mcp", &[]), Ok(None));
        assert_eq!(read("/mcp", &["Basic abc"]), Ok(None));
        assert_eq!(read("/mcp?access_token=abc", &[]), Ok(None));
    }

    #[test]
    fn malformed() {
        let cases: [(&str, &[&str]); 8] = [
            ("/mcp", &["Bearer"]),
            ("/mcp", &["Bearer "]),
            ("/mcp", &["Bearer a b"]),
            ("/mcp", &["Bearer a,b"]),
            ("/mcp", &["Bearer =="]),
            ("/mcp", &["Bearer abc", "Bearer abc"]),
            ("/mcp", &["Bearer abc", "Basic abc"]),
            ("/mcp?x=1&access_token=abc", &["Bearer abc"]),
        ];
        for (uri, headers) in cases {
            assert_eq!(read(uri, headers), Err(Refusal::MalformedCredentials), "{uri} {headers:?}");
        }
    }
}
