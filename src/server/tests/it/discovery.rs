//! What a client finds before anybody has signed in.

use reqwest::{StatusCode, header};
use serde_json::Value;

use crate::harness::{Client, JsonResponse, TestServer, story};

story! {
    /// Rows R1, R2, OM1-OM3: both documents, at the root and with `/mcp`, agree with each other.
    async fn documents_agree(server) {
        let http = reqwest::Client::new();
        for suffix in ["", "/mcp"] {
            let url = format!("{}/.well-known/oauth-protected-resource{suffix}", server.url);
            let document: Value = http.get(url).send().await.expect("an answer").json().await.expect("JSON");
            assert_eq!(document["resource"], format!("{}/mcp", server.url));
            assert_eq!(document["authorization_servers"], serde_json::json!([server.url]));
            assert_eq!(document["bearer_methods_supported"], serde_json::json!(["header"]));
            let scopes = document["scopes_supported"].as_array().expect("scopes");
            assert!(!scopes.contains(&"offline_access".into()));

            let url = format!("{}/.well-known/oauth-authorization-server{suffix}", server.url);
            let document: Value = http.get(url).send().await.expect("an answer").json().await.expect("JSON");
            assert_eq!(document["issuer"], server.url);
            assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
            assert_eq!(document["token_endpoint_auth_methods_supported"], serde_json::json!(["none"]));
            assert_eq!(document["response_types_supported"], serde_json::json!(["code"]));
            assert_eq!(document["authorization_response_iss_parameter_supported"], true);
            for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri"] {
                assert!(document[endpoint].as_str().expect(endpoint).starts_with(&server.url), "{endpoint}");
            }
        }
    }
}

story! {
    /// Rows OX3, R2 and 5.1: every unauthenticated request to `/mcp` is challenged, whatever its method.
    async fn everything_on_mcp_is_challenged(server) {
        let http = reqwest::Client::new();
        for method in ["GET", "POST", "DELETE"] {
            for path in ["/mcp", "/mcp/"] {
                let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
                let response = http.request(method.clone(), format!("{}{path}", server.url)).send().await.expect("an answer");
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
                let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().expect("ASCII");
                let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"", server.url);
                assert!(challenge.starts_with("Bearer ") && challenge.contains(&metadata), "{challenge}");
                assert!(!challenge.contains("error="), "{challenge}");
            }
        }
        let client = Client::register(server).await;
        let response = client.post_mcp(Some("nonsense"), "tools/list", serde_json::json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().expect("ASCII");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        let query = http.get(format!("{}/mcp?access_token=x", server.url)).send().await.expect("an answer");
        assert_eq!(query.status(), StatusCode::UNAUTHORIZED);
    }
}

story! {
    /// Section 5.6: a preflight is answered without a token, and the challenge can be read by scripts.
    async fn preflights_are_answered(server) {
        let http = reqwest::Client::new();
        for path in ["/oauth/token", "/oauth/register", "/.well-known/oauth-protected-resource/mcp"] {
            let response = http
                .request(reqwest::Method::OPTIONS, format!("{}{path}", server.url))
                .header(header::ORIGIN, "https://client.example")
                .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
                .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type, mcp-protocol-version")
                .send()
                .await
                .expect("an answer");
            assert!(response.status().is_success(), "{path}: {}", response.status());
            assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{path}");
            assert!(!response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        }
        let authorize = http.get(format!("{}/oauth/authorize", server.url)).header(header::ORIGIN, "https://x.example").send().await;
        assert!(!authorize.expect("an answer").headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "row OA9");
    }
}

/// The server tells its health to whoever asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health() {
    TestServer::run(crate::harness::Engine::Sqlite, async |server| {
        for path in ["/healthz", "/readyz"] {
            let response = reqwest::get(format!("{}{path}", server.url)).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::OK);
        }
    })
    .await;
}
