//! One tool call or one resource that is read: permission, run, audit event, answer; in this order.

mod denial;
mod release;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use margay_domain::{
    clock::Clock,
    grant::Grant,
    ports::Grants,
    principal::{Origin, Principal},
    rules::PermissionSet,
};
use margay_tools::{
    JsonObject, Ports, Registry, Requirement, Tool, ToolContext, ToolError, ToolOutput,
    resources::{self, ResourceKind, ResourcePage, ResourceText},
};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    invocation::{Ending, Facts, Outcome, Recorder, Subject},
    limits::Permit,
    redact,
};
use denial::denial;

/// The longest tool name in an event, in characters.
const MAX_TOOL_NAME: usize = 100;

/// The longest URI in an event, in characters.
const MAX_URI: usize = 500;

/// What has run longer than this is allowed anew before its answer leaves.
const RECHECK_AFTER: Duration = Duration::from_secs(1);

/// The use of a grant is noted this often at most.
const USE_INTERVAL: Duration = Duration::from_mins(1);

/// Who asks, and how.
#[derive(Clone, Debug)]
pub(crate) struct CallContext {
    /// Who calls, read for this request.
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
    /// Fires when the client gives up.
    pub(crate) cancelled: CancellationToken,
    /// The place among the requests under way, held until this is dropped.
    pub(crate) permit: Option<Permit>,
}

/// A request to call a tool.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Who asks.
    pub(crate) context: CallContext,
    /// The tool as asked for.
    pub(crate) tool: String,
    /// The arguments.
    pub(crate) arguments: JsonObject,
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// What the tool found.
    Done(ToolOutput),
    /// Why there is nothing.
    Failed(ToolError),
    /// There is no such tool (row T7).
    UnknownTool,
    /// The parameters cannot be read (row T7).
    Malformed,
}

/// Runs calls.
pub(crate) struct Calls {
    pub(crate) registry: Registry,
    pub(crate) ports: Ports,
    pub(crate) grants: Arc<dyn Grants>,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Arc<dyn Clock>,
    /// When a tool is given up.
    pub(crate) timeout: Duration,
}

impl Calls {
    /// Runs a call. When this returns, its event is durable; if this is dropped, an event says that it was cancelled.
    pub(crate) async fn run(&self, call: Call) -> Answer {
        let grant = Arc::clone(&call.context.principal.grant);
        let tool = self.registry.get(&call.tool);
        let title = tool.as_ref().map_or("Unknown tool", |tool| tool.title());
        let invocation = self.recorder.begin(self.facts_of_call(&call, title));
        let (ending, answer) = if let Some(tool) = tool {
            self.attempt(tool.as_ref(), call).await
        } else {
            let ending = Ending::failure(Outcome::UnknownTool, "unknown_tool", "There is no tool by this name.");
            (ending, Answer::UnknownTool)
        };
        // Promise 4: no answer leaves before its event is durable, and none without one.
        if invocation.finish(ending).await.is_err() {
            return Answer::Failed(unrecorded());
        }
        if matches!(answer, Answer::Done(_)) {
            self.note_use(grant);
        }
        answer
    }

    /// Reads a resource. When this returns, its event is durable; if this is dropped, an event says that it was
    /// cancelled.
    pub(crate) async fn read(&self, context: CallContext, uri: &str) -> Result<ResourceText, ToolError> {
        let grant = Arc::clone(&context.principal.grant);
        let subject = Subject::Resource { uri: redact::name(uri, MAX_URI) };
        let invocation = self.recorder.begin(facts(&context, subject));
        let (ending, answer) = self.attempt_read(context, uri).await;
        // Promise 4: no answer leaves before its event is durable, and none without one.
        invocation.finish(ending).await.map_err(|_| unrecorded())?;
        if answer.is_ok() {
            self.note_use(grant);
        }
        answer
    }

    /// Reading something whose URI cannot be read runs nothing, but stands in the audit log all the same.
    pub(crate) async fn refuse_malformed_read(&self, context: CallContext) -> Result<(), ToolError> {
        let invocation = self.recorder.begin(facts(&context, Subject::Resource { uri: String::new() }));
        let ending = Ending::failure(Outcome::Error, "invalid_params", "The parameters could not be read.");
        invocation.finish(ending).await.map_err(|_| unrecorded())
    }

    /// The resources that the caller may read. A list is no invocation, so there is no event; it ends like one.
    pub(crate) async fn list_resources(
        &self,
        principal: Principal,
        cursor: Option<&str>,
        cancelled: &CancellationToken,
    ) -> Result<ResourcePage, ToolError> {
        let context = self.tool_context(principal);
        let listed = self.guarded("resources/list", false, cancelled, resources::list(&context, cursor)).await;
        listed.map_err(|(_, error)| error)
    }

