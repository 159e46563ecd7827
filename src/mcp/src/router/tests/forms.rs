//! What a client sends and reads: ids, formats, batches, and a sentence for what cannot be served.

use super::*;

fn with_header(mut request: Request<axum::body::Body>, name: &'static str, value: &str) -> Request<axum::body::Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn numbered(session: &str, id: &Value, method: &str, params: &Value) -> Request<axum::body::Body> {
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    request("POST", Some(ANA), &[("mcp-session-id", session)], body.to_string())
}

async fn cancel(server: &Server, session: &str, id: &Value) {
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
    let headers = [("mcp-session-id", session)];
    let accepted = server.send(request("POST", Some(ANA), &headers, cancel.to_string())).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
}

// Row B1.
#[tokio::test(start_paused = true)]
async fn an_id_that_is_under_way_in_a_session_is_refused() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let other = open_session(&server, ANA).await;
    let stream = server.open(numbered(&session, &json!(7), "tools/call", &call("slow"))).await;
    world.started().await;
    for id in [json!(7), json!(7.0)] {
        let refused = server.send(numbered(&session, &id, "tools/call", &call("echo"))).await;
        assert_eq!((refused.status, error_code(&refused)), (StatusCode::BAD_REQUEST, -32600));
        assert_eq!(refused.json()["id"], 7);
        let sentence = "A request with this id is under way in this session. Give each request an id of its own.";
        assert_eq!(refused.json()["error"]["message"], sentence);
    }
    for (session, id) in [(&session, json!("7")), (&session, json!(8)), (&other, json!(7))] {
        let served = server.send(numbered(session, &id, "tools/call", &call("echo"))).await;
        assert_eq!((served.status, &served.json()["id"]), (StatusCode::OK, &id));
    }
    // Row L6: the call goes on without its stream, and keeps its id.
    drop(stream);
    settle().await;
    let refused = server.send(numbered(&session, &json!(7), "ping", &json!({}))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    cancel(&server, &session, &json!(7)).await;
    world.in_flight().drained().await;
    settle().await;
    let again = server.send(numbered(&session, &json!(7), "tools/call", &call("echo"))).await;
    assert_eq!(again.json()["result"]["structuredContent"], json!({ "text": "hello" }));
}

#[tokio::test]
async fn each_era_gets_the_format_that_it_reads() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let (json, events, both) = ("application/json", "text/event-stream", "text/event-stream, application/json");
    for (accept, modern_kind, legacy_kind) in
        [(json, json, json), ("application/*", json, json), (events, events, events), (both, json, events)]
    {
        for tool in ["echo", "fails"] {
            let newer = with_header(modern(ANA, "tools/call", &call(tool)), "accept", accept);
            let newer = server.send(newer).await;
            assert_eq!((newer.status, newer.header("content-type")), (StatusCode::OK, Some(modern_kind)), "{accept}");
            assert_eq!(newer.json()["id"], "one");
            let older = with_header(legacy(ANA, Some(&session), "tools/call", &call(tool)), "accept", accept);
            let older = server.send(older).await;
            assert_eq!((older.status, older.header("content-type")), (StatusCode::OK, Some(legacy_kind)), "{accept}");
            assert_eq!(older.json()["id"], 1);
            assert_eq!(older.json()["result"]["isError"], tool == "fails");
        }
        let refused = with_header(modern(ANA, "nonsense", &json!({})), "accept", accept);
        let refused = server.send(refused).await;
        let kind = refused.header("content-type");
        assert_eq!((refused.status, kind), (StatusCode::NOT_FOUND, Some(json)), "an error has its status");
        let unknown = with_header(legacy(ANA, Some(&session), "nonsense", &json!({})), "accept", accept);
        let unknown = server.send(unknown).await;
        assert_eq!((unknown.status, error_code(&unknown)), (StatusCode::OK, -32601));
    }
}

