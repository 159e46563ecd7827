//! Section 1.5: the resource server, and what of section 1.6 is about its tokens.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use margay_server::config::Config;
use reqwest::Method;
use serde_json::json;

use super::{
    CONSENT, Reply, TOKEN, VIEWER, assert_refused, exchange_fields, http, list_tools, mcp_status, part_of, post_form,
    tokens,
};
use crate::harness::{Browser, Client, Tokens, story};

story! {
    /// Row R6: no scope stands for another one, and where either of two is enough, either is.
    async fn r6_what_a_scope_stands_for(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        for (granted, expected) in [
            ("AlertRead", "list_alerts"),
            ("RuleRead", "list_detections"),
            ("PolicyRead", "list_detections"),
            ("DataAnalyticsRead", "query_data_lake"),
            ("UserRead", "list_users"),
        ] {
            let access = client.connect(&browser, &[granted]).await.access;
            let listed = client.tool_names(&access).await;
            let watched = ["list_alerts", "list_detections", "query_data_lake", "list_users", "list_enrichments"];
            let found: Vec<&str> = watched.into_iter().filter(|name| listed.iter().any(|tool| tool == name)).collect();
            assert_eq!(found, [expected], "{granted}");
        }
    }
}

story! {
    /// Row R8: a token is good for the server that it names. Another one with the same keys refuses it, and so does this
    /// one if anything in it was changed.
    async fn r8_tokens_of_others(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let ours = client.connect(&browser, &["AlertRead"]).await;
        let theirs = Client::register(server).await.connect(&browser, &["RuleRead"]).await;
        // Another address is another issuer and another audience.
        let elsewhere = server.another_node().await;
        let reply = Reply::of(list_tools(&elsewhere.url).bearer_auth(&ours.access)).await;
        assert_eq!(reply.status.as_u16(), 401, "{}", reply.text);
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{:?}", reply.headers);
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client.id.as_str()),
            ("refresh_token", ours.refresh.as_str()),
        ];
        post_form(&elsewhere, TOKEN, &fields).await.assert_error(400, "invalid_grant");

        let parts: Vec<&str> = ours.access.split('.').collect();
        let [head, claims, signature] = parts.as_slice() else { panic!("three parts") };
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut wider = part_of(&ours.access, 1);
        wider["exp"] = json!(wider["exp"].as_i64().expect("an end") + 1);
        let unsigned = encode(&json!({ "alg": "none", "typ": "at+jwt", "kid": part_of(&ours.access, 0)["kid"] }));
        let other = theirs.access.rsplit('.').next().expect("a signature");
        for forged in [
            format!("{head}.{}.{signature}", encode(&wider)),
            format!("{head}.{claims}.{other}"),
            format!("{head}.{claims}."),
            format!("{unsigned}.{claims}."),
            format!("{unsigned}.{claims}.{signature}"),
            format!("{claims}.{signature}"),
        ] {
            assert_eq!(mcp_status(server, &forged).await, 401, "{forged}");
        }
        assert_eq!(mcp_status(server, &ours.access).await, 200);
    }
}

story! {
    /// Rows R9, A10: the resource is known in every usual spelling, in both requests, and tokens have the one of the
    /// configuration as their audience.
    async fn r9_a10_spellings_of_the_resource(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let ours = format!("{}/mcp", server.url);
        for resource in [ours.clone(), format!("{ours}/"), ours.replacen("http", "HTTP", 1), ours.replacen("http", "Http", 1),
            server.url.clone(), format!("{}/", server.url), server.url.replacen("http", "HTTP", 1),
            ours.replacen("127.0.0.1", "LocalHost", 1), server.url.replacen("127.0.0.1", "[::1]", 1),
        ] {
            let page = browser.open(&client.authorize_path(&[("resource", &resource)])).await;
            page.assert_page(CONSENT);
            let answer = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
            let code = client.parameter(&answer, "code").expect("a code");
            let mut fields = exchange_fields(&client, &code);
            fields.push(("resource", &resource));
            let reply = post_form(server, TOKEN, &fields).await;
            assert_eq!(reply.status.as_u16(), 200, "{resource}: {}", reply.text);
            let first = Tokens::read(&reply.json());
            assert_eq!(part_of(&first.access, 1)["aud"], ours, "{resource}");
            let refresh = [
                ("grant_type", "refresh_token"),
                ("client_id", client.id.as_str()),
                ("refresh_token", first.refresh.as_str()),
                ("resource", resource.as_str()),
            ];
            let second = tokens(client.token(&refresh).await);
            assert_eq!(part_of(&second.access, 1)["aud"], ours, "{resource}");
            assert_eq!(mcp_status(server, &second.access).await, 200, "{resource}");
            assert_refused(client.exchange(&code).await, "invalid_grant");
        }
        // Anything else is another resource, and each refusal says which one is here.
        let (port, told) = (ours.rsplit(':').next().expect("a port"), format!("resource must be {ours}"));
        let first = client.connect(&browser, &["AlertRead"]).await;
        for other in [
            format!("{}/MCP", server.url),
            format!("{}//", server.url),
            format!("{ours}?x=1"),
            format!("{ours}#f"),
            "https://other.example/mcp".to_owned(),
            format!("http://127.0.0.2:{port}"),
            "http://localhost/mcp".to_owned(),
        ] {
            let answer = browser.open(&client.authorize_path(&[("resource", &other)])).await;
            assert_eq!(client.error(&answer), "invalid_target", "{other}");
            assert_eq!(client.parameter(&answer, "error_description").as_deref(), Some(told.as_str()), "{other}");
            let refresh = [
                ("grant_type", "refresh_token"),
                ("client_id", client.id.as_str()),
                ("refresh_token", first.refresh.as_str()),
                ("resource", other.as_str()),
            ];
            let reply = post_form(server, TOKEN, &refresh).await;
            reply.assert_error(400, "invalid_target");
            assert_eq!(reply.json()["error_description"], told, "{other}");
        }
    }
}

