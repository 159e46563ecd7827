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
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, COOKIE},
    request::Parts,
};
use http_body_util::{BodyExt as _, Full};
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
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    accept::{self, Accepts},
    bearer,
    bodies::Bodies,
    call::{Call, CallContext, Calls},
    caller::{Callers, TokenId},
    config::McpState,
    cors,
    handler::{self, Handler, ReadsEvents, request_id},
    held::Held,
    invocation::Recorder,
    limits::{Limits, Permit},
    listening::{self, Listening},
    message::{self, Incoming, Message},
    network::{self, Network},
    page,
    refusal::{AllChallenges, Refusal},
    reply::{self, KEEP_ALIVE},
    sessions::{Owner, SESSION_HEADER, Sessions},
    under_way::UnderWay,
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

/// The longest list of messages in one body.
const MAX_BATCH: usize = 50;

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
    mount(Endpoint::new(state, shutdown, Some(handler::METHODS), |calls| Handler::new(calls, &version)))
}

/// The same transport and guard with the fixtures of the official conformance suite behind it instead of the product.
#[cfg(feature = "conformance")]
pub fn conformance_router(state: McpState, shutdown: CancellationToken) -> Router {
    mount(Endpoint::new(state, shutdown, None, |_calls| crate::conformance::Fixtures::new()))
}

fn mount<H: ServerHandler + Clone>(endpoint: Endpoint<H>) -> Router {
    Router::new().route("/mcp", any(serve::<H>)).route("/mcp/", any(serve::<H>)).with_state(Arc::new(endpoint))
}

async fn serve<H: ServerHandler + Clone>(State(endpoint): State<Arc<Endpoint<H>>>, request: Request) -> Response {
    endpoint.serve(request).await
}

struct Endpoint<H> {
    /// The public address, for people.
    resource: String,
    network: Network,
    challenges: AllChallenges,
    callers: Arc<Callers>,
    limits: Limits,
    bodies: Bodies,
    clock: Arc<dyn Clock>,
    calls: Arc<Calls>,
    /// The methods of requests, if not all that the library knows.
    methods: Option<handler::Methods>,
    sessions: Sessions,
    under_way: UnderWay,
    listening: Listening,
    /// For both eras: sessions for older clients, none for newer ones.
    service: Service<H>,
    /// For older clients that read JSON but no streams. There is nothing to remember about them, so no session.
    sessionless: Service<H>,
    shutdown: CancellationToken,
}

impl<H: ServerHandler + Clone> Endpoint<H> {
    fn new(
        state: McpState,
        shutdown: CancellationToken,
        methods: Option<handler::Methods>,
        handler: impl FnOnce(Arc<Calls>) -> H,
    ) -> Self {
        let McpState { config, verifier, grants, audit, registry, ports, clock, entropy, in_flight } = state;
        let network = Network::new(&config);
        // Row R3. What a client asks for is a wish; the consent page decides.
        let scope = PermissionSet::grantable().to_scope();
        let challenges = AllChallenges::new(&config.resource_metadata_url, &config.resource_metadata_aliases, &scope);
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
            // What arrives was measured in front; what was mended may be a little longer.
            .with_max_request_body_bytes(config.max_body_bytes.saturating_mul(4))
            .with_cancellation_token(calls_end);
        let service = {
            let handler = handler.clone();
            Service::new(move || Ok(handler.clone()), Arc::clone(&manager), protocol.clone())
        };
        let sessionless =
            Service::new(move || Ok(handler.clone()), Arc::clone(&manager), protocol.with_legacy_session_mode(false));
        Self {
            resource: config.resource,
            network,
            challenges,
            callers: Arc::new(Callers { verifier, grants, clock: Arc::clone(&clock) }),
            limits: Limits::new(config.limits),
            bodies: Bodies::new(config.max_body_bytes),
            clock,
            calls,
            methods,
            sessions: Sessions::new(manager),
            under_way: UnderWay::default(),
            listening: Listening::default(),
            service,
            sessionless,
            shutdown,
        }
    }

