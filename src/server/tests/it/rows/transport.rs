//! Sections 1.1 to 1.4 over real HTTP: what is no request of the protocol is refused with the right status and code, by
//! the row, and runs nothing.

use std::{io::Write as _, iter, net::TcpStream};

use margay_domain::audit::{AI_RESOURCE_READ, AI_TOOL_INVOKE};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};

use super::{Reply, configured_story, events, http};
use crate::{
    harness::{JsonRequest as _, TestServer, connected, connected_as, story},
    mcp::{event, initialize, legacy},
};

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
    let sent_bare =
        |text: &str| call(server, token, &[("mcp-protocol-version", ""), ("mcp-method", ""), ("mcp-name", "")], text);
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
        case("H15 half a character, so no message", sent("\"\\ud800\""), 400, -32600),
        case("B1 parameters by position", sent(&body(&json!(7), "tools/list", json!([]), false)), 400, -32602),
        case("B1 no method", sent("{\"jsonrpc\":\"2.0\",\"id\":7}"), 400, -32600),
        case(
            "H9 no version and no _meta",
            sent_bare(&body(&json!(7), "server/discover", json!({}), false)),
            400,
            -32602,
        ),
        case("H15 JSON, but no message", sent("\"text\""), 400, -32600),
        case(
            "H15 JSON-RPC of another version",
            sent("{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"tools/list\"}"),
            400,
            -32600,
        ),
        case("H15 deeply nested", sent(&"[".repeat(100_000)), 400, -32700),
        case("H15 a compressed body", spoiled(&[("content-encoding", "gzip")]), 415, -32600),
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

/// A request that never sends all of its body, over a connection of its own.
fn unfinished(server: &TestServer, head: &str) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let text = format!("{head}\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n{{\"jsonrpc\":");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

story! {
    /// Row T8: bodies that are announced and never come take the room of one person or address only.
    async fn bodies_that_never_come_stop_nobody_else(server) {
        let (_, token) = connected(server).await;
        let (_, other) = connected_as(server, "viewer@example.com").await;
        let to_mcp = format!("POST /mcp HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json");
        let to_token = "POST /oauth/token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
        let heads = iter::repeat_n(to_mcp.as_str(), 100).chain(iter::repeat_n(to_token, 40));
        let open: Vec<TcpStream> = heads.map(|head| unfinished(server, head)).collect();
        let reply = Reply::of(call(server, &other, &[], body(&json!(7), "tools/call", good(), true))).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
        let form = http().post(format!("{}/oauth/token", server.url)).body("grant_type=nonsense");
        let form = form.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert_eq!(Reply::of(form).await.status.as_u16(), 400);
        drop(open);
    }
}

story! {
    /// Row B1: a gateway may share one session between several windows that count their requests alike.
    async fn an_id_that_is_under_way_is_refused(server) {
        let (_, token) = connected(server).await;
        let opened = legacy(server, &token, None, initialize()).await;
        let session = opened.headers()["mcp-session-id"].to_str().expect("ASCII").to_owned();
        let query = |number: u8| {
            let sql = format!("SELECT {number} AS n");
            json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call",
                "params": { "name": "query_data_lake", "arguments": { "sql": sql } } })
        };
        // Each was answered with its own rows or refused; none with those of another one, and none waits for ever.
        let asked = (0..4).map(|number| legacy(server, &token, Some(&session), query(number)));
        let mut refused = 0;
        for (number, response) in futures::future::join_all(asked).await.into_iter().enumerate() {
            let status = response.status().as_u16();
            let answer = event(response).await;
            assert_eq!(answer["id"], 7, "{answer}");
            if status == 400 {
                assert_eq!(answer["error"]["code"], -32600, "{answer}");
                assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("under way")), "{answer}");
                refused += 1;
            } else if answer["result"]["isError"] != true {
                assert_eq!(answer["result"]["structuredContent"]["results"][0]["n"], number, "{answer}");
            }
        }
        assert!(refused < 4);
    }
}

