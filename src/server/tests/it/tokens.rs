//! Codes, access tokens, refresh tokens.

use std::time::Duration;

use margay_domain::audit::{AuditQuery, REVOKE_MCP_CONNECTION};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Browser, Client, JsonRequest, Tokens, story};

story! {
    /// Rows OC1-OC4.
    async fn codes_are_used_once_and_soon(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        let (status, body) = client.exchange(&code).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let tokens = Tokens::read(&body);
        assert!(!client.tool_names(&tokens.access).await.is_empty());
        // A replay with a wrong verifier is refused and harms nobody; with the right one everything ends.
        let (status, body) = client.exchange_with(&code, &"x".repeat(43)).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
        assert_eq!(client.refresh(&tokens.refresh).await.0, StatusCode::OK);
        assert_eq!(client.exchange(&code).await.0, StatusCode::BAD_REQUEST);
        let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);

        let late = client.code(&browser, &["AlertRead"]).await;
        server.advance(Duration::from_secs(61));
        let (status, body) = client.exchange(&late).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    }
}

story! {
    /// Rows OC2, OC5, OC6: a code is good for its client, redirect and verifier only.
    async fn codes_are_bound(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let other = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        assert_eq!(other.exchange(&code).await.1["error"], "invalid_grant");
        let code = client.code(&browser, &["AlertRead"]).await;
        assert_eq!(client.exchange_with(&code, "wrong-verifier-wrong-verifier-wrong-verifier").await.1["error"], "invalid_grant");
        let code = client.code(&browser, &["AlertRead"]).await;
        let (status, body) = client
            .token(&[
                ("grant_type", "authorization_code"),
                ("client_id", &client.id),
                ("code", &code),
                ("redirect_uri", "http://127.0.0.1:1/other"),
                ("code_verifier", "a-verifier-of-forty-three-characters-or-more.~"),
            ])
            .await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    }
}

story! {
    /// Rows OT1-OT6.
    async fn bad_token_requests(server) {
        let client = Client::register(server).await;
        for (fields, status, error) in [
            (vec![("grant_type", "refresh_token"), ("client_id", "mcp_unknown"), ("refresh_token", "x")], 401, "invalid_client"),
            (vec![("grant_type", "refresh_token"), ("refresh_token", "x")], 401, "invalid_client"),
            (vec![("grant_type", "password"), ("client_id", client.id.as_str())], 400, "unsupported_grant_type"),
            (vec![("client_id", client.id.as_str())], 400, "invalid_request"),
            (vec![("grant_type", "refresh_token"), ("client_id", client.id.as_str()), ("refresh_token", "x")], 400, "invalid_grant"),
            (
                vec![("grant_type", "refresh_token"), ("client_id", client.id.as_str()), ("client_secret", "s"), ("refresh_token", "x")],
                401,
                "invalid_client",
            ),
        ] {
            let (got, body) = client.token(&fields).await;
            assert_eq!((got.as_u16(), &body["error"]), (status, &json!(error)), "{fields:?}: {body}");
        }
        let http = reqwest::Client::new();
        let get = http.get(format!("{}/oauth/token", server.url)).send().await.expect("an answer");
        assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
        let json = http.post(format!("{}/oauth/token", server.url)).json(&json!({})).send().await.expect("an answer");
        assert!(json.status().is_client_error());
    }
}

