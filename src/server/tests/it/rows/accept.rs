//! Section 2.1: what the authorization endpoint accepts.

use margay_domain::audit::{ActionResult, MCP_AUTHORIZATION, MCP_REDIRECT_BLOCKED};
use reqwest::{Method, StatusCode};

use super::{ADMIN, CONSENT, DECISION, NOT_ALLOWED, Reply, VIEWER, allow, events, http, part_of, tokens};
use crate::harness::{Browser, Client, PASSWORD, story};

story! {
    /// Row OA1: order and unknown parameters do not matter, and an empty value is none at all.
    async fn oa1_order_unknown_and_empty_parameters(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let path = client.authorize_path(&[("state", "")]);
        let (endpoint, query) = path.split_once('?').expect("a query");
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.reverse();
        let known = pairs.join("&");
        let path = format!("{endpoint}?nonsense=1&{known}&scope=&resource=&state=&request=&iss=https%3A%2F%2Fevil.example");
        let page = browser.open(&path).await;
        page.assert_page(CONSENT);
        let answer = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        let mut names: Vec<String> = client.callback(&answer).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["code", "iss"], "an empty state is none");
        let code = client.parameter(&answer, "code").expect("a code");
        tokens(client.exchange(&code).await);
    }
}

story! {
    /// Rows OA2, OA4, OA8, A3: every parameter of a good request is taken, the state comes back as it was, the server
    /// names itself on success and on errors, and the redirect URI keeps its query.
    async fn oa2_oa4_oa8_a3_state_and_issuer_come_back(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register_with(server, "http://127.0.0.1:33418/callback?tenant=a%20b").await;
        let state = "a b+c%2F/?&=#;'\"<ü>";
        let resource = format!("{}/mcp", server.url);
        let path = client.authorize_path(&[
            ("state", state),
            ("scope", "AlertRead RuleRead"),
            ("resource", &resource),
            ("prompt", "consent"),
            ("response_mode", "query"),
        ]);
        for decision in ["deny", "allow"] {
            let page = browser.open(&path).await;
            page.assert_page(CONSENT);
            let answer = client.decide(&browser, &page, decision, &["AlertRead"]).await;
            assert_eq!(client.parameter(&answer, "state").as_deref(), Some(state), "{decision}");
            assert_eq!(client.parameter(&answer, "iss").as_deref(), Some(server.url.as_str()), "{decision}");
            let appended = answer.location.strip_prefix(client.redirect_uri.as_str()).expect("the redirect URI as it was");
            let is_encoded = appended.bytes().all(|b| b.is_ascii_alphanumeric() || b"&=%+-._*".contains(&b));
            assert!(appended.starts_with('&') && is_encoded, "{appended}");
            if decision == "deny" {
                assert_eq!(client.error(&answer), "access_denied");
                continue;
            }
            let code = client.parameter(&answer, "code").expect("a code");
            let access = tokens(client.exchange(&code).await).access;
            assert_eq!(part_of(&access, 1)["aud"], resource);
        }
    }
}

story! {
    /// Row OA3: redirect URIs are compared as text; only the port of a loopback address may differ.
    async fn oa3_redirect_uris_are_compared_as_text(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["claude.ai"], &[]).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        let table: [(&str, &[&str]); 2] = [
            (
                "https://claude.ai/api/mcp/auth_callback",
                &[
                    "https://claude.ai/api/mcp/auth_callback/",
                    "https://claude.ai/api/mcp/auth_callback?a=b",
                    "https://claude.ai:443/api/mcp/auth_callback",
                    "https://claude.ai:8443/api/mcp/auth_callback",
                    "https://CLAUDE.ai/api/mcp/auth_callback",
                    "https://claude.ai/api/mcp/../mcp/auth_callback",
                    "https://claude.ai/api/mcp",
                    "https://ana@claude.ai/api/mcp/auth_callback",
                ],
            ),
            (
                "http://127.0.0.1/callback?a=b",
                &[
                    "http://127.0.0.1:1234/callback",
                    "http://127.0.0.1:1234/callback?a=b&c=d",
                    "http://127.0.0.1:1234/other?a=b",
                    "http://127.0.0.1:70000/callback?a=b",
                    "http://127.0.0.1:x/callback?a=b",
                    "http://ana@127.0.0.1/callback?a=b",
                    "http://localhost/callback?a=b",
                    "http://[::1]/callback?a=b",
                    "http://127.0.0.2/callback?a=b",
                    "https://127.0.0.1/callback?a=b",
                ],
            ),
        ];
        for (registered, others) in table {
            let client = Client::register_with(server, registered).await;
            client.consent_page(&browser).await;
            for other in others {
                browser.get(&client.authorize_path(&[("redirect_uri", other)])).await.assert_refused(400);
            }
        }
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let mut client = Client::register_with(server, &format!("http://{host}/callback?a=b")).await;
            client.redirect_uri = format!("http://{host}:49152/callback?a=b");
            let code = client.code(&browser, &["AlertRead"]).await;
            tokens(client.exchange(&code).await);
        }
    }
}