// Row H13.
#[tokio::test]
async fn a_method_that_is_not_served_is_named_in_a_sentence() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let older = ["logging/setLevel", "completion/complete", "resources/subscribe", "resources/unsubscribe"];
    for method in older.into_iter().chain(["server/nonsense", "tasks/list", "sampling/createMessage"]) {
        for params in [json!({}), json!({ "level": "info", "uri": "x://y" })] {
            let reply = server.send(legacy(ANA, Some(&session), method, &params)).await;
            assert_eq!((reply.status, error_code(&reply)), (StatusCode::OK, -32601), "{method}");
            assert_eq!(reply.json()["error"]["message"], format!("There is no method {method} here."));
            assert_eq!(reply.json()["id"], 1);
        }
    }
    let reply = server.send(legacy(ANA, Some(&session), "foo\u{202e}bar", &json!({}))).await;
    assert_eq!(reply.json()["error"]["message"], "There is no method foo\\u{202e}bar here.");
    for method in older.into_iter().chain(["ping", "initialize", "subscriptions/listen", "tasks/get"]) {
        let reply = server.send(modern(ANA, method, &json!({}))).await;
        assert_eq!((reply.status, error_code(&reply)), (StatusCode::NOT_FOUND, -32601), "{method}");
        assert_eq!(reply.json()["error"]["message"], format!("There is no method {method} here."));
        assert_eq!(reply.json()["id"], "one");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_with_a_sentence_and_the_id() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let message = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":7,{rest}}}"#);
    let initialize = r#""method":"initialize","params":{"capabilities":{},"clientInfo":{"name":"x","version":"1"}}"#;
    for (body, code, sentence) in [
        (
            message(&format!(r#""method":"tools/call","params":{{"name":"echo","arguments":{{"x":{deep}}}}}"#)),
            -32700,
            "The body is nested too deeply: lists and objects may stand in each other 127 times.",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools"#.to_owned(),
            -32700,
            "The body is not valid JSON: it ends in the middle, at line 1, column 39.",
        ),
        (message(r#""method":"tools/list","params":[]"#), -32602, "The member params must be an object."),
        (message(r#""method":"tools/list","params":"x""#), -32602, "The member params must be an object."),
        (message(r#""params":{}"#), -32600, "The message has no method: it is a text such as tools/list."),
        (message(initialize), -32602, "This is missing in initialize: params.protocolVersion."),
        (
            message(r#""method":"initialize""#),
            -32602,
            "This is missing in initialize: params.protocolVersion, params.capabilities, params.clientInfo.",
        ),
        (
            message(r#""method":"server/discover""#),
            -32602,
            "This is missing in server/discover: the header MCP-Protocol-Version, the header Mcp-Method, \
             params._meta[\"io.modelcontextprotocol/protocolVersion\"], \
             params._meta[\"io.modelcontextprotocol/clientCapabilities\"].",
        ),
    ] {
        let reply =
            server.send(request("POST", Some(ANA), &[("mcp-session-id", session.as_str())], body.clone())).await;
        assert_eq!((reply.status, error_code(&reply)), (StatusCode::BAD_REQUEST, code), "{body}");
        assert_eq!(reply.json()["error"]["message"], sentence);
        assert_eq!(reply.json()["id"], 7, "{body}");
    }
}

#[tokio::test]
async fn what_means_one_thing_is_served() {
    let world = World::new();
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let call = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
        )
    };
    for (body, answered) in [
        (call(r#"{"text":"a\ud83d"}"#), json!({ "text": "a\u{fffd}" })),
        (call(r#""{\"text\":\"hello\"}""#), json!({ "text": "hello" })),
        (call("[]"), json!({})),
        (call("null"), json!({})),
        (call(r#""""#), json!({})),
        (format!("\u{feff}{}", call("{}")), json!({})),
    ] {
        let reply =
            server.send(request("POST", Some(ANA), &[("mcp-session-id", session.as_str())], body.clone())).await;
        assert_eq!(reply.status, StatusCode::OK, "{body}");
        assert_eq!(reply.json()["result"]["structuredContent"], answered, "{body}");
    }
}

#[tokio::test]
async fn a_compressed_body_and_two_versions_are_refused() {
    let world = World::new();
    let server = world.server();
    let zipped = with_header(modern(ANA, "tools/list", &json!({})), "content-encoding", "gzip");
    let reply = server.send(zipped).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(reply.header("accept-encoding"), Some("identity"));
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("compressed"));

    let session = open_session(&server, ANA).await;
    let mut two = legacy(ANA, Some(&session), "tools/list", &json!({}));
    two.headers_mut().append("mcp-protocol-version", "2025-06-18".parse().unwrap());
    two.headers_mut().append("mcp-protocol-version", "2025-11-25".parse().unwrap());
    let reply = server.send(two).await;
    assert_eq!((reply.status, error_code(&reply)), (StatusCode::BAD_REQUEST, -32600));
    assert_eq!(reply.json()["error"]["message"], "This request has MCP-Protocol-Version headers that differ.");
    let mut twice = legacy(ANA, Some(&session), "tools/list", &json!({}));
    twice.headers_mut().append("mcp-protocol-version", "2025-06-18".parse().unwrap());
    twice.headers_mut().append("mcp-protocol-version", "2025-06-18".parse().unwrap());
    assert_eq!(server.send(twice).await.status, StatusCode::OK);
}

// Row B8, for the one revision that had batches.
#[tokio::test]
async fn a_session_of_2025_03_26_may_send_batches() {
    let world = World::new();
    let server = world.server();
    let mut params = initialize();
    params["protocolVersion"] = json!("2025-03-26");
    let opened = server.send(legacy(ANA, None, "initialize", &params)).await;
    assert_eq!(opened.json()["result"]["protocolVersion"], "2025-03-26");
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let send = |headers: &[(&'static str, &str)], body: Value| {
        let all = [&[("mcp-session-id", session.as_str())][..], headers].concat();
        request("POST", Some(ANA), &all, body.to_string())
    };
    let message =
        |id: u8, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let batch = json!([
        initialized,
        message(1, "ping", json!({})),
        message(2, "tools/call", call("echo")),
        message(3, "nonsense", json!({})),
        { "jsonrpc": "2.0", "id": 4 },
        message(5, "initialize", initialize()),
        message(1, "ping", json!({})),
    ]);
    for (accept, kind) in
        [("application/json, text/event-stream", "application/json"), ("text/event-stream", "text/event-stream")]
    {
        let reply = server.send(send(&[("accept", accept)], batch.clone())).await;
        assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some(kind)));
        let answers = reply.json();
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), 6, "none for the notification: {answers:?}");
        assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
        assert_eq!(answers[1]["result"]["structuredContent"], json!({ "text": "hello" }));
        assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&json!(3), &json!(-32601)));
        assert_eq!((&answers[3]["id"], &answers[3]["error"]["code"]), (&json!(4), &json!(-32600)));
        assert_eq!((&answers[4]["id"], &answers[4]["error"]["code"]), (&json!(5), &json!(-32600)));
        assert_eq!(answers[5], answers[0]);
    }
    let silent = server.send(send(&[], json!([initialized]))).await;
    assert_eq!((silent.status, silent.body.as_str()), (StatusCode::ACCEPTED, ""));
    let many: Vec<Value> = (0..51).map(|id| message(id, "ping", json!({}))).collect();
    let refused: [(&[(&'static str, &str)], Value); 5] = [
        (&[], json!([])),
        (&[], Value::from(many)),
        (&[("mcp-protocol-version", "2025-06-18")], json!([message(1, "ping", json!({}))])),
        (&[("mcp-protocol-version", "2026-07-28")], json!([message(1, "ping", json!({}))])),
        (&[("mcp-session-id", "")], json!([message(1, "ping", json!({}))])),
    ];
    for (headers, body) in refused {
        let reply = server.send(send(headers, body)).await;
        assert!(reply.status.is_client_error(), "{headers:?}: {reply:?}");
        assert_eq!(error_code(&reply), -32600, "{headers:?}");
    }
    assert_eq!(world.outcomes(), ["success", "success"]);
}

/// Row OP6: the messages of a batch are requests of their own.
#[tokio::test(start_paused = true)]
async fn a_batch_ends_with_its_connection() {
    let world = World::new();
    let server = std::sync::Arc::new(world.server());
    let session = open_session(&server, ANA).await;
    let message =
        |id: u8, tool: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call(tool) });
    let batch = json!([message(1, "echo"), message(2, "patient"), message(3, "echo")]).to_string();
    let sent = request("POST", Some(ANA), &[("mcp-session-id", session.as_str())], batch);
    let waiting = tokio::spawn(async move { server.send(sent).await.json() });
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.forget("grt_1");
    let answers = waiting.await.unwrap();
    assert_eq!(answers[0]["result"]["isError"], false, "{answers}");
    assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&json!(3), &json!(-32600)), "{answers}");
    assert_eq!(world.outcomes().len(), 2, "the third one never ran");
}

/// Each message of a batch counts.
#[tokio::test]
async fn a_batch_is_no_way_around_the_rate() {
    let limits = crate::limits::McpLimits { rate_per_connection: 5, ..crate::limits::McpLimits::default() };
    let world = World::limited(limits);
    let server = world.server();
    let session = open_session(&server, ANA).await;
    let pings: Vec<Value> = (0..5).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })).collect();
    let batch = request("POST", Some(ANA), &[("mcp-session-id", session.as_str())], Value::from(pings).to_string());
    let reply = server.send(batch).await.json();
    let answers = reply.as_array().unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.get("result").is_some()).count(), 3, "{answers:?}");
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], id, "{answer}");
    }
}

