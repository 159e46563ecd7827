//! Everything that is refused before a handler runs, and the one mapping of it to HTTP.

use std::{collections::HashMap, time::Duration};

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use rmcp::model::{ErrorCode, ErrorData, JsonRpcError, ProtocolVersion, RequestId};
use serde_json::{Value, json};

use crate::network::Forbidden;

/// Why a request goes no further. The texts are for whoever debugs a client; none comes from below.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Another host, or a web page that is not allowed (rows H2, H3).
    #[error("{0}")]
    Forbidden(Box<Forbidden>),
    /// No bearer token (row OX3).
    #[error("Sign in first: this address needs an access token in the Authorization header.")]
    NoToken,
    /// A token that is good for nothing (row R4).
    #[error("The access token is not valid or has expired.")]
    InvalidToken,
    /// Not exactly one well-formed credential (rows R4, OX3).
    #[error("Send exactly one Authorization header of the form: Bearer TOKEN.")]
    MalformedCredentials,
    /// The grant lacks what the role holds (row R5).
    #[error("{sentence}")]
    InsufficientScope {
        /// The id of the request.
        id: Option<RequestId>,
        /// All scopes to ask for.
        scope: String,
        /// What a person can do.
        sentence: String,
    },
    /// Over a limit (row T8): after so long there is room again.
    #[error("Too many requests at once. Wait as long as the Retry-After header says, and send fewer in parallel.")]
    TooManyRequests {
        /// The id of the request, if it has been read.
        id: Option<RequestId>,
        /// How long to wait.
        wait: Duration,
    },
    /// Promise 4: a call that cannot be recorded gets no answer that says anything.
    #[error("The call could not be recorded in the audit log, so there is no answer. Tell an admin.")]
    Unrecorded(Option<RequestId>),
    /// Storage does not answer.
    #[error("The server cannot check the access token now. Try again in a moment.")]
    Unavailable,
    /// Another method than those named here.
    #[error("This method is not supported here.")]
    MethodNotAllowed(&'static str),
    /// A body over the limit, in bytes.
    #[error("The body is longer than {0} bytes.")]
    TooLarge(usize),
    /// The body ended early.
    #[error("The body could not be read.")]
    Unreadable,
    /// The body took too long.
    #[error("The body did not arrive within {} seconds.", .0.as_secs())]
    TooSlow(Duration),
    /// Too many bodies of this person are on their way.
    #[error(
        "Too much that you send is still on its way. Wait as long as the Retry-After header says, and send less at once."
    )]
    TooManyBodies(Duration),
    /// Too many bodies of all people are on their way.
    #[error("The server is receiving too much at once. Wait as long as the Retry-After header says.")]
    Crowded(Duration),
    /// Not `application/json`.
    #[error("The body must have the content type application/json.")]
    UnsupportedMediaType,
    /// A coding such as `gzip`.
    #[error("The body must not be compressed: leave the Content-Encoding header out.")]
    Compressed,
    /// Not JSON.
    #[error("{sentence}")]
    NotJson {
        /// The id of the request, where it could be read all the same.
        id: Option<RequestId>,
        /// What is wrong.
        sentence: String,
    },
    /// An array of messages (row B8).
    #[error("Send one message per request: only sessions of protocol version 2025-03-26 may send several in a list.")]
    Batch,
    /// An array that holds nothing or too much.
    #[error("A list of messages holds from 1 to {0} of them.")]
    OddBatch(usize),
    /// What is no message of the revision with batches.
    #[error("This message is sent by itself: a list holds neither initialize nor what other protocol versions have.")]
    NotInBatch(Option<RequestId>),
    /// JSON, but no JSON-RPC message.
    #[error(
        "The body is not a JSON-RPC message: it is an object with the member jsonrpc, which is \"2.0\", and either a \
             method or a result or an error."
    )]
    NotAMessage(Option<RequestId>),
    /// An object that says nothing.
    #[error("The message has no method: it is a text such as tools/list.")]
    NoMethod(Option<RequestId>),
    /// A request whose id is of another kind (row B1).
    #[error("The id of a request is a text or a whole number.")]
    NotAnId,
    /// Parameters by position, which JSON-RPC has and MCP has not.
    #[error("The member params must be an object.")]
    PositionalParams(Option<RequestId>),
    /// A request without what it cannot be understood without (row V8).
    #[error("This is missing in {method}: {}.", .missing.join(", "))]
    Incomplete {
        /// The id of the request.
        id: Option<RequestId>,
        /// Its method: one that this server knows, or any of the newer era.
        method: String,
        /// What is missing.
        missing: Vec<&'static str>,
    },
    /// A message that the protocol library cannot read.
    #[error(
        "The message does not fit this protocol version: a member that its method needs is missing or of another type."
    )]
    Misfit(Option<RequestId>),
    /// A method that is not served (row H13).
    #[error("There is no method {method} here.")]
    NoSuchMethod {
        /// The id of the request.
        id: Option<RequestId>,
        /// The method, cut.
        method: String,
    },
    /// A request with the id of another one that is under way in the same session (row B1).
    #[error("A request with this id is under way in this session. Give each request an id of its own.")]
    IdUnderWay(Option<RequestId>),
    /// Two protocol versions in one request (row H9).
    #[error("This request has MCP-Protocol-Version headers that differ.")]
    TwoVersions,
    /// Neither of the two answer formats is acceptable.
    #[error("The Accept header must allow application/json or text/event-stream.")]
    NotAcceptable(Option<RequestId>),
    /// A protocol version that this server does not speak (row V2).
    #[error("This protocol version is not supported.")]
    UnsupportedVersion {
        /// The id of the request.
        id: Option<RequestId>,
        /// What the client asked for.
        requested: String,
    },
    /// A request of a session without its id (row L3).
    #[error("Send initialize first, and then the Mcp-Session-Id that it answered with.")]
    SessionRequired(Option<RequestId>),
    /// An unknown session, or somebody else's, which is not told apart (row L4).
    #[error("There is no such session. Send initialize to begin a new one.")]
    UnknownSession(Option<RequestId>),
    /// Something broke.
    #[error("The server could not handle this request. Try again in a moment.")]
    Internal(Option<RequestId>),
}