story! {
    /// Row OA5: whoever consented before is asked again, since another program can pose as the client.
    async fn oa5_consent_is_asked_for_every_time(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["claude.ai"], &[]).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        for uri in ["http://127.0.0.1:33418/callback", "https://claude.ai/api/mcp/auth_callback"] {
            let client = Client::register_with(server, uri).await;
            client.connect(&browser, &["AlertRead"]).await;
            browser.open(&client.authorize_path(&[("scope", "AlertRead")])).await.assert_page(CONSENT);
            let silent = browser.open(&client.authorize_path(&[("prompt", "none")])).await;
            assert_eq!(client.error(&silent), "consent_required", "{uri}");
        }
    }
}

story! {
    /// Row OA6: whatever the client is to be told, nobody is sent there before somebody has signed in.
    async fn oa6_nobody_is_redirected_before_signing_in(server) {
        let client = Client::register(server).await;
        for (change, error) in [
            (("scope", "a\"b"), "invalid_scope"),
            (("prompt", "none"), "consent_required"),
            (("code_challenge", ""), "invalid_request"),
            (("response_type", "token"), "unsupported_response_type"),
            (("resource", "https://other.example/mcp"), "invalid_target"),
        ] {
            let told = Browser::new(server).open_and_sign_in(&client.authorize_path(&[change]), VIEWER).await;
            assert_eq!(client.error(&told), error, "{change:?}");
            assert_eq!(client.parameter(&told, "state").as_deref(), Some("the state & more"), "{change:?}");
        }
        // A denial is a redirect as well: somebody who has signed out meanwhile causes none.
        let browser = Browser::signed_in(server, VIEWER).await;
        let page = client.consent_page(&browser).await;
        browser.post("/sign-out", &[("csrf", page.page.input("csrf"))]).await;
        client.decide(&browser, &page, "deny", &[]).await.assert_refused(403);
        assert!(events(server, MCP_AUTHORIZATION).await.is_empty(), "nothing was decided");
    }
}

story! {
    /// Row OA6: a long request is not lost on the way through the sign-in page, whether it is good or not.
    async fn oa6_long_requests_survive_the_sign_in(server) {
        let client = Client::register(server).await;
        let (state, padding) = ("s".repeat(2000), "x".repeat(5500));
        let bad = client.authorize_path(&[("state", &state), ("unknown", &padding), ("scope", "a\"b")]);
        assert!((7500..8192).contains(&bad.len()), "{}", bad.len());
        let told = Browser::new(server).open_and_sign_in(&bad, VIEWER).await;
        assert_eq!(client.error(&told), "invalid_scope");
        assert_eq!(client.parameter(&told, "state"), Some(state.clone()));

        let good = client.authorize_path(&[("state", &state), ("unknown", &padding)]);
        let browser = Browser::new(server);
        let page = browser.open_and_sign_in(&good, VIEWER).await;
        page.assert_page(CONSENT);
        let answer = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert_eq!(client.parameter(&answer, "state"), Some(state));

        let endless = client.authorize_path(&[("unknown", &"x".repeat(9000))]);
        Browser::new(server).get(&endless).await.assert_refused(400);
    }
}

