//! The one audit event of one tool call or one resource that is read (promise 4).
//!
//! An [`Invocation`] is opened before anything is decided. It ends in exactly one event: by [`Invocation::finish`],
//! which returns when the event is durable, or by being dropped, which means that the call was cancelled.

use std::sync::Arc;

use margay_domain::{
    audit::{AI_RESOURCE_READ, AI_TOOL_INVOKE, ActionResult, Actor, AuditError, AuditEvent},
    clock::Clock,
    entropy::Entropy,
    id::AuditEventId,
    ports::{AuditLog, StoreError},
    principal::{Origin, Principal},
};
use serde_json::{Value, json};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    in_flight::{Entered, InFlight},
    redact,
};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The tool answered.
    Success,
    /// It did a part of what was asked.
    Partial,
    /// The tool could not do what was asked.
    Error,
    /// The permission is not in effect.
    Denied,
    /// There is no such tool.
    UnknownTool,
    /// The client gave up.
    Cancelled,
    /// The tool took too long.
    TimedOut,
    /// The tool broke.
    Panicked,
}

impl Outcome {
    /// The word in the event.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Error => "error",
            Self::Denied => "denied",
            Self::UnknownTool => "unknown_tool",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
        }
    }
}

/// How a call ended, with what the event says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    /// Rows or objects in the answer.
    pub(crate) rows: Option<u64>,
    /// Code and sentence, unless it went well.
    pub(crate) failure: Option<(&'static str, String)>,
}

impl Ending {
    /// It went well.
    pub(crate) const fn success(rows: Option<u64>) -> Self {
        Self { outcome: Outcome::Success, rows, failure: None }
    }

    /// A part of it went well.
    pub(crate) const fn partial(rows: Option<u64>) -> Self {
        Self { outcome: Outcome::Partial, rows, failure: None }
    }

    /// It did not.
    pub(crate) fn failure(outcome: Outcome, code: &'static str, message: impl Into<String>) -> Self {
        Self { outcome, rows: None, failure: Some((code, message.into())) }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn cancelled() -> Self {
        Self::failure(Outcome::Cancelled, "cancelled", "The client cancelled the call.")
    }
}

/// What is known when a call begins.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Who calls.
    pub(crate) principal: Principal,
    /// The id of the access token.
    pub(crate) token_id: Option<String>,
    /// From where.
    pub(crate) origin: Origin,
    /// The session, for clients that have one.
    pub(crate) session_id: Option<String>,
    /// The id of the JSON-RPC request.
    pub(crate) request_id: Value,
    /// The protocol version of the request.
    pub(crate) protocol_version: Option<String>,
    /// What was asked for.
    pub(crate) subject: Subject,
}

/// What a call is about. Nothing in it is a secret.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// A tool.
    Tool {
        /// Its name as asked for.
        name: String,
        /// Its title.
        title: &'static str,
        /// The arguments.
        arguments: Value,
    },
    /// A resource that is read.
    Resource {
        /// Its URI as asked for.
        uri: String,
    },
}

impl Subject {
    const fn action(&self) -> &'static str {
        match self {
            Self::Tool { .. } => AI_TOOL_INVOKE,
            Self::Resource { .. } => AI_RESOURCE_READ,
        }
    }

    const fn description(&self) -> &'static str {
        match self {
            Self::Tool { title, .. } => title,
            Self::Resource { .. } => "Read a resource",
        }
    }

    /// The name for the log.
    fn name(&self) -> &str {
        match self {
            Self::Tool { name, .. } => name,
            Self::Resource { uri } => uri,
        }
    }

    fn params(&self) -> Value {
        match self {
            Self::Tool { name, arguments, .. } => json!({
                "static": { "toolName": name },
                "dynamic": { "arguments": arguments },
            }),
            Self::Resource { uri } => json!({ "static": { "uri": uri } }),
        }
    }
}

/// Opens invocations.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) in_flight: InFlight,
}

impl Recorder {
    /// From here on there will be an event.
    pub(crate) fn begin(&self, facts: Facts) -> Invocation {
        let open = Open { recorder: self.clone(), facts, started: Instant::now(), _in_flight: self.in_flight.enter() };
        Invocation { open: Some(Box::new(open)) }
    }
}

/// A call that has begun.
#[must_use = "dropping an invocation records it as cancelled"]
pub(crate) struct Invocation {
    /// `None` once its event is being written.
    open: Option<Box<Open>>,
}

struct Open {
    recorder: Recorder,
    facts: Facts,
    started: Instant,
    _in_flight: Entered,
}

impl Invocation {
    /// Writes the event. `Ok` means that it survives a crash; only then may the answer leave.
    ///
    /// The write goes on if this future is dropped, so that there is neither no event nor a second one.
    pub(crate) async fn finish(mut self, ending: Ending) -> Result<(), StoreError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        match tokio::spawn(open.record(ending)).await {
            Ok(result) => result,
            Err(error) => Err(StoreError::Unavailable(format!("the write broke off: {error}"))),
        }
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!(call = open.facts.subject.name(), "a call ended with the runtime, its event is lost");
            return;
        };
        runtime.spawn(async move {
            // Already in the log if it failed, and there is nobody to tell.
            drop(open.record(Ending::cancelled()).await);
        });
    }
}

impl Open {
    async fn record(self: Box<Self>, ending: Ending) -> Result<(), StoreError> {
        let event = self.event(ending);
        let id = event.id.clone();
        let result = self.recorder.audit.record(event).await;
        if let Err(error) = &result {
            let user = self.facts.principal.user.id.as_str();
            let call = self.facts.subject.name();
            tracing::error!(%error, event = %id, call, user, "a call could not be recorded");
        }
        result
    }

    fn event(&self, ending: Ending) -> AuditEvent {
        let facts = &self.facts;
        let principal = &facts.principal;
        let now = self.recorder.clock.now();
        let took = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let action_result = match ending.outcome {
            Outcome::Success => ActionResult::Succeeded,
            Outcome::Partial => ActionResult::PartiallyFailed,
            _ => ActionResult::Failed,
        };
        let details = json!({
            "clientId": principal.client.id,
            "clientName": principal.client.name,
            "grantId": principal.grant.id,
            "tokenId": facts.token_id,
            "mcpSessionId": facts.session_id,
            "requestId": facts.request_id,
            "protocolVersion": facts.protocol_version,
            "grantedPermissions": principal.grant.permissions,
            "effectivePermissions": principal.effective(),
            "durationMs": took,
            "rowsReturned": ending.rows,
            "outcome": ending.outcome.as_str(),
            "errorCode": ending.failure.as_ref().map(|(code, _)| *code),
        });
        AuditEvent {
            id: AuditEventId::generate(now, self.recorder.entropy.as_ref()),
            timestamp: now,
            action_name: facts.subject.action().to_owned(),
            action_description: facts.subject.description().to_owned(),
            action_result,
            action_params: facts.subject.params(),
            action_details: details,
            actor: Actor::user(&principal.user, &principal.role),
            errors: ending
                .failure
                .into_iter()
                .map(|(_, message)| AuditError { message: redact::message(&message) })
                .collect(),
            source_ip: facts.origin.ip.map(|ip| ip.to_string()),
            user_agent: facts.origin.user_agent.clone(),
        }
    }
}
