//! Section 2.3: authorization codes.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use margay_domain::{audit::REVOKE_MCP_CONNECTION, clock::Clock as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{TOKEN, VIEWER, assert_refused, endings, events, exchange_fields, mcp_status, part_of, post_form, tokens};
use crate::harness::{Browser, Client, story};

/// A verifier that nobody's challenge was made from.
const WRONG: &str = "another-verifier-of-forty-three-characters-or-more";

story! {
    /// Row OC1: a code is long, random and good for a minute, and of many exchanges at the same moment at most one
    /// succeeds.
    async fn oc1_a_code_is_used_once_and_soon(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let early = client.code(&browser, &["AlertRead"]).await;
        let late = client.code(&browser, &["AlertRead"]).await;
        let random = early.strip_prefix("mgc_").expect("a prefix that secret scanners know");
        assert!(URL_SAFE_NO_PAD.decode(random).expect("Base64").len() >= 20, "160 bits at least");
        assert_ne!(early, late);
        server.advance(Duration::from_secs(59));
        tokens(client.exchange(&early).await);
        server.advance(Duration::from_secs(2));
        assert_refused(client.exchange(&late).await, "invalid_grant");

        let code = client.code(&browser, &["AlertRead"]).await;
        let answers = futures::future::join_all((0..20).map(|_| client.exchange(&code))).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| status.is_success());
        assert!(good.len() <= 1, "{}", good.len());
        for answer in bad {
            assert_refused(answer, "invalid_grant");
        }
        // Row OC3: the others held code and verifier, too, so nothing is left of it.
        assert_refused(client.exchange(&code).await, "invalid_grant");
        for answer in good {
            let tokens = tokens(answer);
            assert_eq!(mcp_status(server, &tokens.access).await, 401);
            assert_refused(client.refresh(&tokens.refresh).await, "invalid_grant");
        }
    }
}

story! {
    /// Row OC2: a code is worth what this person gave to this client for this challenge and resource, and nothing else.
    async fn oc2_a_code_is_bound_to_its_request(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let other = Client::register(server).await;
        // The other client knows the verifier and has the same redirect URI.
        let code = client.code(&browser, &["AlertRead"]).await;
        assert_refused(other.exchange(&code).await, "invalid_grant");
        let code = client.code(&browser, &["AlertRead"]).await;
        assert_refused(client.exchange_with(&code, WRONG).await, "invalid_grant");

        let tokens = client.connect(&browser, &["RuleRead", "AlertRead"]).await;
        assert_eq!(tokens.scope, "AlertRead RuleRead");
        assert_eq!(part_of(&tokens.access, 1)["aud"], format!("{}/mcp", server.url));
        assert_eq!(part_of(&tokens.access, 1)["client_id"], client.id);
        let about = client.call(&tokens.access, "get_permissions", json!({})).await["structuredContent"].clone();
        assert_eq!(about["user_email"], VIEWER);
        let names: Vec<&str> = about["permissions"].as_array().expect("permissions").iter().filter_map(|p| p["name"].as_str()).collect();
        assert_eq!(names, ["AlertRead", "RuleRead"]);
    }
}

story! {
    /// Row OC3: a used code in the hands of somebody with the verifier ends everything that came of it, however late.
    async fn oc3_a_used_code_ends_its_connection_hours_later(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        let first = tokens(client.exchange(&code).await);
        server.advance(Duration::from_hours(3));
        server.parts.store.grants().collect(server.clock.now()).await.expect("collected");
        let second = tokens(client.refresh(&first.refresh).await);
        assert_eq!(mcp_status(server, &second.access).await, 200);

        assert_refused(client.exchange(&code).await, "invalid_grant");
        assert_eq!(mcp_status(server, &second.access).await, 401);
        assert_refused(client.refresh(&second.refresh).await, "invalid_grant");
        assert_eq!(endings(server).await, ["code_reuse"]);
        assert_refused(client.exchange(&code).await, "invalid_grant");
        assert_eq!(endings(server).await, ["code_reuse"], "it ends once");
    }
}

story! {
    /// Row OC4: without the verifier a used code harms nobody, and a fresh one is used up without anything to end.
    async fn oc4_a_wrong_verifier(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let used = client.code(&browser, &["AlertRead"]).await;
        let first = tokens(client.exchange(&used).await);
        assert_refused(client.exchange_with(&used, WRONG).await, "invalid_grant");
        assert_eq!(mcp_status(server, &first.access).await, 200);

        let fresh = client.code(&browser, &["AlertRead"]).await;
        assert_refused(client.exchange_with(&fresh, WRONG).await, "invalid_grant");
        assert_refused(client.exchange(&fresh).await, "invalid_grant");
        assert!(events(server, REVOKE_MCP_CONNECTION).await.is_empty(), "nobody was connected");
        assert_eq!(mcp_status(server, &first.access).await, 200);
        tokens(client.refresh(&first.refresh).await);
    }
}

story! {
    /// Row OC5: no exchange without a well-formed verifier; what is not well formed uses nothing up. The challenge
    /// itself is no verifier, as it would be with the method plain.
    async fn oc5_verifiers(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        let mut without = exchange_fields(&client, &code);
        without.retain(|(name, _)| *name != "code_verifier");
        post_form(server, TOKEN, &without).await.assert_error(400, "invalid_request");
        let malformed = ["x".to_owned(), "x".repeat(42), "x".repeat(129), "x+".repeat(30), "é".repeat(30), String::new()];
        for verifier in &malformed {
            assert_refused(client.exchange_with(&code, verifier).await, "invalid_request");
        }
        tokens(client.exchange(&code).await);

        let code = client.code(&browser, &["AlertRead"]).await;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(client.verifier()));
        assert_refused(client.exchange_with(&code, &challenge).await, "invalid_grant");
    }
}

story! {
    /// Row OC6: the redirect URI of the exchange is that of the request, byte for byte, or left out.
    async fn oc6_the_redirect_uri_of_the_exchange(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let mut client = Client::register_with(server, "http://127.0.0.1/callback").await;
        "http://127.0.0.1:49152/callback".clone_into(&mut client.redirect_uri);
        for wrong in ["http://127.0.0.1/callback", "http://127.0.0.1:49153/callback", "http://127.0.0.1:49152/callback/"] {
            let code = client.code(&browser, &["AlertRead"]).await;
            let mut fields = exchange_fields(&client, &code);
            fields.retain(|(name, _)| *name != "redirect_uri");
            fields.push(("redirect_uri", wrong));
            post_form(server, TOKEN, &fields).await.assert_error(400, "invalid_grant");
        }
        let code = client.code(&browser, &["AlertRead"]).await;
        let mut without = exchange_fields(&client, &code);
        without.retain(|(name, _)| *name != "redirect_uri");
        assert_eq!(post_form(server, TOKEN, &without).await.status.as_u16(), 200);
        let code = client.code(&browser, &["AlertRead"]).await;
        tokens(client.exchange(&code).await);
    }
}
