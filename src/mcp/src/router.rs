//! The way of a request through the checks, in the order of row H15.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE},
    request::Parts,
};
use http_body_util::Full;
use margay_domain::{
    clock::Clock,
    principal::{Origin, Principal},
    rules::PermissionSet,
};
use rmcp::{
    ServerHandler,
    model::RequestId,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    accept, bearer,
    call::{Call, CallContext, Calls},
    caller::{Callers, TokenId},
    config::McpState,
    cors,
    handler::{Handler, ReadsEvents, request_id},
    held::Held,
    invocation::Recorder,
    limits::{Limits, Permit},
    message::{self, Message},
    network::Network,
    refusal::{Challenges, Refusal},
    sessions::{Owner, SESSION_HEADER, Sessions},
};

/// An idle session of an older client ends after this. Longer than any tool may run, and long enough for a working
/// day with breaks, since some clients do not begin a new one by themselves.
const SESSION_IDLE: Duration = Duration::from_hours(4);

/// How long calls under way may go on once the server shuts down.
///
/// Less than the server waits for its connections, so that the answers of what is cancelled still leave.
const DRAIN: Duration = Duration::from_secs(8);

/// So long a request waits for a place among those under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// It looks this often whether there is one.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A comment line in a silent stream this often, so that no proxy closes it (section 5.6).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Tells nginx and its kin to pass a stream on at once (row H7).
const NO_BUFFERING: &str = "x-accel-buffering";

/// The methods that answer without a session.
const WITHOUT_SESSION: &str = "POST, OPTIONS";

type Service<H> = StreamableHttpService<H, LocalSessionManager>;

/// Serves `/mcp` and `/mcp/`. Neither redirects to the other, since a redirect loses the token (section 5.1).
///
/// When `shutdown` fires, streams that wait for nothing in particular end at once, and calls under way after
/// eight seconds; those are recorded as cancelled. Await [`crate::InFlight::drained`] afterwards.
///
/// # Panics
///
/// Must be called inside a tokio runtime.
pub fn router(state: McpState, shutdown: CancellationToken) -> Router {
    let version = state.config.server_version.clone();
    mount(Endpoint::new(state, shutdown, |calls| Handler::new(calls, &version)))
}

/// The same transport and guard with the fixtures of the official conformance suite behind it instead of the product.
#[cfg(feature = "conformance")]
pub fn conformance_router(state: McpState, shutdown: CancellationToken) -> Router {
    mount(Endpoint::new(state, shutdown, |_calls| crate::conformance::Fixtures::new()))
}

fn mount<H: ServerHandler + Clone>(endpoint: Endpoint<H>) -> Router {
    Router::new().route("/mcp", any(serve::<H>)).route("/mcp/", any(serve::<H>)).with_state(Arc::new(endpoint))
}

async fn serve<H: ServerHandler + Clone>(State(endpoint): State<Arc<Endpoint<H>>>, request: Request) -> Response {
    endpoint.serve(request).await
}

struct Endpoint<H> {
    network: Network,
    challenges: Challenges,
    callers: Callers,
    limits: Limits,
    clock: Arc<dyn Clock>,
    max_body_bytes: usize,
    calls: Arc<Calls>,
    sessions: Sessions,
    /// For both eras: sessions for older clients, none for newer ones.
    service: Service<H>,
    /// For older clients that read JSON but no streams. There is nothing to remember about them, so no session.
    sessionless: Service<H>,
    shutdown: CancellationToken,
}

