//! The body of a `POST`: one JSON-RPC message (rows B8, H15). Only what routing needs is read here; the protocol
//! library reads the rest.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use rmcp::model::{ProtocolVersion, RequestId};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The header that names the protocol version.
pub(crate) const VERSION_HEADER: &str = "mcp-protocol-version";

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// What routing needs to know of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its id, if it is a request.
    pub(crate) id: Option<RequestId>,
    /// Its method, unless it is a response.
    pub(crate) method: Option<String>,
    /// The protocol version in its `_meta`.
    pub(crate) version: Option<String>,
    /// Whether its `_meta` declares the client's capabilities.
    capabilities: bool,
    /// Whether its parameters name a version to begin a session with.
    opens: bool,
    /// Tool and arguments, if it calls a tool in a way that can be read.
    pub(crate) call: Option<(String, Map<String, Value>)>,
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge(limit)),
        Err(error) => {
            tracing::debug!(%error, "a body could not be read");
            Err(Refusal::Unreadable)
        }
    }
}

/// Refuses what does not say that it is JSON.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

impl Message {
    /// Reads a message.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let body = serde_json::from_slice::<Value>(bytes).map_err(|_| Refusal::NotJson)?;
        let message = match body {
            Value::Object(message) => message,
            // Row B8.
            Value::Array(_) => return Err(Refusal::Batch),
            _ => return Err(Refusal::NotAMessage(None)),
        };
        let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
        let is_answer = message.contains_key("result") || message.contains_key("error");
        let id = match message.get("id").map(|id| serde_json::from_value::<RequestId>(id.clone())) {
            Some(Ok(id)) => Some(id),
            // Row B1: the id of a request is text or a whole number.
            Some(Err(_)) if method.is_some() => return Err(Refusal::NotAMessage(None)),
            _ => None,
        };
        // A request or an answer, never both, and of this version of JSON-RPC.
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") || (method.is_some() && is_answer) {
            return Err(Refusal::NotAMessage(id));
        }
        let meta = message.get("params").and_then(|params| params.get("_meta"));
        let version = meta.and_then(|meta| meta.get(VERSION_KEY)).and_then(Value::as_str).map(str::to_owned);
        let capabilities = meta.is_some_and(|meta| meta.get(CAPABILITIES_KEY).is_some());
        let call = if method.as_deref() == Some("tools/call") { call(message.get("params")) } else { None };
        let opens =
            message.get("params").and_then(|params| params.get("protocolVersion")).is_some_and(Value::is_string);
        Ok(Self { id, method, version, capabilities, opens, call })
    }

    /// Whether it wants an answer.
    pub(crate) fn is_request(&self) -> bool {
        self.id.is_some() && self.method.is_some()
    }

    /// Whether what it asks for may take long, and may outlive the connection that asked.
    pub(crate) fn does_work(&self) -> bool {
        matches!(self.method.as_deref(), Some("tools/call" | "resources/read" | "resources/list"))
    }

    /// Whether this opens a session.
    pub(crate) fn is_initialize(&self) -> bool {
        self.method.as_deref() == Some("initialize")
    }

    /// Whether this belongs to the era without sessions (row V3). Errs on the modern side, where no session counts.
    pub(crate) fn is_modern(&self, headers: &HeaderMap) -> bool {
        if self.is_initialize() {
            // Row V3: this opens a session, unless it does not say of which version, and all the rest says that the client
            // means an era that has none; then it is told that there is no such method (row H13).
            return !self.opens && self.is_complete() && self.version.as_deref().is_some_and(has_no_sessions);
        }
        self.method.as_deref() == Some("server/discover")
            || (self.version.is_some() && self.capabilities)
            || self.version.as_deref().is_some_and(has_no_sessions)
            || header_version(headers).is_some_and(has_no_sessions)
    }

    /// Whether it brings what every message of the era without sessions has to bring (row V8).
    pub(crate) fn is_complete(&self) -> bool {
        self.version.is_some() && self.capabilities
    }

    /// Whether a complete message agrees with the headers that repeat a part of it (rows H9, H10). What does not is left to
    /// the protocol library, which refuses it.
    pub(crate) fn fits(&self, headers: &HeaderMap) -> bool {
        let only = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let first = values.next().and_then(|value| value.to_str().ok());
            first.filter(|_| values.next().is_none())
        };
        let version = only(VERSION_HEADER).filter(|version| self.version.as_deref() == Some(version));
        let Some(version) = version.filter(|version| is_known(version)) else { return false };
        let called = self.call.as_ref().map(|(tool, _)| tool.as_str());
        !has_no_sessions(version)
            || (only("mcp-method") == self.method.as_deref()
                && called.is_none_or(|tool| only("mcp-name") == Some(tool)))
    }

    /// Refuses a version in the header that nobody speaks (rows V2, L5). A version in `_meta` is left to the protocol
    /// library, which answers the same and also compares the two (row H9).
    pub(crate) fn check_version(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.version.is_some() || !headers.contains_key(VERSION_HEADER) {
            return Ok(());
        }
        let requested = header_version(headers).unwrap_or_default();
        if is_known(requested) {
            return Ok(());
        }
        Err(Refusal::UnsupportedVersion { id: self.id.clone(), requested: requested.chars().take(40).collect() })
    }
}

