//! Sections 1.1 to 1.4 over real HTTP: what is no request of the protocol is refused with the right status and code, by
//! the row, and runs nothing.

use margay_domain::audit::{AI_RESOURCE_READ, AI_TOOL_INVOKE};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};

use super::{Reply, events, http};
use crate::harness::{JsonRequest as _, TestServer, connected, story};

/// What one row asks, and what it is answered.
struct Case {
    row: &'static str,
    request: RequestBuilder,
    status: u16,
    /// The code of the JSON-RPC error; 0 if the answer holds none.
    code: i64,
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A good call of the newer era, as text and with its headers, to be spoiled.
fn call(server: &TestServer, token: &str, headers: &[(&'static str, &str)], body: impl Into<String>) -> RequestBuilder {
    let mut all = vec![
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "get_permissions"),
    ];
    for (name, value) in headers {
        all.retain(|(known, _)| known != name);
        if !value.is_empty() {
            all.push((*name, *value));
        }
    }
    let mut request = http().post(format!("{}/mcp", server.url)).bearer_auth(token).body(body.into());
    for (name, value) in all {
        request = request.header(name, value);
    }
    request
}

fn body(id: &Value, method: &str, mut params: Value, with_meta: bool) -> String {
    if with_meta {
        params["_meta"] = meta();
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

fn good() -> Value {
    json!({ "name": "get_permissions", "arguments": {} })
}

fn modern_cases(server: &TestServer, token: &str) -> Vec<Case> {
    let spoiled =
        |headers: &[(&'static str, &str)]| call(server, token, headers, body(&json!(7), "tools/call", good(), true));
    let sent = |text: &str| call(server, token, &[], text);
    let other_version = {
        let mut params = good();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2099-01-01", "io.modelcontextprotocol/clientCapabilities": {},
        });
        call(server, token, &[("mcp-protocol-version", "2099-01-01")], body(&json!(7), "tools/call", params, false))
    };
    let case = |row, request, status, code| Case { row, request, status, code };
    vec![
        case(
            "V2 a version that nobody speaks, in the header",
            spoiled(&[("mcp-protocol-version", "2099-01-01")]),
            400,
            -32020,
        ),
        case("V2 a version that nobody speaks, in both", other_version, 400, -32022),
        case("V8 no _meta", call(server, token, &[], body(&json!(7), "tools/call", good(), false)), 400, -32602),
        case("B1 an id that is null", sent(&body(&Value::Null, "tools/call", good(), true)), 400, -32600),
        case("B1 an id that is a fraction", sent(&body(&json!(1.5), "tools/call", good(), true)), 400, -32600),
        case("B8 a batch", sent(&format!("[{}]", body(&json!(7), "tools/call", good(), true))), 400, -32600),
        case("B8 an empty batch", sent("[]"), 400, -32600),
        case("H9 the header says another version", spoiled(&[("mcp-protocol-version", "2025-11-25")]), 400, -32020),
        case("H10 no method in the header", spoiled(&[("mcp-method", "")]), 400, -32020),
        case("H10 another method in the header", spoiled(&[("mcp-method", "tools/list")]), 400, -32020),
        case("H10 no name in the header", spoiled(&[("mcp-name", "")]), 400, -32020),
        case("H10 another name in the header", spoiled(&[("mcp-name", "list_alerts")]), 400, -32020),
        case("H11 case counts in values", spoiled(&[("mcp-name", "Get_Permissions")]), 400, -32020),
        case(
            "H13 an unknown method",
            call(
                server,
                token,
                &[("mcp-method", "nonsense/x"), ("mcp-name", "")],
                body(&json!(7), "nonsense/x", json!({}), true),
            ),
            404,
            -32601,
        ),
        case("H15 no JSON", sent("{\"jsonrpc\": \"2.0\", "), 400, -32700),
        case("H15 an empty body", sent(""), 400, -32700),
        case("H15 not UTF-8 text", sent("\"\\ud800\""), 400, -32700),
        case("H15 JSON, but no message", sent("\"text\""), 400, -32600),
        case(
            "H15 JSON-RPC of another version",
            sent("{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"tools/list\"}"),
            400,
            -32600,
        ),
        case("H15 deeply nested", sent(&"[".repeat(100_000)), 400, -32700),
        case("H15 another content type", spoiled(&[("content-type", "text/plain")]), 415, -32600),
        case("H15 no content type", spoiled(&[("content-type", "")]), 415, -32600),
        case("H15 an oversized body", sent(&format!("\"{}\"", "x".repeat((1 << 20) + 1024))), 413, -32600),
        case("H5 neither format is acceptable", spoiled(&[("accept", "text/html")]), 406, -32600),
        case(
            "T7 an unknown tool",
            call(
                server,
                token,
                &[("mcp-name", "no_such_tool")],
                body(&json!(7), "tools/call", json!({ "name": "no_such_tool" }), true),
            ),
            200,
            -32602,
        ),
    ]
}

fn other_cases(server: &TestServer, token: &str) -> Vec<Case> {
    let bare = |method: Method, headers: &[(&'static str, &str)]| {
        let mut request = http().request(method, format!("{}/mcp", server.url)).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    };
    let legacy = |headers: &[(&'static str, &str)], text: String| {
        let all = [&[("mcp-protocol-version", ""), ("mcp-method", ""), ("mcp-name", "")][..], headers].concat();
        call(server, token, &all, text)
    };
    let list = || body(&json!(7), "tools/list", json!({}), false);
    let accept = ("accept", "text/event-stream");
    let case = |row, request, status, code| Case { row, request, status, code };
    vec![
        case("H1 GET without a session", bare(Method::GET, &[accept]), 405, -32600),
        case(
            "H1 GET of the newer era",
            bare(Method::GET, &[accept, ("mcp-protocol-version", "2026-07-28")]),
            405,
            -32600,
        ),
        case(
            "H1 DELETE of the newer era",
            bare(Method::DELETE, &[("mcp-protocol-version", "2026-07-28")]),
            405,
            -32600,
        ),
        case("H1 another method", bare(Method::PUT, &[]), 405, -32600),
        case("H2 a foreign page", bare(Method::POST, &[("origin", "https://evil.example")]), 403, -32600),
        case("H2 a page without an origin", bare(Method::POST, &[("origin", "null")]), 403, -32600),
        case("H3 another host", bare(Method::POST, &[("host", "evil.example")]), 403, -32600),
        case("L3 no session", legacy(&[], list()), 400, -32600),
        case("L3 a session that nobody opened", legacy(&[("mcp-session-id", "made-up")], list()), 404, -32600),
        case("L4 listening to it", bare(Method::GET, &[accept, ("mcp-session-id", "made-up")]), 404, -32600),
        case("L4 ending it", bare(Method::DELETE, &[("mcp-session-id", "made-up")]), 404, -32600),
        case("L5 a version that nobody speaks", legacy(&[("mcp-protocol-version", "1999-01-01")], list()), 400, -32022),
    ]
}

story! {
    /// Every row of a refused request; none of them is an invocation.
    async fn what_is_refused_row_by_row(server) {
        let (_, token) = connected(server).await;
        for Case { row, request, status, code } in modern_cases(server, &token).into_iter().chain(other_cases(server, &token)) {
            let reply = Reply::of(request).await;
            assert_eq!(reply.status.as_u16(), status, "{row}: {}", reply.text);
            let answer = reply.json();
            assert_eq!(answer["error"]["code"], code, "{row}: {answer}");
            assert!(answer["error"]["message"].as_str().is_some_and(|text| text.len() > 10), "{row}: {answer}");
            assert_eq!(answer.get("result"), None, "{row}");
            assert!(answer.get("id").is_none_or(|id| !id.is_null()), "{row}: {answer}");
            assert!(!reply.text.contains("panicked") && !reply.text.contains(".rs"), "{row}: no internals: {}", reply.text);
        }
        // An unknown tool is an invocation that failed; the others never became one.
        let invoked = events(server, AI_TOOL_INVOKE).await;
        assert_eq!(invoked.len(), 1, "{invoked:?}");
        assert_eq!(invoked[0].action_details["outcome"], "unknown_tool");
        assert!(events(server, AI_RESOURCE_READ).await.is_empty());
    }
}

story! {
    /// Rows H4, H14, B7: what is odd and still right.
    async fn what_is_odd_and_still_right(server) {
        let (_, token) = connected(server).await;
        let text = body(&json!("one"), "tools/call", good(), true);
        for headers in [
            &[("mcp-session-id", "made-up")][..],
            &[("last-event-id", "7")],
            &[("accept", "*/*")],
            &[("accept", "")],
            &[("content-type", "application/json; charset=utf-8")],
            &[("mcp-name", "=?base64?Z2V0X3Blcm1pc3Npb25z?=")],
            &[("traceparent", "not a trace")],
        ] {
            let reply = Reply::of(call(server, &token, headers, text.clone())).await;
            assert_eq!(reply.status.as_u16(), 200, "{headers:?}: {}", reply.text);
            assert_eq!(reply.header("mcp-session-id"), "", "row H14: no session is made");
            assert!(reply.text.contains("\"one\""), "{headers:?}");
        }
        let notification = json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 99, "_meta": meta() },
        });
        let headers = [("mcp-method", "notifications/cancelled"), ("mcp-name", "")];
        let reply = Reply::of(call(server, &token, &headers, notification.to_string())).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""), "row H4, P7");
        let slash = http().post(format!("{}/mcp/", server.url)).bearer_auth(&token).header(header::ACCEPT, "*/*");
        let slash = slash.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "server/discover");
        let discover: Value = serde_json::from_str(&body(&json!(1), "server/discover", json!({}), true)).expect("JSON");
        assert_eq!(Reply::of(slash.json(&discover)).await.status.as_u16(), 200);
    }
}