/// The challenges for each name of this server, made once (rows R2, R3).
#[derive(Debug)]
pub(crate) struct AllChallenges {
    configured: Challenges,
    aliases: HashMap<String, Challenges>,
}

impl AllChallenges {
    /// `aliases` are other hosts, in lower case, with the address of the metadata as it is found there.
    pub(crate) fn new(resource_metadata_url: &str, aliases: &[(String, String)], scope: &str) -> Self {
        let of_alias = |(host, url): &(String, String)| (host.clone(), Challenges::new(url, scope));
        Self {
            configured: Challenges::new(resource_metadata_url, scope),
            aliases: aliases.iter().map(of_alias).collect(),
        }
    }

    /// The challenges for a request to `host`. A client compares the resource that the metadata names with the address that
    /// it was given (RFC 9728 section 3.3), so that a client of an alias is sent to the metadata of the alias.
    pub(crate) fn under(&self, host: Option<&str>) -> &Challenges {
        let alias = host.and_then(|host| self.aliases.get(&host.to_ascii_lowercase()));
        alias.unwrap_or(&self.configured)
    }
}

/// The challenges under one name.
#[derive(Debug)]
pub(crate) struct Challenges {
    no_token: HeaderValue,
    invalid_token: HeaderValue,
    invalid_request: HeaderValue,
    resource_metadata: String,
}

impl Challenges {
    /// `scope` is what a client may ask for; what it gets is decided on the consent page.
    fn new(resource_metadata_url: &str, scope: &str) -> Self {
        let place = format!("Bearer resource_metadata=\"{resource_metadata_url}\", scope=\"{scope}\"");
        let with = |error: &str, refusal: &Refusal| {
            header(&format!("{place}, error=\"{error}\", error_description=\"{refusal}\""))
        };
        Self {
            // Row OX3: whoever presented nothing did nothing wrong, so there is no `error`.
            no_token: header(&place),
            invalid_token: with("invalid_token", &Refusal::InvalidToken),
            invalid_request: with("invalid_request", &Refusal::MalformedCredentials),
            resource_metadata: format!("resource_metadata=\"{resource_metadata_url}\""),
        }
    }

    /// Row R5. The sentence is in the body; here it would have to be free of quotes.
    fn insufficient_scope(&self, scope: &str) -> HeaderValue {
        header(&format!(
            "Bearer error=\"insufficient_scope\", scope=\"{scope}\", {}, \
             error_description=\"the connection was not granted this\"",
            self.resource_metadata
        ))
    }
}

