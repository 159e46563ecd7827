//! Dynamic client registration (RFC 7591).

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{JsonRequest, JsonResponse, TestServer, story};

async fn register(server: &TestServer, body: Value) -> (StatusCode, Value) {
    let response = reqwest::Client::new()
        .post(format!("{}/oauth/register", server.url))
        .json(&body)
        .send()
        .await
        .expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

story! {
    /// Rows OD1, OD2: whatever is asked for, the client is public, and no member is null.
    async fn clients_are_public(server) {
        for method in ["client_secret_post", "client_secret_basic", "none"] {
            let (status, body) = register(
                server,
                json!({
                    "client_name": "Claude",
                    "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
                    "token_endpoint_auth_method": method,
                    "scope": "AlertRead nonsense offline_access",
                    "unknown_member": { "x": 1 },
                    "software_statement": "ignored",
                }),
            )
            .await;
            assert_eq!(status, StatusCode::CREATED, "{body}");
            assert_eq!(body["token_endpoint_auth_method"], "none");
            assert!(body.get("client_secret").is_none() && body.get("client_secret_expires_at").is_none());
            assert!(body["client_id_issued_at"].is_i64());
            assert!(body.as_object().expect("an object").values().all(|value| !value.is_null()), "{body}");
            assert!(!body["client_id"].as_str().expect("an id").starts_with("https://"));
        }
    }
}

story! {
    /// Row OD4: Cursor's set of three is accepted; which one may be used is decided at authorize.
    async fn mixed_redirects_are_accepted(server) {
        let uris = json!([
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ]);
        let (status, body) = register(server, json!({ "redirect_uris": uris })).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        assert_eq!(body["redirect_uris"], uris);
    }
}

story! {
    /// Row OD3.
    async fn bad_redirects_are_refused(server) {
        for uri in [
            "/relative", "not a uri", "https://claude.ai/cb#fragment", "javascript:alert(1)", "data:text/html,x",
            "file:///etc/passwd", "vbscript:x", "http://claude.ai/cb", "https://user@claude.ai/cb", "JavaScript:alert(1)",
        ] {
            let (status, body) = register(server, json!({ "redirect_uris": [uri] })).await;
            assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_redirect_uri")), "{uri}: {body}");
        }
        for body in [json!({}), json!({ "redirect_uris": [] }), json!({ "redirect_uris": "x" }), json!([1])] {
            let (status, answer) = register(server, body.clone()).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(answer["error"].as_str().expect("an error").starts_with("invalid_"), "{answer}");
        }
    }
}

story! {
    /// Row OD7: size and rate have limits.
    async fn registration_is_limited(server) {
        let (status, _) = register(server, json!({ "redirect_uris": ["http://localhost/cb"], "client_name": "x".repeat(20_000) })).await;
        assert!(status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::BAD_REQUEST, "{status}");
        let mut last = StatusCode::CREATED;
        for number in 0..200 {
            last = register(server, json!({ "redirect_uris": [format!("http://localhost/{number}")] })).await.0;
            if last != StatusCode::CREATED {
                break;
            }
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    }
}