impl<H: ServerHandler + Clone> Endpoint<H> {
    fn new(state: McpState, shutdown: CancellationToken, handler: impl FnOnce(Arc<Calls>) -> H) -> Self {
        let McpState { config, verifier, grants, audit, registry, ports, clock, entropy, in_flight } = state;
        let network = Network::new(&config);
        // Row R3. What a client asks for is a wish; the consent page decides.
        let challenges = Challenges::new(&config.resource_metadata_url, &PermissionSet::grantable().to_scope());
        let recorder = Recorder { audit, clock: Arc::clone(&clock), entropy, in_flight };
        let calls = Calls {
            registry,
            ports,
            grants: Arc::clone(&grants),
            recorder,
            clock: Arc::clone(&clock),
            timeout: config.call_timeout,
        };
        let calls = Arc::new(calls);
        let handler = handler(Arc::clone(&calls));
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(SESSION_IDLE);
        // Clients before 2025-11-25 cannot read the empty event that would begin every stream.
        manager.session_config.sse_retry = None;
        let manager = Arc::new(manager);
        let calls_end = CancellationToken::new();
        tokio::spawn(end_later(shutdown.clone(), calls_end.clone()));
        let protocol = StreamableHttpServerConfig::default()
            // Checked here, with the same lists for both eras.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_json_response(true)
            .with_sse_retry(None)
            // The library's timer for it follows the clock of the machine, and would never rest under one that is paused.
            .with_sse_keep_alive((!cfg!(test)).then_some(KEEP_ALIVE))
            .with_max_request_body_bytes(config.max_body_bytes)
            .with_cancellation_token(calls_end);
        let service = {
            let handler = handler.clone();
            Service::new(move || Ok(handler.clone()), Arc::clone(&manager), protocol.clone())
        };
        let sessionless =
            Service::new(move || Ok(handler.clone()), Arc::clone(&manager), protocol.with_legacy_session_mode(false));
        Self {
            network,
            challenges,
            callers: Callers { verifier, grants, clock: Arc::clone(&clock) },
            limits: Limits::new(config.limits),
            clock,
            max_body_bytes: config.max_body_bytes,
            calls,
            sessions: Sessions::new(manager),
            service,
            sessionless,
            shutdown,
        }
    }

    async fn serve(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        // Rows H2, H3: before anything else, so that a foreign page learns nothing.
        let checked = self.network.check(&parts);
        let answer = match checked {
            Err(ref refusal) => Err(refusal.clone()),
            // Row R11: a preflight brings no token and needs none.
            Ok(_) if parts.method == Method::OPTIONS => Ok(cors::preflight()),
            Ok(_) => self.answer(parts, body).await,
        };
        let mut response = answer.unwrap_or_else(|refusal| {
            tracing::debug!(%refusal, "refused a request");
            refusal.into_response(&self.challenges)
        });
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
        if let Ok(Some(origin)) = checked {
            cors::expose(headers, origin);
        }
        response
    }

    /// Rows R4, R7: a token on every request, whatever its method; then the method.
    async fn answer(&self, mut parts: Parts, body: Body) -> Result<Response, Refusal> {
        let token = bearer::token(&parts)?.ok_or(Refusal::NoToken)?;
        let (principal, token_id) = self.callers.identify(&token).await?;
        // Row R8, promise 7: nothing behind this point has a use for the credentials, and nothing can log them.
        parts.headers.remove(AUTHORIZATION);
        parts.headers.remove(COOKIE);
        let owner = Owner::of(&principal);
        // Row T8: before the body is read, so that too much costs nothing but this.
        let counted = self.limits.count(&principal, self.clock.now());
        counted.map_err(|wait| Refusal::TooManyRequests { id: None, wait })?;
        parts.extensions.insert(principal);
        parts.extensions.insert(token_id);
        match parts.method {
            Method::POST => self.post(parts, body, owner).await,
            Method::GET => self.listen(parts, &owner).await,
            Method::DELETE => self.end(parts, &owner).await,
            _ => Err(Refusal::MethodNotAllowed(cors::METHODS)),
        }
    }

