//! Section 2.10: revocation, introspection, and what the resource says about tokens.

use margay_domain::audit::{ActorKind, REVOKE_MCP_CONNECTION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    REVOKE, Reply, TOKEN, VIEWER, assert_refused, endings, events, exchange_fields, form, get, http, list_tools,
    mcp_status, post_form,
};
use crate::harness::{Browser, Client, JsonRequest as _, Tokens, story};

story! {
    /// Row OX1: giving a token back ends its whole connection, whatever the hint says; unknown tokens and those of
    /// other clients are answered alike, and nothing happens. The form is that of the token endpoint.
    async fn ox1_clients_give_tokens_back(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let other = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        let second = client.connect(&browser, &["AlertRead"]).await;
        for (caller, token) in [
            (&client, "unknown"),
            (&client, "mgr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            (&other, first.refresh.as_str()),
            (&other, second.access.as_str()),
        ] {
            let reply = post_form(server, REVOKE, &[("token", token), ("client_id", &caller.id)]).await;
            assert_eq!((reply.status, reply.header("cache-control")), (StatusCode::OK, "no-store"), "{}", reply.text);
        }
        for tokens in [&first, &second] {
            assert_eq!(mcp_status(server, &tokens.access).await, 200);
        }
        assert!(endings(server).await.is_empty());

        let id = ("client_id", client.id.as_str());
        let back = [id, ("token", first.refresh.as_str()), ("token_type_hint", "access_token")];
        assert_eq!(post_form(server, REVOKE, &back).await.status, StatusCode::OK);
        assert_eq!(post_form(server, REVOKE, &back).await.status, StatusCode::OK, "a second time");
        let back = [id, ("token", second.access.as_str()), ("token_type_hint", "nonsense")];
        assert_eq!(post_form(server, REVOKE, &back).await.status, StatusCode::OK);
        for tokens in [&first, &second] {
            assert_eq!(mcp_status(server, &tokens.access).await, 401);
            assert_refused(client.refresh(&tokens.refresh).await, "invalid_grant");
        }
        assert_eq!(endings(server).await, ["client"; 2]);
        for event in events(server, REVOKE_MCP_CONNECTION).await {
            assert_eq!((event.actor.kind, event.actor.email.as_deref()), (ActorKind::User, Some(VIEWER)));
        }

        let connected = client.connect(&browser, &["AlertRead"]).await;
        let token = ("token", connected.refresh.as_str());
        post_form(server, REVOKE, &[id]).await.assert_error(400, "invalid_request");
        post_form(server, REVOKE, &[id, token, token]).await.assert_error(400, "invalid_request");
        post_form(server, REVOKE, &[token]).await.assert_error(401, "invalid_client");
        post_form(server, REVOKE, &[("client_id", "mcp_unknown"), token]).await.assert_error(401, "invalid_client");
        post_form(server, REVOKE, &[id, token, ("client_secret", "x")]).await.assert_error(401, "invalid_client");
        let body = json!({ "client_id": client.id, "token": connected.refresh });
        let url = format!("{}{REVOKE}", server.url);
        Reply::of(http().post(&url).json(&body)).await.assert_error(400, "invalid_request");
        assert_eq!(Reply::of(http().get(&url)).await.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(mcp_status(server, &connected.access).await, 200, "nothing was given back");
    }
}

story! {
    /// Row OX2: nobody can ask what a token is worth.
    async fn ox2_no_introspection(server) {
        for path in ["/oauth/introspect", "/oauth/introspection", "/oauth/userinfo"] {
            let reply = post_form(server, path, &[("token", "x")]).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        }
        let document = get(server, "/.well-known/oauth-authorization-server").await.json();
        for member in ["introspection_endpoint", "userinfo_endpoint"] {
            assert!(document.get(member).is_none(), "{member}");
        }
    }
}

story! {
    /// Rows OX3, R3, R4: no token, a bad one and a malformed request each have their challenge, on every method.
    async fn ox3_r3_r4_challenges(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let connected = client.connect(&browser, &["AlertRead"]).await;
        let resource = get(server, "/.well-known/oauth-protected-resource/mcp").await.json();
        let scopes: Vec<&str> =
            resource["scopes_supported"].as_array().expect("scopes").iter().filter_map(Value::as_str).collect();
        let place = format!(
            "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"{}\"",
            server.url,
            scopes.join(" ")
        );
        let url = format!("{}/mcp", server.url);
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let reply = Reply::of(http().request(method.clone(), &url)).await;
            assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, place.as_str()), "{method}");
        }
        let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
        let reply = Reply::of(http().post(&url).header("accept", "application/json, text/event-stream").json(&initialize)).await;
        assert_eq!(reply.header("www-authenticate"), place, "also who only wants to begin");
        let basic = Reply::of(list_tools(&server.url).header("authorization", "Basic YTpi")).await;
        assert_eq!((basic.status.as_u16(), basic.header("www-authenticate")), (401, place.as_str()));

        let cut = &connected.access[..connected.access.len() - 1];
        for token in ["nonsense", connected.refresh.as_str(), cut] {
            let reply = Reply::of(list_tools(&server.url).bearer_auth(token)).await;
            assert_eq!(reply.status.as_u16(), 401, "{token}");
            let challenge = reply.header("www-authenticate");
            assert!(challenge.starts_with(&place) && challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
        let good = format!("Bearer {}", connected.access);
        let malformed = [
            list_tools(&server.url).header("authorization", "Bearer"),
            list_tools(&server.url).header("authorization", "Bearer a b"),
            list_tools(&server.url).header("authorization", "Bearer a,b"),
            list_tools(&server.url).header("authorization", &good).header("authorization", &good),
            http().post(format!("{url}?access_token=x")).header("authorization", &good).json(&initialize),
        ];
        for request in malformed {
            let reply = Reply::of(request).await;
            assert_eq!(reply.status.as_u16(), 400, "{}", reply.text);
            let challenge = reply.header("www-authenticate");
            assert!(challenge.starts_with(&place) && challenge.contains("error=\"invalid_request\""), "{challenge}");
        }
    }
}

story! {
    /// Rows OX4, R7: the token comes in the header, with every request; in a query or a body it counts for nothing.
    async fn ox4_r7_tokens_come_in_the_header(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let access = client.connect(&browser, &["AlertRead"]).await.access;
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let reply = Reply::of(list_tools(&server.url).header("authorization", format!("{scheme} {access}"))).await;
            assert_eq!(reply.status.as_u16(), 200, "{scheme}");
        }
        let in_query = http().post(format!("{}/mcp?access_token={access}", server.url)).json(&json!({}));
        let in_body = form(server, "/mcp", &[("access_token", access.as_str())]);
        for request in [in_query, in_body] {
            let reply = Reply::of(request).await;
            assert_eq!(reply.status.as_u16(), 401);
            assert!(!reply.header("www-authenticate").contains("error="), "{:?}", reply.headers);
        }
        // A session is no substitute.
        let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
        let post = || http().post(format!("{}/mcp", server.url)).header("accept", "application/json, text/event-stream");
        let opened = Reply::of(post().bearer_auth(&access).json(&initialize)).await;
        assert_eq!(opened.status.as_u16(), 200, "{}", opened.text);
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} });
        let within = |message: &Value| {
            post()
                .header("mcp-session-id", opened.header("mcp-session-id"))
                .header("mcp-protocol-version", "2025-11-25")
                .json(message)
        };
        let notified = within(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).bearer_auth(&access);
        assert_eq!(Reply::of(notified).await.status.as_u16(), 202);
        assert_eq!(Reply::of(within(&list).bearer_auth(&access)).await.status.as_u16(), 200);
        assert_eq!(Reply::of(within(&list)).await.status.as_u16(), 401);
    }
}

story! {
    /// Row OX5: nothing but an access token opens the endpoint: no API token, no refresh token, no code, no cookie.
    async fn ox5_other_credentials(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        for (name, value) in [
            ("x-api-key", "pat_0123456789abcdef0123456789abcdef".to_owned()),
            ("authorization", "Token pat_0123456789abcdef0123456789abcdef".to_owned()),
            ("authorization", "Bearer pat_0123456789abcdef0123456789abcdef".to_owned()),
            ("authorization", format!("Bearer {code}")),
        ] {
            let reply = Reply::of(list_tools(&server.url).header(name, &value)).await;
            assert_eq!(reply.status.as_u16(), 401, "{name}: {value}");
        }
        let connected = Tokens::read(&post_form(server, TOKEN, &exchange_fields(&client, &code)).await.json());
        assert_eq!(mcp_status(server, &connected.refresh).await, 401);
        assert_eq!(mcp_status(server, &connected.access).await, 200, "the code was not used up");
        // A browser sees a page for people, and a cookie makes nobody of it.
        let answer = browser.get("/mcp").await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.page.text());
        assert!(!answer.page.text().contains(VIEWER), "a signed-in browser is nobody here");
    }
}
