//! One JSON-RPC message (rows B8, H15). Only what routing needs is read here; the protocol library reads the rest.

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use margay_domain::rules::display;
use rmcp::model::{ProtocolVersion, RequestId};
use serde_json::{Map, Value};

use crate::{json, redact, refusal::Refusal};

/// The header that names the protocol version.
pub(crate) const VERSION_HEADER: &str = "mcp-protocol-version";

/// The header that repeats the method.
const METHOD_HEADER: &str = "mcp-method";

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

// What a client has to send, in the words of the sentence that tells it.
const VERSION_HEADER_SHOWN: &str = "the header MCP-Protocol-Version";
const METHOD_HEADER_SHOWN: &str = "the header Mcp-Method";
const VERSION_MEMBER: &str = "params._meta[\"io.modelcontextprotocol/protocolVersion\"]";
const CAPABILITIES_MEMBER: &str = "params._meta[\"io.modelcontextprotocol/clientCapabilities\"]";

/// The members that `initialize` cannot do without.
const NEEDED_TO_OPEN: [&str; 3] = ["params.protocolVersion", "params.capabilities", "params.clientInfo"];

/// The longest name of a method in an answer, in characters.
pub(crate) const MAX_METHOD: usize = 100;

/// The revision whose sessions may send batches; it is meant where no version is named (row L5).
const WITH_BATCHES: &str = "2025-03-26";

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
    /// What `initialize` has to bring and this one does not.
    lacks: Vec<&'static str>,
    /// Tool and arguments, if it calls a tool in a way that can be read.
    pub(crate) call: Option<(String, Map<String, Value>)>,
}

/// What a body holds: one message, or several of the revision that had batches.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// One message, and its text for the protocol library.
    One(Box<Message>, Bytes),
    /// A list of what should be messages.
    Batch(Vec<Value>),
}

/// Refuses what does not say that it is JSON, and what is compressed.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    for codings in headers.get_all(CONTENT_ENCODING) {
        if !codings.to_str().is_ok_and(|codings| codings.split(',').map(str::trim).all(plain)) {
            return Err(Refusal::Compressed);
        }
    }
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

impl Incoming {
    /// Reads a body.
    pub(crate) fn parse(bytes: &Bytes) -> Result<Self, Refusal> {
        match json::read(bytes)? {
            (Value::Array(messages), _) => Ok(Self::Batch(messages)),
            (value, bytes) => {
                let (message, mended) = Message::read(value)?;
                Ok(Self::One(Box::new(message), mended.unwrap_or(bytes)))
            }
        }
    }
}