#[tokio::test]
async fn a_person_sees_a_page_and_a_program_does_not() {
    let world = World::new();
    let server = world.server();
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = server.send(request("GET", None, &[("accept", browser)], "")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(&format!("http://{HOST}/mcp")), "{}", page.body);
    for (method, headers, status) in [
        ("GET", vec![("accept", "text/event-stream")], 401),
        ("GET", vec![("accept", "*/*")], 401),
        ("GET", vec![("accept", browser), ("mcp-protocol-version", "2025-06-18")], 401),
        ("POST", vec![("accept", browser)], 401),
        ("GET", vec![("accept", browser), ("host", "evil.example")], 403),
        ("GET", vec![("accept", browser), ("origin", "https://evil.example")], 403),
    ] {
        let reply = server.send(request(method, None, &headers, "")).await;
        assert_eq!(reply.status.as_u16(), status, "{method} {headers:?}");
    }
    let token = server.send(request("GET", Some(ANA), &[("accept", browser)], "")).await;
    assert_eq!(token.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// RFC 9728 section 3.3: the client compares what the metadata names with the address that it was given.
#[tokio::test]
async fn the_challenge_leads_to_the_metadata_of_the_name_that_was_asked() {
    let world = World::new();
    let server = world.server();
    for (host, named) in [
        (HOST, HOST),
        ("localhost:8080", "localhost:8080"),
        ("LocalHost:8080", "localhost:8080"),
        ("localhost:9", HOST),
        ("localhost", HOST),
    ] {
        for token in [None, Some("token-none")] {
            let reply = server.send(request("POST", token, &[("host", host)], "{}")).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{host}");
            let expected = format!("resource_metadata=\"http://{named}/.well-known/oauth-protected-resource/mcp\"");
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.contains(&expected), "{host}: {challenge}");
        }
    }
}