/// A configuration that no header can carry must not take the challenge away altogether.
fn header(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| {
        tracing::error!("the address of the resource metadata does not fit into a header");
        HeaderValue::from_static("Bearer")
    })
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Forbidden(_) | Self::InsufficientScope { .. } => StatusCode::FORBIDDEN,
            Self::NoToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::TooManyRequests { .. } | Self::TooManyBodies(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Unrecorded(_) | Self::Crowded(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::UnknownSession(_) | Self::NoSuchMethod { .. } => StatusCode::NOT_FOUND,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::MalformedCredentials
            | Self::Unreadable
            | Self::NotJson { .. }
            | Self::Batch
            | Self::OddBatch(_)
            | Self::NotInBatch(_)
            | Self::NotAMessage(_)
            | Self::NoMethod(_)
            | Self::NotAnId
            | Self::PositionalParams(_)
            | Self::Incomplete { .. }
            | Self::Misfit(_)
            | Self::IdUnderWay(_)
            | Self::TwoVersions
            | Self::UnsupportedVersion { .. }
            | Self::SessionRequired(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The error code of RFC 6750, for refusals that are about the token.
    const fn oauth_error(&self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some("unauthorized"),
            Self::InvalidToken => Some("invalid_token"),
            Self::MalformedCredentials => Some("invalid_request"),
            _ => None,
        }
    }

    /// Row B1: the id is echoed where it could be read, and left out where not; it is never `null`.
    fn json_rpc(&self) -> JsonRpcError {
        let message = self.to_string();
        match self {
            Self::NotJson { id, .. } => JsonRpcError::new(id.clone(), ErrorData::parse_error(message, None)),
            Self::Incomplete { id, .. } | Self::PositionalParams(id) => {
                JsonRpcError::new(id.clone(), ErrorData::invalid_params(message, None))
            }
            Self::NoSuchMethod { id, .. } => {
                JsonRpcError::new(id.clone(), ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None))
            }
            Self::UnsupportedVersion { id, requested } => {
                let data = json!({ "supported": ProtocolVersion::KNOWN_VERSIONS, "requested": requested });
                let error = ErrorData::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, message, Some(data));
                JsonRpcError::new(id.clone(), error)
            }
            Self::Internal(id) | Self::Unrecorded(id) => {
                JsonRpcError::new(id.clone(), ErrorData::internal_error(message, None))
            }
            Self::Unavailable => JsonRpcError::new(None, ErrorData::internal_error(message, None)),
            Self::InsufficientScope { id, .. }
            | Self::TooManyRequests { id, .. }
            | Self::NotAMessage(id)
            | Self::NoMethod(id)
            | Self::NotInBatch(id)
            | Self::Misfit(id)
            | Self::IdUnderWay(id)
            | Self::NotAcceptable(id)
            | Self::SessionRequired(id)
            | Self::UnknownSession(id) => JsonRpcError::new(id.clone(), ErrorData::invalid_request(message, None)),
            _ => JsonRpcError::new(None, ErrorData::invalid_request(message, None)),
        }
    }

    /// The message for places where there is no status: in a stream, or in a list of answers. `id` is that of the request,
    /// where it is not known here.
    pub(crate) fn json_rpc_text(&self, id: Option<&RequestId>) -> String {
        let mut error = self.json_rpc();
        error.id = error.id.or_else(|| id.cloned());
        serde_json::to_string(&error).unwrap_or_default()
    }

    fn body(&self) -> Value {
        match self.oauth_error() {
            Some(error) => json!({ "error": error, "error_description": self.to_string() }),
            None => serde_json::to_value(self.json_rpc()).unwrap_or_default(),
        }
    }

    /// The answer.
    pub(crate) fn into_response(self, challenges: &Challenges) -> Response {
        let mut response = Response::new(Body::from(self.body().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match &self {
            // Section 5.1: a challenge on every 401, or a client never begins to sign in.
            Self::NoToken => headers.insert(WWW_AUTHENTICATE, challenges.no_token.clone()),
            Self::InvalidToken => headers.insert(WWW_AUTHENTICATE, challenges.invalid_token.clone()),
            Self::MalformedCredentials => headers.insert(WWW_AUTHENTICATE, challenges.invalid_request.clone()),
            Self::MethodNotAllowed(methods) => headers.insert(ALLOW, HeaderValue::from_static(methods)),
            Self::InsufficientScope { scope, .. } => {
                headers.insert(WWW_AUTHENTICATE, challenges.insufficient_scope(scope))
            }
            // RFC 9110 section 12.5.3: which codings would have done.
            Self::Compressed => headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            // What is left of the body may never come.
            Self::TooSlow(_) => headers.insert(CONNECTION, HeaderValue::from_static("close")),
            // Whole seconds, rounded up: coming too early costs a second refusal.
            Self::TooManyRequests { wait, .. } | Self::TooManyBodies(wait) | Self::Crowded(wait) => {
                let seconds = wait.as_millis().div_ceil(1000).max(1);
                headers.insert(RETRY_AFTER, header(&seconds.to_string()))
            }
            Self::Unavailable | Self::Unrecorded(_) => headers.insert(RETRY_AFTER, HeaderValue::from_static("2")),
            _ => None,
        };
        response
    }
}