impl Message {
    /// Reads a message; also its text, if something in it was put right.
    pub(crate) fn read(value: Value) -> Result<(Self, Option<Bytes>), Refusal> {
        let Value::Object(mut message) = value else { return Err(Refusal::NotAMessage(None)) };
        let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
        let is_answer = message.contains_key("result") || message.contains_key("error");
        let id = match message.get("id").map(|id| serde_json::from_value::<RequestId>(id.clone())) {
            Some(Ok(id)) => Some(id),
            // Row B1: the id of a request is text or a whole number.
            Some(Err(_)) if method.is_some() => return Err(Refusal::NotAnId),
            _ => None,
        };
        // A request or an answer, never both, and of this version of JSON-RPC.
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") || (method.is_some() && is_answer) {
            return Err(Refusal::NotAMessage(id));
        }
        if method.is_none() && !is_answer {
            return Err(Refusal::NoMethod(id));
        }
        let calls = method.as_deref() == Some("tools/call");
        let mut mended = message.get("params").is_some_and(Value::is_null);
        if mended {
            message.shift_remove("params");
        }
        let params = match message.get_mut("params") {
            None => None,
            Some(Value::Object(params)) => Some(params),
            Some(_) => return Err(Refusal::PositionalParams(id)),
        };
        let mut read = Self { id, method, ..Self::default() };
        if let Some(params) = params {
            mended |= calls && mend_arguments(params);
            read.note(params, calls);
        }
        if read.is_initialize() {
            let params = message.get("params").and_then(Value::as_object);
            let has = |name: &str| params.is_some_and(|params| params.contains_key(name.trim_start_matches("params.")));
            read.lacks = NEEDED_TO_OPEN.into_iter().filter(|name| !has(name)).collect();
        }
        let text = mended.then(|| Bytes::from(Value::Object(message).to_string()));
        Ok((read, text))
    }

    fn note(&mut self, params: &Map<String, Value>, calls: bool) {
        let meta = params.get("_meta");
        self.version = meta.and_then(|meta| meta.get(VERSION_KEY)).and_then(Value::as_str).map(str::to_owned);
        self.capabilities = meta.is_some_and(|meta| meta.get(CAPABILITIES_KEY).is_some());
        self.call = if calls { call(params) } else { None };
        self.opens = params.get("protocolVersion").is_some_and(Value::is_string);
    }

    /// The name of the method, for an answer.
    pub(crate) fn shown_method(&self) -> String {
        display::shown(&redact::name(self.method.as_deref().unwrap_or_default(), MAX_METHOD), MAX_METHOD)
    }

    /// Refuses a request that does not bring what it cannot be understood without, and says what that is.
    pub(crate) fn check_whole(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.is_request() {
            return Ok(());
        }
        let method = self.shown_method();
        let refuse = |missing: Vec<&'static str>| Refusal::Incomplete { id: self.id.clone(), method, missing };
        if !self.is_modern(headers) {
            return if self.lacks.is_empty() { Ok(()) } else { Err(refuse(self.lacks.clone())) };
        }
        if self.is_complete() {
            return Ok(());
        }
        let mut missing = Vec::new();
        for (name, header) in [(VERSION_HEADER, VERSION_HEADER_SHOWN), (METHOD_HEADER, METHOD_HEADER_SHOWN)] {
            if !headers.contains_key(name) {
                missing.push(header);
            }
        }
        if self.version.is_none() {
            missing.push(VERSION_MEMBER);
        }
        if !self.capabilities {
            missing.push(CAPABILITIES_MEMBER);
        }
        Err(refuse(missing))
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
            || (only(METHOD_HEADER) == self.method.as_deref()
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

fn call(params: &Map<String, Value>) -> Option<(String, Map<String, Value>)> {
    let arguments = match params.get("arguments") {
        None => Map::new(),
        Some(Value::Object(arguments)) => arguments.clone(),
        Some(_) => return None,
    };
    Some((params.get("name")?.as_str()?.to_owned(), arguments))
}

/// Some clients and models write no arguments as `null`, as an empty text or as an empty list, and an object as its text.
/// Each means one thing only. `true` if something was put right.
fn mend_arguments(params: &mut Map<String, Value>) -> bool {
    let Some(arguments) = params.get_mut("arguments") else { return false };
    let meant = match arguments {
        Value::Null => Map::new(),
        Value::Array(list) if list.is_empty() => Map::new(),
        Value::String(text) if text.trim().is_empty() => Map::new(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(object) => object,
            Err(_) => return false,
        },
        _ => return false,
    };
    *arguments = Value::Object(meant);
    true
}

/// Whether the headers name the revision in which several messages may come at once.
pub(crate) fn allows_batches(headers: &HeaderMap) -> bool {
    !headers.contains_key(VERSION_HEADER) || header_version(headers) == Some(WITH_BATCHES)
}

/// Row H9: two versions that differ say nothing. The same one twice does no harm.
pub(crate) fn check_one_version(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(VERSION_HEADER).iter();
    let first = values.next();
    if values.any(|value| Some(value) != first) { Err(Refusal::TwoVersions) } else { Ok(()) }
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
        match Incoming::parse(&Bytes::copy_from_slice(text.as_bytes()))? {
            Incoming::One(message, _) => Ok(*message),
            Incoming::Batch(_) => panic!("a batch: {text}"),
        }
    }

    fn text_of(text: &str) -> Value {
        match Incoming::parse(&Bytes::copy_from_slice(text.as_bytes())) {
            Ok(Incoming::One(_, bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_message() {
        assert!(matches!(parse("{"), Err(Refusal::NotJson { id: None, .. })));
        assert_eq!(parse("7"), Err(Refusal::NotAMessage(None)));
        assert_eq!(
            parse(r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#),
            Err(Refusal::NotAMessage(Some(RequestId::Number(1))))
        );
        assert_eq!(parse(r#"{"jsonrpc":"2.0","id":1}"#), Err(Refusal::NoMethod(Some(RequestId::Number(1)))));
        for params in ["[]", "[1]", "\"text\"", "7", "true"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}"#);
            assert_eq!(parse(&text), Err(Refusal::PositionalParams(Some(RequestId::Number(1)))), "{params}");
        }
        for id in ["null", "1.5", "true", "{}", "[]"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert_eq!(parse(&text), Err(Refusal::NotAnId), "{id}");
        }
        for id in ["1", "1.0", "1e0"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert_eq!(parse(&text).unwrap().id, Some(RequestId::Number(1)), "{id}");
        }
    }

    #[test]
    fn arguments_that_mean_one_thing_are_read() {
        let sent = |arguments: &str| {
            let params = format!(r#"{{"name":"echo","arguments":{arguments}}}"#);
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
        };
        for (arguments, meant) in [
            ("null", "{}"),
            ("[]", "{}"),
            ("\"\"", "{}"),
            ("\" \"", "{}"),
            ("\"{}\"", "{}"),
            (r#""{\"a\":[1]}""#, r#"{"a":[1]}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            let meant: Value = serde_json::from_str(meant).unwrap();
            let call = parse(&sent(arguments)).unwrap().call.unwrap();
            assert_eq!(Value::Object(call.1), meant, "{arguments}");
            assert_eq!(text_of(&sent(arguments))["params"]["arguments"], meant, "{arguments}");
        }
        for arguments in ["\"text\"", "7", "[1]", "\"[]\"", "false"] {
            assert_eq!(parse(&sent(arguments)).unwrap().call, None, "{arguments}");
        }
        let list = text_of(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}"#);
        assert_eq!(list.get("params"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut headers = HeaderMap::new();
        let incomplete = |text: &str, headers: &HeaderMap| match parse(text).unwrap().check_whole(headers) {
            Err(refusal @ Refusal::Incomplete { .. }) => refusal.to_string(),
            other => panic!("{other:?}"),
        };
        let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
        assert_eq!(
            incomplete(discover, &headers),
            "This is missing in server/discover: the header MCP-Protocol-Version, the header Mcp-Method, \
             params._meta[\"io.modelcontextprotocol/protocolVersion\"], \
             params._meta[\"io.modelcontextprotocol/clientCapabilities\"]."
        );
        let initialize =
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{},"clientInfo":{}}}"#;
        assert_eq!(incomplete(initialize, &headers), "This is missing in initialize: params.protocolVersion.");
        headers.insert(VERSION_HEADER, HeaderValue::from_static("2026-07-28"));
        headers.insert(METHOD_HEADER, HeaderValue::from_static("tools/list"));
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list",
            "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        assert!(
            incomplete(list, &headers).ends_with(": params._meta[\"io.modelcontextprotocol/clientCapabilities\"].")
        );
        let notification = parse(r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#).unwrap();
        assert_eq!(notification.check_whole(&headers), Ok(()));
    }

    #[test]
    fn types_and_codings_of_bodies() {
        let check = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            check_content_type(&headers)
        };
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(check(&[json]), Ok(()));
        assert_eq!(check(&[json, ("content-encoding", "identity")]), Ok(()));
        for coding in ["gzip", "identity, br", "Deflate"] {
            assert_eq!(check(&[json, ("content-encoding", coding)]), Err(Refusal::Compressed), "{coding}");
        }
        assert_eq!(check(&[("content-type", "text/plain")]), Err(Refusal::UnsupportedMediaType));
        assert_eq!(check(&[]), Err(Refusal::UnsupportedMediaType));
    }

    #[test]
    fn two_versions_that_differ() {
        let mut headers = HeaderMap::new();
        headers.append(VERSION_HEADER, HeaderValue::from_static("2025-06-18"));
        headers.append(VERSION_HEADER, HeaderValue::from_static("2025-06-18"));
        assert_eq!(check_one_version(&headers), Ok(()));
        headers.append(VERSION_HEADER, HeaderValue::from_static("2025-11-25"));
        assert_eq!(check_one_version(&headers), Err(Refusal::TwoVersions));
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