fn call(params: Option<&Value>) -> Option<(String, Map<String, Value>)> {
    let params = params?;
    let arguments = match params.get("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments.clone(),
        Some(_) => return None,
    };
    Some((params.get("name")?.as_str()?.to_owned(), arguments))
}

/// The version in the header, if it is readable.
pub(crate) fn header_version(headers: &HeaderMap) -> Option<&str> {
    headers.get(VERSION_HEADER).and_then(|value| value.to_str().ok())
}

fn is_known(version: &str) -> bool {
    ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == version)
}

/// Whether a version is of the era without sessions. Versions are dates, so text order is their order.
pub(crate) fn has_no_sessions(version: &str) -> bool {
    version >= ProtocolVersion::NO_INITIALIZE.as_str()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parse(text: &str) -> Result<Message, Refusal> {
        Message::parse(text.as_bytes())
    }

    #[test]
    fn what_is_no_message() {
        assert_eq!(parse("{"), Err(Refusal::NotJson));
        assert_eq!(parse(""), Err(Refusal::NotJson));
        assert_eq!(parse(&"[".repeat(5000)), Err(Refusal::NotJson));
        assert_eq!(parse(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#), Err(Refusal::Batch));
        assert_eq!(parse("7"), Err(Refusal::NotAMessage(None)));
        for id in ["null", "1.5", "true", "{}", "[]"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert_eq!(parse(&text), Err(Refusal::NotAMessage(None)), "{id}");
        }
    }

    #[test]
    fn the_two_eras() {
        let none = HeaderMap::new();
        let mut modern = HeaderMap::new();
        modern.insert(VERSION_HEADER, HeaderValue::from_static("2026-07-28"));
        let list = parse(r#"{"jsonrpc":"2.0","id":"a","method":"tools/list"}"#).unwrap();
        assert!(!list.is_modern(&none));
        assert!(list.is_modern(&modern));
        let with_meta = parse(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list",
                "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        );
        assert!(with_meta.unwrap().is_modern(&none));
        let initialize = parse(r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#).unwrap();
        assert!(!initialize.is_modern(&modern));
    }

    #[test]
    fn a_version_that_nobody_speaks() {
        let mut headers = HeaderMap::new();
        assert_eq!(Message::default().check_version(&headers), Ok(()));
        headers.insert(VERSION_HEADER, HeaderValue::from_static("2025-06-18"));
        assert_eq!(Message::default().check_version(&headers), Ok(()));
        headers.insert(VERSION_HEADER, HeaderValue::from_static("1999-01-01"));
        let refused = Refusal::UnsupportedVersion { id: None, requested: "1999-01-01".to_owned() };
        assert_eq!(Message::default().check_version(&headers), Err(refused));
    }
}
