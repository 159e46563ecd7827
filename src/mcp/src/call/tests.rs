//! One call, from the request to the event.

use std::collections::BTreeSet;

use margay_domain::{audit::ActionResult, rules::Permission};
use serde_json::json;

use super::*;
use crate::testing::{self, World};

fn call(world: &World, tool: &str) -> Call {
    Call { context: context(world), tool: tool.to_owned(), arguments: JsonObject::new() }
}

fn context(world: &World) -> CallContext {
    CallContext {
        principal: world.principal(),
        token_id: Some("token-1".to_owned()),
        origin: Origin { ip: Some([192, 0, 2, 7].into()), user_agent: Some("test/1".to_owned()) },
        session_id: None,
        request_id: json!(7),
        protocol_version: Some("2026-07-28".to_owned()),
        cancelled: CancellationToken::new(),
        permit: None,
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

/// Chat clients put a person's words beside the arguments of each call.
#[tokio::test]
async fn what_clients_add_by_themselves_is_not_recorded() {
    for tool in ["echo", "data", "nothing_of_the_kind"] {
        let world = World::new();
        let mut call = call(&world, tool);
        for key in ["chatInput", "toolCallId", "task_progress", "text"] {
            call.arguments.insert(key.to_owned(), json!("hi"));
        }
        world.calls().run(call).await;
        let events = world.events();
        assert_eq!(events[0].action_params["dynamic"]["arguments"], json!({ "text": "hi" }), "{tool}");
    }
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
        ("huge", "too_large", "error"),
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
    let token = request.context.cancelled.clone();
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
async fn every_reading_has_one_event() {
    for (uri, code, outcome) in [
        ("margay://tables/panther_logs.public/aws_cloudtrail", "permission_denied", "denied"),
        ("margay://log-schemas/AWS.CloudTrail", "permission_denied", "denied"),
        ("margay://nothing/of/the/kind", "not_found", "error"),
        ("", "not_found", "error"),
    ] {
        let world = World::new();
        let error = world.calls().read(context(&world), uri).await.unwrap_err();
        assert_eq!(error.code, code, "{uri}");
        let events = world.events();
        let [event] = events.as_slice() else { panic!("one event, not {}", events.len()) };
        assert_eq!(event.action_name, "AI_RESOURCE_READ");
        assert_eq!(event.action_params, json!({ "static": { "uri": uri } }));
        assert_eq!(event.action_details["outcome"], outcome, "{uri}");
    }
    let world = World::new();
    world.break_audit();
    let error = world.calls().read(context(&world), "margay://log-schemas/A").await.unwrap_err();
    assert_eq!(error.code, "audit_unavailable");
}

/// What happens to a connection while a call of it runs.
#[tokio::test(start_paused = true)]
async fn what_took_a_while_is_allowed_anew() {
    let without_alerts = |principal: &mut Principal| {
        let mut role = (*principal.role).clone();
        role.permissions = [Permission::RuleRead].into_iter().collect();
        principal.role = Arc::new(role);
    };
    let disabled = |principal: &mut Principal| {
        let mut user = (*principal.user).clone();
        user.enabled = false;
        principal.user = Arc::new(user);
    };
    let ended = |principal: &mut Principal| {
        let mut grant = (*principal.grant).clone();
        grant.expires_at = testing::NOW;
        principal.grant = Arc::new(grant);
    };
    let nothing = |_: &mut Principal| {};
    type Change = fn(&mut Principal);
    let cases: [(Change, &str, &str); 4] = [
        (nothing, "done", "success"),
        (without_alerts, "permission_denied", "denied"),
        (disabled, "permission_denied", "denied"),
        (ended, "permission_denied", "denied"),
    ];
    for (change, expected, outcome) in cases {
        let world = World::new();
        let calls = world.calls();
        let (answer, ()) = tokio::join!(calls.run(call(&world, "patient")), async {
            world.started().await;
            world.change("grt_1", change);
        });
        assert_eq!(code(&answer), expected);
        assert_eq!(world.outcomes(), [outcome]);
    }
    let world = World::new();
    let calls = world.calls();
    let (answer, ()) = tokio::join!(calls.run(call(&world, "patient")), async {
        world.started().await;
        world.break_store();
    });
    assert_eq!(code(&answer), "unavailable");
}

/// What was done was done: the event says so, and whoever asked is told, even if the answer may not leave any more.
#[tokio::test(start_paused = true)]
async fn what_was_changed_stays_changed_in_the_log() {
    let world = World::new();
    let calls = world.calls();
    let (answer, ()) = tokio::join!(calls.run(call(&world, "changes")), async {
        world.started().await;
        world.break_store();
    });
    let Answer::Failed(error) = answer else { panic!("{answer:?}") };
    assert!(error.message.starts_with("It was done, but the answer is withheld."), "{}", error.message);
    assert_eq!(world.outcomes(), ["partial"]);
    assert_eq!(world.events()[0].action_result, ActionResult::PartiallyFailed);
}

/// Promise 1: for every set of permissions and every tool, the list shows it exactly if a call is not denied.
#[tokio::test]
async fn list_and_call_agree_for_every_set_of_permissions_and_every_tool() {
    let world = World::new();
    let calls = Calls { registry: Registry::product(), ..world.calls() };
    let catalogue = crate::catalogue::Catalogue::new(&calls.registry);
    let grantable: Vec<Permission> = PermissionSet::grantable().iter().collect();
    let mut pairs = 0_u32;
    for bits in 0_u32..1 << grantable.len() {
        let chosen = grantable.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
        let granted: PermissionSet = chosen.map(|(_, permission)| *permission).collect();
        let mut principal = world.principal();
        let mut grant = (*principal.grant).clone();
        grant.permissions = granted;
        grant.last_used_at = Some(testing::NOW);
        principal.grant = Arc::new(grant);
        let mut role = (*principal.role).clone();
        role.permissions = PermissionSet::all();
        principal.role = Arc::new(role);
        let listed: BTreeSet<String> =
            catalogue.visible(principal.effective()).into_iter().map(|tool| tool.name.to_string()).collect();
        for tool in calls.registry.iter() {
            let mut call = call(&world, tool.name());
            call.context.principal = principal.clone();
            let answer = calls.run(call).await;
            let denied = code(&answer) == "permission_denied";
            assert_eq!(listed.contains(tool.name()), !denied, "{} with {granted:?}", tool.name());
            pairs += 1;
        }
    }
    assert_eq!(pairs, (1 << grantable.len()) * u32::try_from(calls.registry.iter().count()).unwrap());
    assert_eq!(world.events().len(), pairs as usize, "one event per call");
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
    let mut grant = (*recent.context.principal.grant).clone();
    grant.last_used_at = Some(testing::NOW);
    recent.context.principal.grant = Arc::new(grant);
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
