//! The fixtures behind the library's own transport. What the guard in front adds is tested with the product.

use std::{collections::HashSet, convert::Infallible};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use margay_domain::{grant::Grant, id::GrantId, principal::Principal, testing::SeededEntropy};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use serde_json::json;

use super::*;
use crate::testing::{World, settle};

type Body = BoxBody<Bytes, Infallible>;

/// The endpoint with one person behind every request.
struct Endpoint {
    service: StreamableHttpService<Fixtures, LocalSessionManager>,
    principal: Principal,
}

impl Endpoint {
    fn new() -> Self {
        let fixtures = Fixtures::with(&SeededEntropy::new(1));
        let config = StreamableHttpServerConfig::default().disable_allowed_hosts().with_json_response(true);
        let service = StreamableHttpService::new(move || Ok(fixtures.clone()), Arc::default(), config);
        Self { service, principal: World::new().principal() }
    }

    /// The same with another of the person's connections.
    fn other_connection(&self) -> Self {
        let grant = Grant { id: GrantId::new("grt_other"), ..(*self.principal.grant).clone() };
        let principal = Principal { grant: Arc::new(grant), ..self.principal.clone() };
        Self { service: self.service.clone(), principal }
    }

    async fn open(&self, method: &str, mut params: Value, capabilities: Value) -> Response<Body> {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        let mut request = Request::builder()
            .method("POST")
            .uri("/mcp")
            .header("host", "127.0.0.1")
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
            request = request.header("mcp-name", name);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut request = request.body(Full::new(Bytes::from(body))).unwrap();
        request.extensions_mut().insert(self.principal.clone());
        Box::pin(self.service.handle(request)).await
    }

    /// The last message of the answer.
    async fn send(&self, method: &str, params: Value, capabilities: Value) -> (StatusCode, Value) {
        let response = self.open(method, params, capabilities).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let last = text.lines().rfind(|line| line.contains('{')).unwrap_or_else(|| panic!("no message in {text}"));
        (status, serde_json::from_str(last.trim_start_matches("data:")).unwrap())
    }

    /// Calls a tool for a client that can do everything.
    async fn call(&self, name: &str, replies: Value, state: Option<&Value>) -> Value {
        let mut params = json!({ "name": name, "arguments": {}, "inputResponses": replies });
        if let Some(state) = state {
            params["requestState"] = state.clone();
        }
        let everything = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
        self.send("tools/call", params, everything).await.1
    }
}

/// The next message of a stream.
async fn next(body: &mut Body) -> Value {
    loop {
        let frame = body.frame().await.expect("the stream goes on").unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data:")).filter(|data| data.contains('{')) {
            return serde_json::from_str(data).unwrap();
        }
    }
}

fn accepted(field: &str, value: Value) -> Value {
    json!({ "action": "accept", "content": { field: value } })
}

#[tokio::test(start_paused = true)]
async fn every_listed_tool_has_somebody_who_answers() {
    let endpoint = Endpoint::new();
    let (_, list) = endpoint.send("tools/list", json!({}), json!({})).await;
    let tools = list["result"]["tools"].as_array().unwrap();
    let names = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect::<HashSet<_>>();
    assert_eq!(names.len(), tools.len());
    assert_eq!(tools[0]["name"], "test_simple_text");
    for name in names {
        let answer = endpoint.call(name, json!({}), None).await;
        assert!(answer["result"].is_object(), "{name}: {answer}");
    }
    let answer = endpoint.call("test_nothing", json!({}), None).await;
    assert_eq!(answer["error"]["code"], -32602);
}