story! {
    /// Rows OF1, OF2: rotation, the same successor again while it is unused, then the family ends.
    async fn refresh_rotates_and_reuse_ends_the_family(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead", "RuleRead"]).await;
        let (status, body) = client.refresh(&first.refresh).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let second = Tokens::read(&body);
        assert_ne!(first.refresh, second.refresh);
        assert_eq!(second.scope, "AlertRead RuleRead");
        let (status, body) = client.refresh(&first.refresh).await;
        assert_eq!(status, StatusCode::OK, "a lost answer is given again: {body}");
        assert_eq!(Tokens::read(&body).refresh, second.refresh);
        server.advance(Duration::from_secs(46));
        let (status, body) = client.refresh(&first.refresh).await;
        assert_eq!(status, StatusCode::OK, "late, but nobody has used the successor: {body}");
        assert_eq!(Tokens::read(&body).refresh, second.refresh);
        let (_, body) = client.refresh(&second.refresh).await;
        let third = Tokens::read(&body);
        let (status, body) = client.refresh(&first.refresh).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
        assert_eq!(client.refresh(&third.refresh).await.0, StatusCode::BAD_REQUEST, "the family has ended");
        let response = client.post_mcp(Some(&third.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "its access tokens too");
        let page = browser.get("/connections").await.page.text();
        assert!(page.contains("An old token was used again"), "{page}");
    }
}

story! {
    /// Row OF2: many refreshes at once sign nobody out.
    async fn parallel_refreshes(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        let answers = futures::future::join_all((0..50).map(|_| client.refresh(&tokens.refresh))).await;
        let successors: std::collections::HashSet<String> = answers
            .into_iter()
            .map(|(status, body)| {
                assert_eq!(status, StatusCode::OK, "{body}");
                Tokens::read(&body).refresh
            })
            .collect();
        assert_eq!(successors.len(), 1);
        let successor = successors.into_iter().next().expect("a successor");
        let (status, body) = client.refresh(&successor).await;
        assert_eq!(status, StatusCode::OK, "nobody is signed out: {body}");
        let tokens_now = Tokens::read(&body);

        // Row OF1: one late replay ends the family, and the audit log says so, once.
        server.advance(Duration::from_secs(46));
        for _ in 0..2 {
            let (status, body) = client.refresh(&tokens.refresh).await;
            assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
        }
        assert_eq!(client.refresh(&tokens_now.refresh).await.1["error"], "invalid_grant");
        let query = AuditQuery { action: Some(REVOKE_MCP_CONNECTION.to_owned()), limit: 10, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        let [event] = events.as_slice() else { panic!("one event: {events:?}") };
        assert_eq!(event.action_params["reason"], "refresh_reuse");
        assert_eq!(event.action_details["userEmail"], "viewer@example.com");
    }
}

story! {
    /// Rows OF3, OF4: bound to the client; a narrower scope narrows this access token only; a wider one is refused.
    async fn refresh_is_bound_and_never_widens(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let other = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead", "RuleRead"]).await;
        assert_eq!(other.refresh(&tokens.refresh).await.1["error"], "invalid_grant");
        let refresh = |scope: &'static str, token: String| {
            let client = &client;
            async move {
                client
                    .token(&[("grant_type", "refresh_token"), ("client_id", &client.id), ("refresh_token", &token), ("scope", scope)])
                    .await
            }
        };
        let (_, body) = refresh("AlertRead UserRead", tokens.refresh.clone()).await;
        assert_eq!(body["error"], "invalid_scope");
        let (status, body) = refresh("AlertRead", tokens.refresh.clone()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let narrowed = Tokens::read(&body);
        let tools = client.tool_names(&narrowed.access).await;
        assert!(tools.contains(&"list_alerts".to_owned()) && !tools.contains(&"list_detections".to_owned()), "{tools:?}");
        let (_, body) = client.refresh(&narrowed.refresh).await;
        assert_eq!(Tokens::read(&body).scope, "AlertRead RuleRead", "the successor keeps the full grant");
    }
}

story! {
    /// Row OX1 and the end of an access token's life.
    async fn tokens_end(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        server.advance(Duration::from_secs(3601));
        let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let (_, body) = client.refresh(&tokens.refresh).await;
        let tokens = Tokens::read(&body);
        let http = reqwest::Client::new();
        for token in ["unknown", tokens.refresh.as_str()] {
            let response = http
                .post(format!("{}/oauth/revoke", server.url))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!("token={token}&client_id={}", client.id))
                .send()
                .await
                .expect("an answer");
            assert_eq!(response.status(), StatusCode::OK);
        }
        assert_eq!(client.refresh(&tokens.refresh).await.1["error"], "invalid_grant");
        let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}
