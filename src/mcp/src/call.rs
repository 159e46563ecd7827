//! One tool call: permission, run, audit event, answer; in this order.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use margay_domain::{
    clock::Clock,
    ports::Grants,
    principal::{Origin, Principal},
    rules::{Permission, PermissionSet},
};
use margay_tools::{JsonObject, Ports, Registry, Requirement, Tool, ToolContext, ToolError, ToolOutput};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    invocation::{Ending, Facts, Outcome, Recorder},
    redact,
};

/// The longest tool name in an event, in characters.
const MAX_TOOL_NAME: usize = 100;

/// The use of a grant is noted this often at most.
const USE_INTERVAL: Duration = Duration::from_mins(1);

/// A request to call a tool.
#[derive(Clone, Debug)]
pub(crate) struct Call {
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
    /// The tool as asked for.
    pub(crate) tool: String,
    /// The arguments.
    pub(crate) arguments: JsonObject,
    /// Fires when the client gives up.
    pub(crate) cancelled: CancellationToken,
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
        let grant = Arc::clone(&call.principal.grant);
        let tool = self.registry.get(&call.tool);
        let title = tool.as_ref().map_or("Unknown tool", |tool| tool.title());
        let invocation = self.recorder.begin(facts(&call, title));
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
        let used = grant.last_used_at;
        let now = self.clock.now();
        if matches!(answer, Answer::Done(_)) && used.is_none_or(|at| now.since(at) >= USE_INTERVAL) {
            let grants = Arc::clone(&self.grants);
            tokio::spawn(async move {
                if let Err(error) = grants.used(&grant.id, now).await {
                    tracing::warn!(%error, grant = %grant.id, "the use of a grant could not be noted");
                }
            });
        }
        answer
    }

    /// A call whose parameters cannot be read runs nothing, but stands in the audit log all the same.
    pub(crate) async fn refuse_malformed(&self, call: Call) -> Answer {
        let invocation = self.recorder.begin(facts(&call, "Malformed call"));
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
        let Some(tool) = self.registry.get(&call.tool) else { return Err(broken()) };
        let invocation = self.recorder.begin(facts(&call, tool.title()));
        let error = denial(tool.requires(), &call.principal);
        let ending = Ending::failure(Outcome::Denied, error.code, error.message.clone());
        invocation.finish(ending).await.map_err(|_| unrecorded())?;
        Ok(error.message)
    }

    async fn attempt(&self, tool: &dyn Tool, call: Call) -> (Ending, Answer) {
        // Promise 1: the same predicate as for the list, on what is in effect for this very request.
        if !tool.requires().met_by(call.principal.effective()) {
            return failed(Outcome::Denied, denial(tool.requires(), &call.principal));
        }
        let context = ToolContext { principal: call.principal, ports: self.ports.clone() };
        let work = AssertUnwindSafe(tool.call(&context, call.arguments)).catch_unwind();
        tokio::select! {
            biased;
            () = call.cancelled.cancelled() => {
                let error = ToolError { code: "cancelled", message: "The call was cancelled.".to_owned() };
                (Ending::cancelled(), Answer::Failed(error))
            }
            result = tokio::time::timeout(self.timeout, work) => match result {
                Ok(Ok(Ok(output))) => (Ending::success(output.rows), Answer::Done(output)),
                Ok(Ok(Err(error))) => failed(Outcome::Error, error),
                Ok(Err(_panic)) => {
                    tracing::error!(tool = tool.name(), "a tool panicked");
                    failed(Outcome::Panicked, broken())
                }
                Err(_elapsed) => failed(Outcome::TimedOut, too_slow(self.timeout)),
            },
        }
    }
}

fn facts(call: &Call, title: &str) -> Facts {
    Facts {
        principal: call.principal.clone(),
        token_id: call.token_id.clone(),
        origin: call.origin.clone(),
        session_id: call.session_id.clone(),
        request_id: call.request_id.clone(),
        protocol_version: call.protocol_version.clone(),
        tool: redact::name(&call.tool, MAX_TOOL_NAME),
        title: title.to_owned(),
        arguments: redact::arguments(&call.arguments),
    }
}

fn failed(outcome: Outcome, error: ToolError) -> (Ending, Answer) {
    (Ending::failure(outcome, error.code, error.message.clone()), Answer::Failed(error))
}

fn unrecorded() -> ToolError {
    ToolError {
        code: "audit_unavailable",
        message: "The call could not be recorded in the audit log, so its result is withheld. Try again in a moment, \
                  or tell an admin."
            .to_owned(),
    }
}