#[tokio::test]
async fn lists_and_resources_say_how_long_they_hold_and_who_answered() {
    let endpoint = Endpoint::new();
    let text = json!({ "uri": "test://static-text" });
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", text),
    ] {
        let (status, answer) = endpoint.send(method, params, json!({})).await;
        let result = &answer["result"];
        assert_eq!(status, StatusCode::OK, "{method}: {answer}");
        assert_eq!(result["ttlMs"], TTL_MS, "{method}");
        assert_eq!(result["cacheScope"], "public", "{method}");
        assert_eq!(result["resultType"], "complete", "{method}");
        assert_eq!(result["_meta"][SERVER_INFO_KEY]["name"], "margay-conformance", "{method}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_error_of_the_parameters() {
    let endpoint = Endpoint::new();
    let (_, resource) = endpoint.send("resources/read", json!({ "uri": "test://none" }), json!({})).await;
    assert_eq!(resource["error"]["code"], -32602);
    assert_eq!(resource["error"]["data"]["uri"], "test://none");
    let (_, prompt) = endpoint.send("prompts/get", json!({ "name": "none" }), json!({})).await;
    assert_eq!(prompt["error"]["code"], -32602);
    let half = json!({ "name": "test_prompt_with_arguments", "arguments": { "arg1": "a" } });
    assert_eq!(endpoint.send("prompts/get", half, json!({})).await.1["error"]["code"], -32602);
    let (_, list) = endpoint.send("tools/list", json!({ "cursor": "x" }), json!({})).await;
    assert_eq!(list["error"]["code"], -32602);
}

// Row H13.
#[tokio::test]
async fn methods_of_older_clients_are_unknown_to_newer_ones() {
    let endpoint = Endpoint::new();
    for (method, params) in [
        ("logging/setLevel", json!({ "level": "info" })),
        ("resources/subscribe", json!({ "uri": "test://watched-resource" })),
        ("resources/unsubscribe", json!({ "uri": "test://watched-resource" })),
        ("ping", json!({})),
    ] {
        let (status, answer) = endpoint.send(method, params, json!({})).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
        assert_eq!(answer["error"]["code"], -32601, "{method}");
    }
}

// Rows V9, P4.
#[tokio::test]
async fn nothing_is_asked_for_that_the_client_did_not_declare() {
    let endpoint = Endpoint::new();
    for (tool, declared, missing) in [
        ("test_missing_capability", json!({}), json!({ "sampling": {} })),
        ("test_input_required_result_elicitation", json!({ "sampling": {} }), json!({ "elicitation": {} })),
        (
            "test_input_required_result_elicitation",
            json!({ "elicitation": { "url": {} } }),
            json!({ "elicitation": {} }),
        ),
        (
            "test_input_required_result_multiple_inputs",
            json!({ "elicitation": {} }),
            json!({ "sampling": {}, "roots": {} }),
        ),
    ] {
        let (status, answer) = endpoint.send("tools/call", json!({ "name": tool }), declared).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{tool}");
        assert_eq!(answer["error"]["code"], -32021, "{tool}");
        assert_eq!(answer["error"]["data"]["requiredCapabilities"], missing, "{tool}");
    }
    let some = json!({ "name": "test_input_required_result_capabilities" });
    let (_, answer) = endpoint.send("tools/call", some, json!({ "sampling": {} })).await;
    let asked = answer["result"]["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(asked, ["greeting"]);
}

#[tokio::test]
async fn a_reply_that_cannot_be_used_is_asked_for_again() {
    let endpoint = Endpoint::new();
    let tool = "test_input_required_result_elicitation";
    for reply in [Value::Null, json!({}), json!({ "wrong": accepted("name", json!("Ana")) }), json!({ "user_name": 7 })]
    {
        let answer = endpoint.call(tool, reply, None).await;
        assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
        assert_eq!(answer["result"]["inputRequests"]["user_name"]["method"], "elicitation/create");
    }
    let extra = json!({ "user_name": accepted("name", json!("Ana")), "other": accepted("a", json!(1)) });
    assert_eq!(endpoint.call(tool, extra, None).await["result"]["content"][0]["text"], "Hello, Ana!");
    let declined = endpoint.call(tool, json!({ "user_name": { "action": "decline" } }), None).await;
    assert_eq!(declined["result"]["resultType"], "complete");
}

#[tokio::test]
async fn the_second_round_remembers_the_first() {
    let endpoint = Endpoint::new();
    let tool = "test_input_required_result_multi_round";
    let first = endpoint.call(tool, json!({}), None).await;
    let reply = json!({ "step1": accepted("name", json!("Ana")) });
    let second = endpoint.call(tool, reply, Some(&first["result"]["requestState"])).await;
    assert!(second["result"]["inputRequests"]["step2"].is_object(), "{second}");
    assert_ne!(first["result"]["requestState"], second["result"]["requestState"]);
    let reply = json!({ "step2": accepted("color", json!("blue")) });
    let last = endpoint.call(tool, reply, Some(&second["result"]["requestState"])).await;
    assert_eq!(last["result"]["content"][0]["text"], "Ana likes blue.");
}

// Row P5.
#[tokio::test]
async fn a_state_is_for_one_connection_and_one_tool() {
    let endpoint = Endpoint::new();
    let tool = "test_input_required_result_tampered_state";
    let state = endpoint.call(tool, json!({}), None).await["result"]["requestState"].clone();
    let reply = || json!({ "confirm": accepted("ok", json!(true)) });

    let forged = json!(format!("{}-TAMPERED", state.as_str().unwrap()));
    let other_tool = "test_input_required_result_request_state";
    for refused in [
        endpoint.call(tool, reply(), Some(&forged)).await,
        endpoint.call(other_tool, reply(), Some(&state)).await,
        endpoint.other_connection().call(tool, reply(), Some(&state)).await,
    ] {
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    let confirmed = endpoint.call(tool, reply(), Some(&state)).await;
    assert_eq!(confirmed["result"]["content"][0]["text"], "Confirmed: state-ok");
}

// Row P3.
#[tokio::test]
async fn a_subscription_hears_only_what_it_asked_for() {
    let endpoint = Endpoint::new();
    let wanted = json!({ "notifications": { "promptsListChanged": true } });
    let mut stream = endpoint.open("subscriptions/listen", wanted, json!({})).await.into_body();
    assert_eq!(next(&mut stream).await["method"], "notifications/subscriptions/acknowledged");
    settle().await;
    for tool in ["test_trigger_tool_change", "test_trigger_prompt_change"] {
        assert!(endpoint.call(tool, json!({}), None).await["result"].is_object());
    }
    let heard = next(&mut stream).await;
    assert_eq!(heard["method"], "notifications/prompts/list_changed");
    assert_eq!(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
}

// Row P2.
#[tokio::test(start_paused = true)]
async fn only_who_names_a_level_hears_messages() {
    let endpoint = Endpoint::new();
    for (level, status, count) in
        [(None, "result", 0), (Some("debug"), "result", 1), (Some("error"), "result", 0), (Some("loud"), "error", 0)]
    {
        let mut params = json!({ "name": "test_logging_tool" });
        if let Some(level) = level {
            params["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        let response = endpoint.open("tools/call", params, json!({})).await;
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text.matches("notifications/message").count(), count, "{level:?}: {text}");
        assert!(text.contains(&format!("\"{status}\":")), "{level:?}: {text}");
    }
}
