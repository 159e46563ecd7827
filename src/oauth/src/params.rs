//! Reads queries and forms and sees duplicates, which a deserializer would swallow (rows OA1, OR5, OT1).

use axum::{
    body::Bytes,
    extract::rejection::BytesRejection,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use url::form_urlencoded;

use crate::client_document;

/// The parameters of a request, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

/// A parameter that may come once came more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate;

/// A body that is not a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormError {
    /// Another content type.
    NotAForm,
    /// Larger than the limit of the route.
    TooLarge,
    /// The body broke off.
    Unreadable,
}

impl Params {
    /// Reads `application/x-www-form-urlencoded` text. What is not UTF-8 becomes U+FFFD.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Reads a request's body, which must say that it is a form (row OT1).
    pub(crate) fn from_form(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Self, FormError> {
        if !is_form(headers) {
            return Err(FormError::NotAForm);
        }
        Ok(Self::parse(&read_body(body)?))
    }

    /// The value of a parameter that may come once. Empty means omitted (row OA1), twice is an error (row OR5), even
    /// with the same value.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Duplicate> {
        let mut values = self.all(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(Duplicate);
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// Rows OR5, OT1: no parameter comes twice, also none that nobody reads; only those in `except` may.
    pub(crate) fn check_duplicates(&self, except: &[&str]) -> Result<(), Duplicate> {
        let mut seen = std::collections::HashSet::new();
        let mut names = self.0.iter().map(|(name, _)| name.as_str()).filter(|name| !except.contains(name));
        if names.all(|name| seen.insert(name)) { Ok(()) } else { Err(Duplicate) }
    }

    /// Every value of a parameter that may come several times, empty ones included.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The same parameters as a query, escaped anew.
    pub(crate) fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// The whole body, if it stays below the limit of the route.
pub(crate) fn read_body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, FormError> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => FormError::TooLarge,
        _ => FormError::Unreadable,
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Whether `text` can be a client id: one of ours, or the address of a metadata document.
pub(crate) fn is_plausible_client_id(text: &str) -> bool {
    is_plausible_id(text) || client_document::is_well_formed(text)
}

/// Whether `text` can be one of our ids: short, and made of characters that every database and every path takes.
pub(crate) fn is_plausible_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oa1_order_and_unknown_parameters_do_not_matter_and_empty_is_omitted() {
        let params = Params::parse(b"unknown=1&state=a+b%26c&scope=&client_id=mcp_1&unknown=2");
        assert_eq!(params.one("client_id"), Ok(Some("mcp_1")));
        assert_eq!(params.one("state"), Ok(Some("a b&c")));
        assert_eq!(params.one("scope"), Ok(None));
        assert_eq!(params.one("resource"), Ok(None));
    }

    #[test]
    fn or5_a_parameter_that_comes_twice_is_an_error() {
        assert_eq!(Params::parse(b"state=a&state=b").one("state"), Err(Duplicate));
        assert_eq!(Params::parse(b"state=a&state=a").one("state"), Err(Duplicate));
        assert_eq!(Params::parse(b"state=&state=a").one("state"), Err(Duplicate));
        assert_eq!(Params::parse(b"st%61te=a&state=b").one("state"), Err(Duplicate));
    }

    #[test]
    fn or5_nor_may_one_that_nobody_reads() {
        let check = |text: &str| Params::parse(text.as_bytes()).check_duplicates(&["resource"]);
        assert_eq!(check("a=1&b=1&resource=x&resource=y"), Ok(()));
        assert_eq!(check("nonce=1&a=1&nonce=1"), Err(Duplicate));
        assert_eq!(check("nonce=&n%6fnce="), Err(Duplicate));
    }

    #[test]
    fn values_that_may_repeat_are_all_kept() {
        let params = Params::parse(b"permission=AlertRead&permission=&permission=RuleRead");
        assert_eq!(params.all("permission").collect::<Vec<_>>(), ["AlertRead", "", "RuleRead"]);
    }

    #[test]
    fn a_query_survives_the_round_trip() {
        let params = Params::parse("a=b+c&d=%2F%5C%0A&e=é".as_bytes());
        assert_eq!(params.to_query(), "a=b+c&d=%2F%5C%0A&e=%C3%A9");
        assert_eq!(Params::parse(params.to_query().as_bytes()).0, params.0);
    }

    #[test]
    fn ot1_only_forms_are_read() {
        let with = |content_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(content_type));
            Params::from_form(&headers, Ok(Bytes::from_static(b"a=b"))).map(|params| params.0.len())
        };
        assert_eq!(with("application/x-www-form-urlencoded"), Ok(1));
        assert_eq!(with("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), Ok(1));
        assert_eq!(with("application/json"), Err(FormError::NotAForm));
        assert_eq!(with("multipart/form-data; boundary=x"), Err(FormError::NotAForm));
        assert_eq!(with("application/x-www-form-urlencoded-not"), Err(FormError::NotAForm));
    }

    #[test]
    fn ids_that_no_database_would_take_are_not_looked_up() {
        assert!(is_plausible_id("mcp_01k9zq4t2v8m3c5x7b1n6p0r9s"));
        for text in ["", "a b", "a\0b", "../x", "é", "a".repeat(201).as_str()] {
            assert!(!is_plausible_id(text), "{text:?}");
        }
    }
}