    /// A call for its event, without what clients add to the arguments by themselves: that may be what a person said to
    /// the client.
    fn facts_of_call(&self, call: &Call, title: &'static str) -> Facts {
        let mut arguments = call.arguments.clone();
        margay_tools::strip_noise(self.registry.get(&call.tool).as_deref(), &mut arguments);
        let subject = Subject::Tool {
            name: redact::name(&call.tool, MAX_TOOL_NAME),
            title,
            arguments: redact::arguments(&arguments),
        };
        facts(&call.context, subject)
    }

    /// What the tools and resources of this caller see.
    fn tool_context(&self, principal: Principal) -> ToolContext {
        ToolContext { principal, ports: self.ports.clone() }
    }

    fn note_use(&self, grant: Arc<Grant>) {
        let now = self.clock.now();
        if grant.last_used_at.is_some_and(|at| now.since(at) < USE_INTERVAL) {
            return;
        }
        let grants = Arc::clone(&self.grants);
        tokio::spawn(async move {
            if let Err(error) = grants.used(&grant.id, now).await {
                tracing::warn!(%error, grant = %grant.id, "the use of a grant could not be noted");
            }
        });
    }

    /// A call whose parameters cannot be read runs nothing, but stands in the audit log all the same.
    pub(crate) async fn refuse_malformed(&self, call: Call) -> Answer {
        let invocation = self.recorder.begin(self.facts_of_call(&call, "Malformed call"));
        let ending = Ending::failure(Outcome::Error, "invalid_params", "The parameters could not be read.");
        match invocation.finish(ending).await {
            Ok(()) => Answer::Malformed,
            Err(_) => Answer::Failed(unrecorded()),
        }
    }

    /// Row R5: the scopes to ask for, if a call is refused only because the grant lacks what the role holds: what is
    /// granted and what the tool needs. Everything else is no matter of scope, and a challenge would make clients ask
    /// for what consent cannot give (section 5.5).
    pub(crate) fn step_up(&self, principal: &Principal, tool: &str) -> Option<PermissionSet> {
        let requires = self.registry.get(tool)?.requires();
        let can_be_granted = principal.role.permissions.intersection(PermissionSet::grantable());
        if !principal.user.enabled || requires.met_by(principal.effective()) || !requires.met_by(can_be_granted) {
            return None;
        }
        let needed: PermissionSet = requires.permissions().iter().copied().collect();
        Some(needed.union(principal.grant.permissions).intersection(can_be_granted))
    }

    /// A call that ends in a challenge runs nothing, but stands in the audit log all the same (promise 4). The sentence
    /// for whoever cannot follow the challenge.
    pub(crate) async fn refuse_scope(&self, call: Call) -> Result<String, ToolError> {
        let Some(tool) = self.registry.get(&call.tool) else { return Err(broken(false)) };
        let invocation = self.recorder.begin(self.facts_of_call(&call, tool.title()));
        let error = denial(tool.requires(), &call.context.principal);
        let ending = Ending::failure(Outcome::Denied, error.code, error.message.clone());
        invocation.finish(ending).await.map_err(|_| unrecorded())?;
        Ok(error.message)
    }

    async fn attempt(&self, tool: &dyn Tool, call: Call) -> (Ending, Answer) {
        // Promise 1: the same predicate as for the list, on what is in effect for this very request.
        let CallContext { principal, cancelled, permit: _permit, .. } = call.context;
        if !tool.requires().met_by(principal.effective()) {
            let (ending, error) = failed(Outcome::Denied, denial(tool.requires(), &principal));
            return (ending, Answer::Failed(error));
        }
        let context = self.tool_context(principal);
        let started = Instant::now();
        let changes = !tool.hints().read_only;
        let output = match self.guarded(tool.name(), changes, &cancelled, tool.call(&context, call.arguments)).await {
            Ok(output) => output,
            Err((ending, error)) => return (ending, Answer::Failed(error)),
        };
        let released = self.release(&context.principal, tool.requires(), started, &output.structured).await;
        let done = if output.partial { Ending::partial(output.rows) } else { Ending::success(output.rows) };
        match released {
            Ok(()) => (done, Answer::Done(output)),
            // What was done was done, and the event says so, whatever becomes of the answer.
            Err((_, error)) if changes => {
                let message = format!("It was done, but the answer is withheld. {}", error.message);
                (done, Answer::Failed(ToolError { message, ..error }))
            }
            Err((ending, error)) => (ending, Answer::Failed(error)),
        }
    }