story! {
    /// A client with another address of this server is told the right one, and a person sees what to do with it.
    async fn a_lost_client_is_shown_the_way(server) {
        let endpoint = format!("{}/mcp", server.url);
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let both = "application/json, text/event-stream";
        for path in ["/", "/sse", "/message", "/mcp/sse", "/v1/mcp", "/api"] {
            let url = format!("{}{path}", server.url);
            let posted = http().post(&url).header(header::ACCEPT, both).json(&ping);
            let listened = http().get(&url).header(header::ACCEPT, "text/event-stream");
            for request in if path == "/" { vec![posted] } else { vec![posted, listened] } {
                let reply = Reply::of(request).await;
                assert_eq!(reply.status.as_u16(), 404, "{path}: {}", reply.text);
                let sentence = format!("There is nothing at this address. The MCP endpoint is {endpoint}");
                assert_eq!(reply.json()["error"]["message"], sentence, "{path}");
            }
        }
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let page = Reply::of(http().get(&endpoint).header(header::ACCEPT, browser)).await;
        assert_eq!(page.status.as_u16(), 200, "{}", page.text);
        assert!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{:?}", page.headers);
        for part in ["This address is for MCP clients", endpoint.as_str(), "href=\"/connections\""] {
            assert!(page.text.contains(part), "{part}: {}", page.text);
        }
        for accept in ["text/event-stream", "*/*", "application/json"] {
            let reply = Reply::of(http().get(&endpoint).header(header::ACCEPT, accept)).await;
            assert_eq!(reply.status.as_u16(), 401, "{accept}");
            assert!(reply.header("www-authenticate").contains("resource_metadata="), "{accept}");
        }
        // Pages that are not there stay pages.
        let page = Reply::of(http().get(format!("{}/nowhere", server.url)).header(header::ACCEPT, browser)).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"));
    }
}

story! {
    /// RFC 9728 section 3.3: from each name of this computer the way leads to metadata about the address that was asked.
    async fn each_name_of_this_computer_leads_to_its_own_metadata(server) {
        let port = server.url.rsplit(':').next().expect("a port");
        for name in ["127.0.0.1", "localhost", "[::1]"] {
            let host = format!("{name}:{port}");
            let asked = http().post(format!("{}/mcp", server.url)).header(header::HOST, &host).body("{}");
            let reply = Reply::of(asked).await;
            assert_eq!(reply.status.as_u16(), 401, "{host}");
            let metadata = format!("http://{host}/.well-known/oauth-protected-resource/mcp");
            let challenge = reply.header("www-authenticate");
            assert!(challenge.contains(&format!("resource_metadata=\"{metadata}\"")), "{host}: {challenge}");
            let own = format!("http://{host}");
            let page = http().post(format!("{}/mcp", server.url)).header(header::HOST, &host).header(header::ORIGIN, &own);
            let reply = Reply::of(page).await;
            assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (401, own.as_str()));
        }
        let other = http().post(format!("{}/mcp", server.url)).header(header::ORIGIN, "http://localhost:1");
        assert_eq!(Reply::of(other).await.status.as_u16(), 403, "another port is another program");
    }
}

configured_story! {
    /// Row H2: programs whose pages have no host are let in by the words that they send.
    async fn pages_without_a_host_can_be_allowed(server) with |config| {
        config.mcp.allowed_origins = vec!["null".to_owned(), "file://".to_owned()];
    }, {
        let (_, token) = connected(server).await;
        for (origin, status) in [("null", 200), ("file://", 200), ("app://obsidian.md", 403)] {
            let spoiled = call(server, &token, &[("origin", origin)], body(&json!(7), "tools/call", good(), true));
            let reply = Reply::of(spoiled).await;
            assert_eq!(reply.status.as_u16(), status, "{origin}: {}", reply.text);
            assert_eq!(reply.header("access-control-allow-origin"), origin);
            if status == 403 {
                let sentence = reply.json()["error"]["message"].to_string();
                assert!(sentence.contains("Origin") && sentence.contains(origin), "{sentence}");
                assert!(sentence.contains("mcp.allowed_origins"), "{sentence}");
            }
        }
    }
}

story! {
    /// Row L1: of the streams on which a session only listens, the oldest one makes room.
    async fn of_a_session_the_oldest_stream_ends(server) {
        let (_, token) = connected(server).await;
        let opened = legacy(server, &token, None, initialize()).await;
        let session = opened.headers()["mcp-session-id"].to_str().expect("ASCII").to_owned();
        let mut streams = Vec::new();
        for _ in 0..5 {
            let listening = http().get(format!("{}/mcp", server.url)).bearer_auth(&token).header("mcp-session-id", &session);
            let response = listening.header(header::ACCEPT, "text/event-stream").send().await.expect("an answer");
            assert_eq!(response.status().as_u16(), 200);
            streams.push(response);
        }
        for ended in streams.drain(..3) {
            assert_eq!(ended.text().await.expect("an end"), "");
        }
        // What was asked for on another stream still comes.
        let ping = json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" });
        assert_eq!(event(legacy(server, &token, Some(&session), ping).await).await["result"], json!({}));
    }
}