fn broken() -> ToolError {
    ToolError {
        code: "internal",
        message: "The tool broke. Try again with other arguments, or tell an admin.".to_owned(),
    }
}

fn too_slow(timeout: Duration) -> ToolError {
    let seconds = timeout.as_secs();
    ToolError {
        code: "timed_out",
        message: format!("The tool did not finish within {seconds} seconds. Narrow the question and call it again."),
    }
}

/// Section 5.5: who can do something about it decides what the sentence says.
fn denial(requirement: Requirement, principal: &Principal) -> ToolError {
    let role = principal.role.permissions;
    let needed: PermissionSet = requirement.permissions().iter().copied().collect();
    let missing = needed.difference(principal.effective());
    let (within_role, outside_role) = (missing.intersection(role), missing.difference(role));
    let (any, word) = match requirement {
        Requirement::Any(_) => (true, " or "),
        Requirement::All(_) | Requirement::Nothing => (false, " and "),
    };
    let can_be_granted = if any { !within_role.is_empty() } else { outside_role.is_empty() };
    let message = if can_be_granted {
        let titles = titles(within_role, word);
        format!(
            "Permission denied: this connection was not granted {titles}. Reconnect and tick it on the consent page."
        )
    } else {
        let titles = titles(outside_role, word);
        format!("Permission denied: this needs {titles}, and your role does not include it. Ask an admin.")
    };
    ToolError { code: "permission_denied", message }
}

fn titles(permissions: PermissionSet, word: &str) -> String {
    permissions.iter().map(Permission::title).collect::<Vec<_>>().join(word)
}

#[cfg(test)]
mod tests {
    use margay_domain::audit::ActionResult;
    use serde_json::json;

    use super::*;
    use crate::testing::{self, World};

    fn call(world: &World, tool: &str) -> Call {
        Call {
            principal: world.principal(),
            token_id: Some("token-1".to_owned()),
            origin: Origin { ip: Some([192, 0, 2, 7].into()), user_agent: Some("test/1".to_owned()) },
            session_id: None,
            request_id: json!(7),
            protocol_version: Some("2026-07-28".to_owned()),
            tool: tool.to_owned(),
            arguments: JsonObject::new(),
            cancelled: CancellationToken::new(),
        }
    }