/// Row R10: everything is served with TLS in front of it, except on this machine.
#[test]
fn r10_https_except_on_loopback() {
    let bound: SocketAddr = ([127, 0, 0, 1], 8080).into();
    for (url, fine) in [
        ("https://margay.example.com", true),
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080", true),
        ("http://margay.example.com", false),
        ("http://192.168.0.7:8080", false),
        ("http://localhost.evil.example", false),
        ("http://127.0.0.1.nip.io", false),
        ("ftp://margay.example.com", false),
        ("margay.example.com", false),
    ] {
        let mut config = Config::default();
        config.server.console_url = url.to_owned();
        assert_eq!(config.addresses(bound).is_ok(), fine, "console: {url}");
        let mut config = Config::default();
        config.server.api_url = url.to_owned();
        assert_eq!(config.addresses(bound).is_ok(), fine, "api: {url}");
    }
}

story! {
    /// Row R11: a preflight needs no token, a page that is allowed can read the challenge, and any other page only why
    /// it is refused.
    async fn r11_cors_of_the_endpoint(server) {
        let url = format!("{}/mcp", server.url);
        let preflight = |origin: &str| {
            http()
                .request(Method::OPTIONS, &url)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization, content-type, mcp-protocol-version")
        };
        let allowed = Reply::of(preflight(&server.url)).await;
        assert!(allowed.status.is_success(), "{}", allowed.status);
        let headers = allowed.header("access-control-allow-headers").to_lowercase();
        for name in [
            "authorization", "content-type", "accept", "mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id",
            "last-event-id",
        ] {
            assert!(headers.contains(name), "{name}: {headers}");
        }
        for method in ["GET", "POST", "DELETE"] {
            assert!(allowed.header("access-control-allow-methods").contains(method), "{method}");
        }
        let challenged = Reply::of(list_tools(&server.url).header("origin", &server.url)).await;
        assert_eq!(challenged.status.as_u16(), 401);
        for name in ["WWW-Authenticate", "Mcp-Session-Id"] {
            assert!(challenged.header("access-control-expose-headers").contains(name), "{:?}", challenged.headers);
        }
        for reply in [&allowed, &challenged] {
            assert_eq!(reply.header("access-control-allow-origin"), server.url);
            assert_eq!(reply.header("access-control-allow-credentials"), "");
        }
        for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
            // The preflight passes, so that the page can read why what it sends afterwards is refused, and nothing else.
            assert_eq!(Reply::of(preflight(origin)).await.status.as_u16(), 204, "{origin}");
            let refused = Reply::of(list_tools(&server.url).header("origin", origin)).await;
            assert_eq!(refused.status.as_u16(), 403, "{origin}");
            assert_eq!(refused.header("access-control-allow-origin"), origin);
            assert_eq!(refused.header("access-control-allow-credentials"), "");
            assert_eq!(refused.header("www-authenticate"), "");
            let sentence = refused.json()["error"]["message"].to_string();
            assert!(sentence.contains(origin) && sentence.contains("mcp.allowed_origins"), "{sentence}");
        }
    }
}