story! {
    /// Rows OA7, A7, A9: only loopback is allowed from the start; everything else ends on a page, after sign-in, until
    /// an admin lists it. That goes for errors, approvals and denials alike, and uses nothing up.
    async fn oa7_a7_a9_only_listed_redirects(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        let web = Client::register_with(server, "https://claude.ai/api/mcp/auth_callback").await;
        let app = Client::register_with(server, "cursor://anysphere.cursor-mcp/oauth/callback").await;
        for (client, named) in [(&web, "claude.ai"), (&app, "cursor")] {
            for change in [("scope", "AlertRead"), ("scope", "a\"b")] {
                let refused = Browser::new(server).open_and_sign_in(&client.authorize_path(&[change]), VIEWER).await;
                refused.assert_refused(400);
                assert_eq!(refused.page.heading(), NOT_ALLOWED, "{named} {change:?}");
                assert!(refused.page.text().contains(named), "{}", refused.page.text());
            }
        }
        let blocked = events(server, MCP_REDIRECT_BLOCKED).await;
        assert!(blocked.len() >= 4, "{blocked:?}");
        for event in &blocked {
            assert_eq!((event.action_result, event.actor.email.as_deref()), (ActionResult::Failed, Some(VIEWER)));
        }

        let browser = Browser::signed_in(server, VIEWER).await;
        Client::register(server).await.consent_page(&browser).await;
        allow(&admin, &["claude.ai"], &["cursor"]).await;
        app.consent_page(&browser).await;
        let page = web.consent_page(&browser).await;
        allow(&admin, &[], &[]).await;
        for decision in ["allow", "deny"] {
            let late = web.decide(&browser, &page, decision, &["AlertRead"]).await;
            late.assert_refused(400);
            assert_eq!(late.page.heading(), NOT_ALLOWED, "{decision}");
        }
        assert!(events(server, MCP_AUTHORIZATION).await.is_empty(), "nothing was decided");
        allow(&admin, &["claude.ai"], &[]).await;
        let answer = web.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert!(web.parameter(&answer, "code").is_some(), "{}", answer.location);
    }
}

story! {
    /// Row OA9: scripts of other sites can read nothing that is meant for people.
    async fn oa9_no_cors_for_people(server) {
        let client = Client::register(server).await;
        let good = client.authorize_path(&[]);
        let bad = client.authorize_path(&[("client_id", "mcp_unknown")]);
        for path in [good.as_str(), bad.as_str(), DECISION] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let request = http()
                    .request(method.clone(), format!("{}{path}", server.url))
                    .header("origin", "https://client.example")
                    .header("access-control-request-method", "GET");
                let reply = Reply::of(request).await;
                for field in ["access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods"] {
                    assert_eq!(reply.header(field), "", "{method} {path}: {field}");
                }
            }
        }
    }
}

story! {
    /// Row OA10: after a form with a password or a decision comes a 303, so that no browser posts it on; a wrong password
    /// leads nowhere.
    async fn oa10_forms_are_answered_with_303(server) {
        let browser = Browser::new(server);
        assert_eq!(browser.sign_in(VIEWER, "a wrong password").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(browser.sign_in(VIEWER, PASSWORD).await.status, StatusCode::SEE_OTHER);
        let client = Client::register(server).await;
        for decision in ["deny", "allow"] {
            let page = client.consent_page(&browser).await;
            let answer = client.decide(&browser, &page, decision, &["AlertRead"]).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{decision}");
            assert!(answer.location.starts_with(&client.redirect_uri), "{decision}");
        }
    }
}

story! {
    /// Rows OA11, OA12: prompts and scopes of OpenID Connect do no harm; what is in effect stands in the answer.
    async fn oa11_oa12_prompts_and_unknown_scopes(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        for prompt in ["consent", "login", "login consent", "select_account", "something-else"] {
            browser.open(&client.authorize_path(&[("prompt", prompt)])).await.assert_page(CONSENT);
        }
        let scope = "openid profile email offline_access AlertRead UserModify alertread https://example.com/x";
        let page = browser.open(&client.authorize_path(&[("prompt", "consent"), ("scope", scope)])).await;
        page.assert_page(CONSENT);
        let answer = client.decide(&browser, &page, "allow", &["AlertRead", "RuleRead"]).await;
        let code = client.parameter(&answer, "code").expect("a code");
        let tokens = tokens(client.exchange(&code).await);
        assert_eq!(tokens.scope, "AlertRead RuleRead", "what was consented to, neither more nor less");
        assert!(!tokens.refresh.is_empty());
    }
}