    async fn serve(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let origin = network::origin(&parts.headers);
        let challenges = self.challenges.under(network::host(&parts));
        let answer = if parts.method == Method::OPTIONS {
            // Row R11: a preflight brings no token and needs none. It says the same to every page, since browsers show no
            // page why a preflight was refused; what a page that is not allowed sends afterwards is refused.
            Ok(cors::preflight())
        } else if let Err(refusal) = self.network.check(&parts) {
            // Rows H2, H3: before anything else, so that a foreign page learns nothing but this.
            Err(refusal)
        } else if page::is_wanted(&parts) {
            Ok(page::for_people(&self.resource))
        } else {
            self.answer(parts, body).await
        };
        let mut response = answer.unwrap_or_else(|refusal| {
            tracing::debug!(%refusal, "refused a request");
            refusal.into_response(challenges)
        });
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
        if let Some(origin) = origin {
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
        parts.extensions.insert(principal);
        parts.extensions.insert(token_id);
        // Row T8: before the body is read, so that too much costs nothing but this.
        self.count(&parts)?;
        match parts.method {
            Method::POST => self.post(parts, body, owner).await,
            Method::GET => self.listen(parts, &owner).await,
            Method::DELETE => self.end(parts, &owner).await,
            _ => Err(Refusal::MethodNotAllowed(cors::METHODS)),
        }
    }

    async fn post(&self, parts: Parts, body: Body, owner: Owner) -> Result<Response, Refusal> {
        message::check_content_type(&parts.headers)?;
        message::check_one_version(&parts.headers)?;
        // The room is given back once the message has its place, which counts from then on.
        let (bytes, room) = self.bodies.read(&parts.headers, body, &owner.user).await?;
        match Incoming::parse(&bytes)? {
            Incoming::One(message, bytes) => {
                let permit = self.place(&parts, &message).await?;
                drop(room);
                self.one(parts, bytes, *message, permit, owner).await
            }
            Incoming::Batch(messages) => self.batch(parts, messages, owner).await,
        }
    }

    /// One message. A request has its place until the answer is sent and the call behind it has ended.
    async fn one(
        &self,
        mut parts: Parts,
        bytes: Bytes,
        message: Message,
        permit: Option<Permit>,
        owner: Owner,
    ) -> Result<Response, Refusal> {
        let grant = owner.grant.clone();
        if let Some(permit) = permit.clone().filter(|_| message.does_work()) {
            parts.extensions.insert(permit);
        }
        let response = self.message(parts, bytes, message, owner).await?;
        // Row OP6: also what has begun to be told ends with its connection.
        let response = if reply::is_stream(&response) {
            let ended = listening::until_ended(Arc::clone(&self.callers), grant);
            response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(ended))))
        } else {
            response
        };
        Ok(match permit {
            Some(permit) => response.map(|body| Body::new(Held::new(body, permit))),
            None => response,
        })
    }

    /// Several messages, which one revision of the protocol has (row B8). They are answered one after the other, and each
    /// is checked and counted as if it had come by itself.
    async fn batch(&self, parts: Parts, messages: Vec<Value>, owner: Owner) -> Result<Response, Refusal> {
        if !message::allows_batches(&parts.headers) {
            return Err(Refusal::Batch);
        }
        if messages.is_empty() || messages.len() > MAX_BATCH {
            return Err(Refusal::OddBatch(MAX_BATCH));
        }
        if self.sessions.check(&parts.headers, &owner, None)?.is_none() {
            return Err(Refusal::SessionRequired(None));
        }
        let accepts = accept::read(&parts.headers);
        let mut single = parts;
        single.headers.insert(ACCEPT, HeaderValue::from_static(accept::JSON));
        let mut answers = Vec::new();
        for (number, value) in messages.into_iter().enumerate() {
            answers.extend(self.one_of_many(&mut single, value, number, &owner).await);
        }
        if answers.is_empty() {
            let mut accepted = Response::new(Body::empty());
            *accepted.status_mut() = StatusCode::ACCEPTED;
            return Ok(accepted);
        }
        let list = reply::json(format!("[{}]", answers.join(",")));
        Ok(if accepts.json { list } else { reply::as_events(list).await })
    }

    /// The answer to one message of several, unless it wants none.
    async fn one_of_many(&self, parts: &mut Parts, value: Value, number: usize, owner: &Owner) -> Option<String> {
        let text = Bytes::from(value.to_string());
        let (message, mended) = match Message::read(value) {
            Ok(read) => read,
            Err(refusal) => return Some(refusal.json_rpc_text(None)),
        };
        let id = message.id.clone().filter(|_| message.is_request());
        let answered = self.answer_one_of_many(parts, mended.unwrap_or(text), message, number, owner).await;
        let id = id?;
        Some(answered.unwrap_or_else(|refusal| refusal.json_rpc_text(Some(&id))))
    }

    async fn answer_one_of_many(
        &self,
        parts: &mut Parts,
        text: Bytes,
        message: Message,
        number: usize,
        owner: &Owner,
    ) -> Result<String, Refusal> {
        if message.is_initialize() || message.is_modern(&parts.headers) {
            return Err(Refusal::NotInBatch(message.id));
        }
        if number > 0 {
            // Row OP6: what counts is who they are now, not when the first message came.
            if let Some(before) = parts.extensions.get::<Principal>() {
                let now = self.callers.again(before).await?;
                parts.extensions.insert(now);
            }
            self.count(parts)?;
        }
        let permit = self.place(parts, &message).await?;
        let response = self.one(parts.clone(), text, message, permit, owner.clone()).await?;
        let body = response.into_body().collect().await.map_err(|_| Refusal::Internal(None))?.to_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Row T8: one more request of this person and this connection.
    fn count(&self, parts: &Parts) -> Result<(), Refusal> {
        let Some(principal) = parts.extensions.get::<Principal>() else { return Ok(()) };
        let counted = self.limits.count(principal, self.clock.monotonic());
        counted.map_err(|wait| Refusal::TooManyRequests { id: None, wait })
    }

    /// Row T8: a place among the requests under way. Notifications and responses need none. A client that calls many
    /// tools at once waits a little for a place, because some clients do not survive a refusal.
    async fn place(&self, parts: &Parts, message: &Message) -> Result<Option<Permit>, Refusal> {
        let Some(principal) = parts.extensions.get::<Principal>().filter(|_| message.is_request()) else {
            return Ok(None);
        };
        let until = Instant::now() + PATIENCE;
        loop {
            match self.limits.enter(principal) {
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
        let accepts = accept::read(&parts.headers);
        if !accepts.json && !accepts.events {
            return Err(Refusal::NotAcceptable(message.id));
        }
        message.check_whole(&parts.headers)?;
        parts.headers.insert(ACCEPT, HeaderValue::from_static(accept::BOTH));
        if accepts.events {
            parts.extensions.insert(ReadsEvents);
        }
        if message.is_modern(&parts.headers) {
            // Row H14.
            parts.headers.remove(SESSION_HEADER);
            // Row H15: what does not fit its headers is refused by the library, before any scope is asked for.
            if message.is_complete() && message.fits(&parts.headers) {
                if let Some(refusal) = self.no_such_method(&message, true) {
                    return Err(refusal);
                }
                self.check_scope(&parts, &message, None).await?;
            }
            return self.modern(parts, bytes, message.id, accepts).await;
        }
        let id = message.id.as_ref();
        // Row L4: a session id goes further only if it is the caller's.
        let session = self.sessions.check(&parts.headers, &owner, id)?;
        if session.is_none() && accepts.events && !message.is_initialize() {
            // Row L3.
            return Err(Refusal::SessionRequired(message.id));
        }
        if let Some(refusal) = self.no_such_method(&message, false) {
            // Row H13: in this era it is an answer like any other.
            let told = reply::json(refusal.json_rpc_text(None));
            return Ok(if accepts.json { told } else { reply::as_events(told).await });
        }
        if session.is_none() && !accepts.events {
            self.check_scope(&parts, &message, None).await?;
            return forward(&self.sessionless, parts, bytes, id).await;
        }
        self.check_scope(&parts, &message, session.as_deref()).await?;
        let Some(session) = session else {
            let response = forward(&self.service, parts, bytes, id).await?;
            let opened = response.headers().get(SESSION_HEADER).cloned();
            if let Some(opened) = opened {
                self.sessions.bind(&opened, owner).await;
            }
            return Ok(response);
        };
        self.in_session(parts, bytes, &message, accepts, &session).await
    }

    /// A message of the era without sessions.
    async fn modern(
        &self,
        parts: Parts,
        bytes: Bytes,
        id: Option<RequestId>,
        accepts: Accepts,
    ) -> Result<Response, Refusal> {
        let service = self.service.clone();
        let is_request = id.is_some();
        let answer = async move { forward(&service, parts, bytes, id.as_ref()).await };
        if !accepts.events || !is_request {
            return answer.await;
        }
        let response = reply::in_time(answer).await?;
        Ok(if accepts.json { response } else { reply::as_events(response).await })
    }

    /// A message of the caller's own session.
    async fn in_session(
        &self,
        mut parts: Parts,
        bytes: Bytes,
        message: &Message,
        accepts: Accepts,
        session: &str,
    ) -> Result<Response, Refusal> {
        let id = message.id.as_ref();
        let Some(asked) = id.filter(|_| message.is_request()) else {
            return forward(&self.service, parts, bytes, id).await;
        };
        // Row B1: an id is new while it is under way. The work behind it keeps it, too.
        let live = self.under_way.enter(session, asked).ok_or_else(|| Refusal::IdUnderWay(id.cloned()))?;
        parts.extensions.insert(live.clone());
        let response = forward(&self.service, parts, bytes, id).await?;
        let response = if accepts.events { response } else { reply::as_json(response, id).await? };
        Ok(response.map(|body| Body::new(Held::new(body, live))))
    }

    /// Row H13: what is not served is refused here, in a sentence; the library names the method and nothing else.
    fn no_such_method(&self, message: &Message, modern: bool) -> Option<Refusal> {
        let methods = self.methods.filter(|_| message.is_request())?;
        let is_served = message.method.as_deref().is_some_and(|method| methods.serve(method, modern));
        let refuse = || Refusal::NoSuchMethod { id: message.id.clone(), method: message.shown_method() };
        (!is_served).then(refuse)
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
        let session = self.check_own_session(&parts.headers, owner)?;
        if !accept::read(&parts.headers).events {
            return Err(Refusal::NotAcceptable(None));
        }
        parts.headers.insert(ACCEPT, HeaderValue::from_static(accept::EVENTS));
        let response = forward(&self.service, parts, Bytes::new(), None).await?;
        let listener = self.listening.open(&session, &owner.grant);
        let replaced = listener.end.clone();
        let shutdown = self.shutdown.clone();
        let ended = listening::until_ended(Arc::clone(&self.callers), owner.grant.clone());
        let end = async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = replaced.cancelled() => {}
                () = ended => {}
            }
        };
        Ok(response.map(|body| {
            let events = Body::from_stream(body.into_data_stream().take_until(Box::pin(end)));
            Body::new(Held::new(events, listener))
        }))
    }

    /// The end of a session (row L3).
    async fn end(&self, parts: Parts, owner: &Owner) -> Result<Response, Refusal> {
        let session = self.check_own_session(&parts.headers, owner)?;
        let response = forward(&self.service, parts, Bytes::new(), None).await?;
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
}

/// Hands a checked request to the protocol library.
async fn forward<H: ServerHandler + Clone>(
    service: &Service<H>,
    mut parts: Parts,
    bytes: Bytes,
    id: Option<&RequestId>,
) -> Result<Response, Refusal> {
    // The text may have been mended, so that it has another length.
    parts.headers.remove(CONTENT_LENGTH);
    let answer = Box::pin(service.handle(http::Request::from_parts(parts, Full::new(bytes)))).await;
    normalize(answer.map(Body::new), id)
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
        _ if status.is_client_error() => Refusal::Misfit(id),
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