    /// One message. A request has its place until the answer is sent and the call behind it has ended.
    async fn post(&self, mut parts: Parts, body: Body, owner: Owner) -> Result<Response, Refusal> {
        let bytes = message::read_body(body, self.max_body_bytes).await?;
        message::check_content_type(&parts.headers)?;
        let message = Message::parse(&bytes)?;
        let Some(permit) = self.place(&parts, &message).await? else {
            return self.message(parts, bytes, message, owner).await;
        };
        if message.does_work() {
            parts.extensions.insert(permit.clone());
        }
        let response = self.message(parts, bytes, message, owner).await?;
        Ok(response.map(|body| Body::new(Held::new(body, permit))))
    }

    /// Row T8: a place among the requests under way. Notifications and responses need none. A client that calls many
    /// tools at once waits a little for a place, because some clients do not survive a refusal.
    async fn place(&self, parts: &Parts, message: &Message) -> Result<Option<Permit>, Refusal> {
        let Some(principal) = parts.extensions.get::<Principal>().filter(|_| message.is_request()) else {
            return Ok(None);
        };
        let until = Instant::now() + PATIENCE;
        loop {
            match self.limits.enter(principal, self.clock.now()) {
                Ok(permit) => return Ok(Some(permit)),
                Err(wait) if Instant::now() >= until => {
                    return Err(Refusal::TooManyRequests { id: message.id.clone(), wait });
                }
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// One message that can be read.
    async fn message(
        &self,
        mut parts: Parts,
        bytes: Bytes,
        message: Message,
        owner: Owner,
    ) -> Result<Response, Refusal> {
        if message.is_initialize() && !message.is_modern(&parts.headers) {
            // Row V5: the version to begin with stands in the body, and an unknown one there is negotiated. Whatever is
            // left in the headers from an earlier session is of no use to a new one.
            parts.headers.remove(message::VERSION_HEADER);
            parts.headers.remove(SESSION_HEADER);
        }
        message.check_version(&parts.headers)?;
        let id = message.id.as_ref();
        let accepts = accept::read(&parts.headers);
        if !accepts.json && !accepts.events {
            return Err(Refusal::NotAcceptable(message.id));
        }
        parts.headers.insert(ACCEPT, HeaderValue::from_static(accept::BOTH));
        if accepts.events {
            parts.extensions.insert(ReadsEvents);
        }
        if message.is_modern(&parts.headers) {
            // Row H14.
            parts.headers.remove(SESSION_HEADER);
            // Row H15: what does not fit its headers is refused by the library, before any scope is asked for.
            if message.is_complete() && message.fits(&parts.headers) {
                self.check_scope(&parts, &message, None).await?;
            }
            return self.forward(&self.service, parts, bytes, id).await;
        }
        // Row L4: a session id goes further only if it is the caller's.
        let session = self.sessions.check(&parts.headers, &owner, id)?;
        if session.is_none() && !accepts.events {
            self.check_scope(&parts, &message, None).await?;
            return self.forward(&self.sessionless, parts, bytes, id).await;
        }
        if session.is_none() && !message.is_initialize() {
            // Row L3.
            return Err(Refusal::SessionRequired(message.id));
        }
        self.check_scope(&parts, &message, session.as_deref()).await?;
        let response = self.forward(&self.service, parts, bytes, id).await?;
        let opened = response.headers().get(SESSION_HEADER).cloned();
        if let Some(opened) = opened {
            self.sessions.bind(&opened, owner).await;
        }
        Ok(response)
    }

    /// Row R5: a call that the role covers and the grant does not is answered with a challenge, from which clients can
    /// ask the person for more. The protocol library could not send one.
    async fn check_scope(&self, parts: &Parts, message: &Message, session: Option<&str>) -> Result<(), Refusal> {
        let (Some((tool, arguments)), Some(id)) = (&message.call, &message.id) else { return Ok(()) };
        let Some(principal) = parts.extensions.get::<Principal>() else { return Ok(()) };
        let Some(scope) = self.calls.step_up(principal, tool) else { return Ok(()) };
        let context = CallContext {
            principal: principal.clone(),
            token_id: parts.extensions.get::<TokenId>().map(|id| id.0.clone()),
            origin: parts.extensions.get::<Origin>().cloned().unwrap_or_default(),
            session_id: session.map(str::to_owned),
            request_id: request_id(id),
            protocol_version: message
                .version
                .clone()
                .or_else(|| message::header_version(&parts.headers).map(str::to_owned)),
            cancelled: CancellationToken::new(),
            permit: parts.extensions.get::<Permit>().cloned(),
        };
        let call = Call { context, tool: tool.clone(), arguments: arguments.clone() };
        match self.calls.refuse_scope(call).await {
            Ok(sentence) => Err(Refusal::InsufficientScope { id: Some(id.clone()), scope: scope.to_scope(), sentence }),
            // Promise 4: without an event there is no answer that says anything.
            Err(_) => Err(Refusal::Unrecorded(Some(id.clone()))),
        }
    }

    /// The stream of a session (row L1).
    async fn listen(&self, mut parts: Parts, owner: &Owner) -> Result<Response, Refusal> {
        self.check_own_session(&parts.headers, owner)?;
        if !accept::read(&parts.headers).events {
            return Err(Refusal::NotAcceptable(None));
        }
        parts.headers.insert(ACCEPT, HeaderValue::from_static(accept::EVENTS));
        let response = self.forward(&self.service, parts, Bytes::new(), None).await?;
        let shutdown = self.shutdown.clone();
        Ok(response.map(|body| Body::from_stream(body.into_data_stream().take_until(shutdown.cancelled_owned()))))
    }

    /// The end of a session (row L3).
    async fn end(&self, parts: Parts, owner: &Owner) -> Result<Response, Refusal> {
        let session = self.check_own_session(&parts.headers, owner)?;
        let response = self.forward(&self.service, parts, Bytes::new(), None).await?;
        self.sessions.release(&session);
        Ok(response)
    }

    /// The session of a `GET` or `DELETE`. Without one there is nothing to listen to or to end (rows H1, L1).
    fn check_own_session(&self, headers: &HeaderMap, owner: &Owner) -> Result<String, Refusal> {
        if message::header_version(headers).is_some_and(message::has_no_sessions) {
            return Err(Refusal::MethodNotAllowed(WITHOUT_SESSION));
        }
        Message::default().check_version(headers)?;
        self.sessions.check(headers, owner, None)?.ok_or(Refusal::MethodNotAllowed(WITHOUT_SESSION))
    }

    /// Hands a checked request to the protocol library.
    async fn forward(
        &self,
        service: &Service<H>,
        parts: Parts,
        bytes: Bytes,
        id: Option<&RequestId>,
    ) -> Result<Response, Refusal> {
        let answer = Box::pin(service.handle(http::Request::from_parts(parts, Full::new(bytes)))).await;
        normalize(answer.map(Body::new), id)
    }
}

/// The library answers some errors in plain text, partly with details from below. Clients get the same shape, and
/// only our own words, for all of them.
fn normalize(response: Response, id: Option<&RequestId>) -> Result<Response, Refusal> {
    let status = response.status();
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response);
    }
    tracing::debug!(%status, "the protocol library refused a request");
    let id = id.cloned();
    Err(match status {
        StatusCode::NOT_FOUND => Refusal::UnknownSession(id),
        StatusCode::METHOD_NOT_ALLOWED => Refusal::MethodNotAllowed(WITHOUT_SESSION),
        StatusCode::NOT_ACCEPTABLE => Refusal::NotAcceptable(id),
        _ if status.is_client_error() => Refusal::NotAMessage(id),
        _ => Refusal::Internal(id),
    })
}

/// Gives calls under way a little time once the server shuts down.
async fn end_later(shutdown: CancellationToken, calls_end: CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(DRAIN).await;
    calls_end.cancel();
}

#[cfg(test)]
mod tests;