    async fn attempt_read(&self, context: CallContext, uri: &str) -> (Ending, Result<ResourceText, ToolError>) {
        let CallContext { principal, cancelled, permit: _permit, .. } = context;
        // Promise 1: the same predicate as for the list, on what is in effect for this very request. A URI of no kind
        // is not found, whoever asks.
        if let Some(kind) = resources::kind_of(uri)
            && !kind.requires().met_by(principal.effective())
        {
            let (ending, error) = failed(Outcome::Denied, denial(kind.requires(), &principal));
            return (ending, Err(error));
        }
        let context = self.tool_context(principal);
        let requires = resources::kind_of(uri).map_or(Requirement::Nothing, ResourceKind::requires);
        let started = Instant::now();
        let read = match self.guarded("resources/read", false, &cancelled, resources::read(&context, uri)).await {
            Ok(read) => read,
            Err((ending, error)) => return (ending, Err(error)),
        };
        match self.release(&context.principal, requires, started, &read.text).await {
            Ok(()) => (Ending::success(Some(1)), Ok(read)),
            Err((ending, error)) => (ending, Err(error)),
        }
    }

    /// Whether an answer may leave: not if it is too large, nor if the permission was lost while it was made.
    async fn release(
        &self,
        principal: &Principal,
        requires: Requirement,
        started: Instant,
        answer: &impl Serialize,
    ) -> Result<(), (Ending, ToolError)> {
        self.check_size(answer).map_err(|error| failed(Outcome::Error, error))?;
        if started.elapsed() < RECHECK_AFTER {
            return Ok(());
        }
        self.still_allowed(principal, requires).await.map_err(|error| {
            let outcome = if error.code == "permission_denied" { Outcome::Denied } else { Outcome::Error };
            failed(outcome, error)
        })
    }

    /// Waits for `work` until the client gives up or its time is over. A panic is an ending like any other. `changes`
    /// says that the work may have had an effect by then.
    async fn guarded<T>(
        &self,
        name: &str,
        changes: bool,
        cancelled: &CancellationToken,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, (Ending, ToolError)> {
        let work = AssertUnwindSafe(work).catch_unwind();
        tokio::select! {
            biased;
            () = cancelled.cancelled() => {
                let error = ToolError { code: "cancelled", message: "The call was cancelled.".to_owned() };
                Err((Ending::cancelled(), error))
            }
            result = tokio::time::timeout(self.timeout, work) => match result {
                Ok(Ok(Ok(output))) => Ok(output),
                Ok(Ok(Err(error))) => Err(failed(Outcome::Error, error)),
                Ok(Err(_panic)) => {
                    tracing::error!(tool = name, "a tool panicked");
                    Err(failed(Outcome::Panicked, broken(changes)))
                }
                Err(_elapsed) => Err(failed(Outcome::TimedOut, too_slow(self.timeout, changes))),
            },
        }
    }
}

fn facts(context: &CallContext, subject: Subject) -> Facts {
    Facts {
        principal: context.principal.clone(),
        token_id: context.token_id.clone(),
        origin: context.origin.clone(),
        session_id: context.session_id.clone(),
        request_id: context.request_id.clone(),
        protocol_version: context.protocol_version.clone(),
        subject,
    }
}

fn failed(outcome: Outcome, error: ToolError) -> (Ending, ToolError) {
    (Ending::failure(outcome, error.code, error.message.clone()), error)
}

fn unrecorded() -> ToolError {
    ToolError {
        code: "audit_unavailable",
        message: "The call could not be recorded in the audit log, so its result is withheld. What changes something \
                  may have taken effect: look before you repeat it. Tell an admin."
            .to_owned(),
    }
}

/// What to do about a call that broke off. One that changes something may have done so.
const fn what_next(changes: bool, otherwise: &'static str) -> &'static str {
    if changes { "It may have taken effect: look before you repeat it." } else { otherwise }
}

fn broken(changes: bool) -> ToolError {
    let next = what_next(changes, "Try again with other arguments, or tell an admin.");
    ToolError { code: "internal", message: format!("The tool broke. {next}") }
}

fn too_slow(timeout: Duration, changes: bool) -> ToolError {
    let seconds = timeout.as_secs();
    let next = what_next(changes, "Narrow the question and call it again.");
    ToolError { code: "timed_out", message: format!("The tool did not finish within {seconds} seconds. {next}") }
}

#[cfg(test)]
mod tests;