    fn code(answer: &Answer) -> &'static str {
        match answer {
            Answer::Failed(error) => error.code,
            Answer::Done(_) => "done",
            Answer::UnknownTool => "unknown",
            Answer::Malformed => "malformed",
        }
    }

    #[tokio::test]
    async fn the_event_of_a_call_that_went_well() {
        let world = World::new();
        let mut call = call(&world, "echo");
        call.arguments.insert("text".to_owned(), json!("hello"));
        call.arguments.insert("api_key".to_owned(), json!("hush"));
        let answer = world.calls().run(call).await;
        assert_eq!(code(&answer), "done");
        let events = world.events();
        let [event] = events.as_slice() else { panic!("one event, not {}", events.len()) };
        assert_eq!(event.action_name, "AI_TOOL_INVOKE");
        assert_eq!(event.action_description, "Echo");
        assert_eq!(event.action_result, ActionResult::Succeeded);
        assert_eq!(
            event.action_params,
            json!({
                "static": { "toolName": "echo" },
                "dynamic": { "arguments": { "text": "hello", "api_key": "[redacted]" } },
            })
        );
        assert_eq!(event.action_details["outcome"], "success");
        assert_eq!(event.action_details["clientName"], "Test client");
        assert_eq!(event.action_details["grantId"], "grt_1");
        assert_eq!(event.action_details["tokenId"], "token-1");
        assert_eq!(event.action_details["requestId"], 7);
        assert_eq!(event.action_details["rowsReturned"], 1);
        assert_eq!(event.action_details["effectivePermissions"], json!(["AlertRead", "RuleRead"]));
        assert_eq!(event.actor.email.as_deref(), Some("ana@example.com"));
        assert_eq!(event.source_ip.as_deref(), Some("192.0.2.7"));
        assert_eq!(event.user_agent.as_deref(), Some("test/1"));
        assert!(event.errors.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn every_ending_has_one_event() {
        for (tool, expected, outcome) in [
            ("echo", "done", "success"),
            ("fails", "not_found", "error"),
            ("data", "permission_denied", "denied"),
            ("nothing_of_the_kind", "unknown", "unknown_tool"),
            ("panics", "internal", "panicked"),
            ("slow", "timed_out", "timed_out"),
        ] {
            let world = World::new();
            let answer = world.calls().run(call(&world, tool)).await;
            assert_eq!(code(&answer), expected, "{tool}");
            let events = world.events();
            assert_eq!(events.len(), 1, "{tool}");
            assert_eq!(events[0].action_details["outcome"], outcome, "{tool}");
            let result = if outcome == "success" { ActionResult::Succeeded } else { ActionResult::Failed };
            assert_eq!(events[0].action_result, result, "{tool}");
            assert_eq!(events[0].errors.is_empty(), outcome == "success", "{tool}");
            assert_eq!(world.in_flight().count(), 0, "{tool}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_duration_is_measured() {
        let world = World::new();
        world.calls().run(call(&world, "slow")).await;
        let took = world.events()[0].action_details["durationMs"].as_u64().unwrap();
        assert!((310_000..310_010).contains(&took), "{took}");
    }

    #[tokio::test]
    async fn a_cancelled_call_has_one_event() {
        let world = World::new();
        let calls = world.calls();
        let request = call(&world, "slow");
        let token = request.cancelled.clone();
        let (answer, ()) = tokio::join!(calls.run(request), async {
            world.started().await;
            token.cancel();
        });
        assert_eq!(code(&answer), "cancelled");
        assert_eq!(world.outcomes(), ["cancelled"]);
    }

    #[tokio::test]
    async fn a_dropped_call_has_one_event() {
        let world = World::new();
        let calls = Arc::new(world.calls());
        let task = tokio::spawn({
            let request = call(&world, "slow");
            async move { calls.run(request).await }
        });
        world.started().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        world.in_flight().drained().await;
        assert_eq!(world.outcomes(), ["cancelled"]);
    }

    #[tokio::test]
    async fn a_call_dropped_while_its_event_is_written_has_one_event() {
        let world = World::new();
        let calls = Arc::new(world.calls());
        let gate = world.hold_audit().await;
        let task = tokio::spawn({
            let request = call(&world, "echo");
            async move { calls.run(request).await }
        });
        world.audit_waits().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        drop(gate);
        world.in_flight().drained().await;
        assert_eq!(world.outcomes(), ["success"]);
    }

    #[tokio::test]
    async fn without_an_event_there_is_no_answer() {
        let world = World::new();
        world.break_audit();
        for tool in ["echo", "fails", "data", "nothing_of_the_kind"] {
            assert_eq!(code(&world.calls().run(call(&world, tool)).await), "audit_unavailable", "{tool}");
        }
        let answer = world.calls().refuse_malformed(call(&world, "echo")).await;
        assert_eq!(code(&answer), "audit_unavailable");
    }

    #[tokio::test]
    async fn long_and_secret_names_are_cut() {
        let world = World::new();
        let answer = world.calls().run(call(&world, &"n".repeat(5000))).await;
        assert_eq!(answer, Answer::UnknownTool);
        let name = world.events()[0].action_params["static"]["toolName"].as_str().unwrap().to_owned();
        assert_eq!(name.len(), 100);
    }

    #[tokio::test]
    async fn the_use_of_a_grant_is_noted_once_a_minute() {
        let world = World::new();
        let calls = world.calls();
        calls.run(call(&world, "echo")).await;
        testing::settle().await;
        assert_eq!(world.uses(), 1);
        let mut recent = call(&world, "echo");
        let mut grant = (*recent.principal.grant).clone();
        grant.last_used_at = Some(testing::NOW);
        recent.principal.grant = Arc::new(grant);
        calls.run(recent).await;
        calls.run(call(&world, "fails")).await;
        testing::settle().await;
        assert_eq!(world.uses(), 1);
    }

    #[test]
    fn who_can_help() {
        use Permission::{AlertRead, DataAnalyticsRead, PolicyRead, RuleRead, UserRead};
        let world = World::new();
        // The role holds alerts, rules and the data lake; alerts and rules are granted.
        let message = |requirement| denial(requirement, &world.principal()).message;
        assert_eq!(
            message(Requirement::All(&[AlertRead, DataAnalyticsRead])),
            "Permission denied: this connection was not granted Query Data Lake. Reconnect and tick it on the consent \
             page."
        );
        assert_eq!(
            message(Requirement::All(&[DataAnalyticsRead, UserRead])),
            "Permission denied: this needs Read User Info, and your role does not include it. Ask an admin."
        );
        assert_eq!(
            message(Requirement::Any(&[PolicyRead, UserRead])),
            "Permission denied: this needs View Policies or Read User Info, and your role does not include it. Ask an \
             admin."
        );
        assert!(Requirement::Any(&[PolicyRead, RuleRead]).met_by(world.principal().effective()));
        assert!(message(Requirement::Any(&[PolicyRead, DataAnalyticsRead])).contains("not granted Query Data Lake."));
    }
}
