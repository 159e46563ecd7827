//! Section 2.9: the pages of the flow, their cookies and forms.

use std::{collections::BTreeSet, time::Duration};

use margay_domain::{
    audit::{MCP_AUTHORIZATION, REVOKE_MCP_CONNECTION},
    role::BuiltInRole,
    rules::{Permission, PermissionSet},
};
use reqwest::StatusCode;
use serde_json::json;

use super::{
    ADMIN, ANALYST, CONSENT, DECISION, Reply, VIEWER, allow, assert_refused, configured_story, events, http, mcp_status,
};
use crate::harness::{Browser, Client, PASSWORD, story};

/// A cookie as a browser sends it back.
fn pair(cookie: &str) -> &str {
    cookie.split(';').next().unwrap_or_default()
}

story! {
    /// Row OP1: no page of the flow can be framed or run scripts of others, and the consent page lets the redirect after
    /// its form pass.
    async fn op1_headers_of_the_pages(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &[], &["cursor"]).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let app = Client::register_with(server, "cursor://anysphere.cursor-mcp/oauth/callback").await;
        let page = app.consent_page(&browser).await;
        let handed_over = app.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert!(handed_over.page.0.contains("cursor://anysphere.cursor-mcp/oauth/callback?"), "{}", handed_over.page.0);
        let sign_in = Browser::new(server).open(&client.authorize_path(&[])).await;
        let unknown = browser.get(&client.authorize_path(&[("client_id", "mcp_unknown")])).await;
        let no_flow = browser.get("/oauth/authorize/flw_unknown").await;
        let no_form = browser.post(DECISION, &[]).await;
        for answer in [&page, &handed_over, &sign_in, &unknown, &no_flow, &no_form] {
            let policy = answer.header("content-security-policy");
            for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
                assert!(policy.contains(directive), "{}: {policy}", answer.location);
            }
            assert!(!policy.contains("unsafe-inline") && !policy.contains('*'), "{}: {policy}", answer.location);
            assert_eq!(answer.header("x-frame-options"), "DENY", "{}", answer.location);
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", answer.location);
        }
        assert!(!page.header("content-security-policy").contains("form-action"));
        // Behind the sign-in page may be a request with an error, which the client is told by a redirect.
        assert!(!sign_in.header("content-security-policy").contains("form-action"), "{}", sign_in.location);
        let plain = Browser::new(server).get("/sign-in").await;
        assert!(plain.header("content-security-policy").contains("form-action 'self'"));
    }
}

story! {
    /// Row OP2: cookies are closed to scripts and to forms of other sites; in clear on loopback without the prefix, which
    /// browsers would not take there.
    async fn op2_cookies_on_loopback(server) {
        let browser = Browser::new(server);
        let mut cookies = browser.get("/sign-in").await.cookies();
        cookies.extend(browser.sign_in(VIEWER, PASSWORD).await.cookies());
        assert!(cookies.len() >= 2, "{cookies:?}");
        for cookie in cookies {
            for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert!(!cookie.contains("__Host-") && !cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
        }
    }
}

configured_story! {
    /// Row OP2: behind https every cookie has the prefix that ties it to this host, also when it is taken away.
    async fn op2_cookies_behind_https(server) with |config| {
        "https://margay.example.com".clone_into(&mut config.server.console_url);
    }, {
        let browser = Browser::new(server);
        let mut cookies = browser.get("/sign-in").await.cookies();
        let signed_in = browser.sign_in(VIEWER, PASSWORD).await;
        assert_eq!(signed_in.location, "/connections");
        cookies.extend(signed_in.cookies());
        let csrf = browser.get("/connections").await.page.input("csrf");
        cookies.extend(browser.post("/sign-out", &[("csrf", csrf)]).await.cookies());
        assert!(cookies.len() >= 3, "{cookies:?}");
        for cookie in cookies {
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert!(!cookie.contains("Domain"), "{cookie}");
        }
    }
}

story! {
    /// Rows OP3, A12: a decision comes from the page in the browser in which the flow began, once and within
    /// ten minutes; what is refused before that decides nothing.
    async fn op3_a12_decisions_are_bound_to_their_browser(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let (flow, csrf) = (page.page.input("flow"), page.page.input("csrf"));
        let fields = |csrf: &str| {
            vec![
                ("flow", flow.clone()),
                ("csrf", csrf.to_owned()),
                ("decision", "allow".to_owned()),
                ("permission", "AlertRead".to_owned()),
            ]
        };
        // The same person in another browser.
        let other = Browser::signed_in(server, VIEWER).await;
        let foreign = other.get("/connections").await.page.input("csrf");
        for forged in ["", "forged", foreign.as_str()] {
            browser.post(DECISION, &fields(forged)).await.assert_refused(403);
        }
        let body = format!("flow={flow}&csrf={csrf}&decision=allow&permission=AlertRead");
        browser.post_from("https://evil.example", DECISION, &body).await.assert_refused(403);
        other.get(&format!("/oauth/authorize/{flow}")).await.assert_refused(400);
        other.post(DECISION, &fields(&foreign)).await.assert_refused(400);
        assert!(events(server, MCP_AUTHORIZATION).await.is_empty(), "nothing was decided");

        let answer = browser.post(DECISION, &fields(&csrf)).await;
        assert!(client.parameter(&answer, "code").is_some(), "{}", answer.location);
        assert_eq!(browser.post(DECISION, &fields(&csrf)).await.location, answer.location, "a second click");
        server.advance(Duration::from_mins(1));
        browser.post(DECISION, &fields(&csrf)).await.assert_refused(410);
        browser.get(&format!("/oauth/authorize/{flow}")).await.assert_refused(410);
        assert_eq!(events(server, MCP_AUTHORIZATION).await.len(), 1);

        let page = client.consent_page(&browser).await;
        let path = format!("/oauth/authorize/{}", page.page.input("flow"));
        server.advance(Duration::from_secs(599));
        browser.get(&path).await.assert_page(CONSENT);
        server.advance(Duration::from_secs(1));
        browser.get(&path).await.assert_refused(410);
        client.decide(&browser, &page, "allow", &["AlertRead"]).await.assert_refused(410);
        client.decide(&browser, &page, "deny", &[]).await.assert_refused(410);
        assert_eq!(events(server, MCP_AUTHORIZATION).await.len(), 1, "nothing more was decided");
    }
}

story! {
    /// Rows OP4, A6: the page says who asks, that nobody vouches for the name, where access is sent, every permission, in
    /// whose name, and how to make it somebody else's.
    async fn op4_a6_what_the_page_says(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["claude.ai"], &[]).await;
        let browser = Browser::signed_in(server, ANALYST).await;
        for (uri, host) in [("https://claude.ai:8443/cb", "claude.ai"), ("http://127.0.0.1:33418/callback", "127.0.0.1")] {
            let metadata = json!({ "client_name": "Name of the client", "redirect_uris": [uri] });
            let client = Client::register_as(server, metadata).await;
            let page = client.consent_page(&browser).await.page;
            let text = page.text();
            for part in ["Name of the client", client.id.as_str(), host, uri, ANALYST, "Switch account"] {
                assert!(text.contains(part), "{uri}: {part}: {text}");
            }
            assert!(text.contains("Name not verified"), "{text}");
            assert_eq!(text.contains("on this computer"), host == "127.0.0.1", "{text}");
            let offered = page.inputs("permission");
            assert!(!offered.is_empty());
            for name in offered {
                let permission = Permission::from_api_name(&name).expect("a permission");
                assert!(text.contains(permission.title()) && text.contains(permission.sentence()), "{name}");
            }
        }
    }
}

story! {
    /// Row OP5: all of the role is selected at first, some may be taken away, and a selection beyond the role as it is
    /// when it arrives is refused whole, so that the person can choose again.
    async fn op5_selections_and_the_role(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let offered: BTreeSet<String> = page.page.inputs("permission").into_iter().collect();
        let held = BuiltInRole::AnalystReadOnly.permissions().intersection(PermissionSet::grantable());
        let held: BTreeSet<String> = held.api_names().into_iter().map(str::to_owned).collect();
        assert_eq!(offered, held);

        for extra in ["UserModify", "AlertModify", "GeneralSettingsRead", "Nonsense", "alertread", ""] {
            client.decide(&browser, &page, "allow", &["AlertRead", extra]).await.assert_refused(403);
        }
        client.decide(&browser, &page, "allow", &[]).await.assert_refused(400);
        client.decide(&browser, &page, "perhaps", &["AlertRead"]).await.assert_refused(400);
        server.give_custom_role(VIEWER, &[Permission::AlertRead, Permission::RuleRead]).await;
        client.decide(&browser, &page, "allow", &["AlertRead", "LookupRead"]).await.assert_refused(403);
        assert!(events(server, MCP_AUTHORIZATION).await.is_empty(), "no code was issued");

        let answer = client.decide(&browser, &page, "allow", &["RuleRead"]).await;
        let code = client.parameter(&answer, "code").expect("a code");
        let (_, body) = client.exchange(&code).await;
        assert_eq!(body["scope"], "RuleRead", "{body}");
    }
}

story! {
    /// Rows OP6, A13: a person sees their connections and ends one of them, at once and without touching another; the
    /// events of its beginning and its end belong together.
    async fn op6_a13_a_person_ends_one_connection(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        let begun = events(server, MCP_AUTHORIZATION).await;
        let [begun] = begun.as_slice() else { panic!("one event: {begun:?}") };
        assert_eq!(begun.action_params["permissions"], json!(["AlertRead"]));
        assert_eq!((&begun.action_params["decision"], begun.actor.email.as_deref()), (&json!("allow"), Some(VIEWER)));
        assert!(begun.action_details["flowId"].as_str().expect("a flow").starts_with("flw_"));
        let grant = begun.action_details["grantId"].as_str().expect("a grant");
        // Another client: connecting the same one again would replace the first connection.
        let second = Client::register(server).await.connect(&browser, &["RuleRead"]).await;

        let path = format!("/connections/{grant}");
        assert!(browser.get("/connections").await.page.0.contains(&path), "it is listed");
        let csrf = browser.get(&path).await.page.input("csrf");
        let stranger = Browser::signed_in(server, ANALYST).await;
        stranger.get(&path).await.assert_refused(404);
        let own = stranger.get("/connections").await.page.input("csrf");
        stranger.post(&format!("{path}/revoke"), &[("csrf", own)]).await.assert_refused(404);
        assert_eq!(mcp_status(server, &first.access).await, 200);

        let answer = browser.post(&format!("{path}/revoke"), &[("csrf", csrf)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
        assert_eq!(mcp_status(server, &first.access).await, 401);
        assert_refused(client.refresh(&first.refresh).await, "invalid_grant");
        assert_eq!(mcp_status(server, &second.access).await, 200);
        let ended = events(server, REVOKE_MCP_CONNECTION).await;
        let [ended] = ended.as_slice() else { panic!("one event: {ended:?}") };
        assert_eq!((&ended.action_params["grantId"], ended.actor.email.as_deref()), (&json!(grant), Some(VIEWER)));
    }
}

story! {
    /// Row OP7: guessing is slowed down in the same way whether or not the account exists, for the right password, too.
    async fn op7_guesses(server) {
        let mut courses = Vec::new();
        for email in [VIEWER, "nobody@example.com"] {
            let browser = Browser::new(server);
            let mut course = Vec::new();
            for _ in 0..6 {
                course.push(browser.sign_in(email, "a wrong password").await.status.as_u16());
            }
            course.push(browser.sign_in(email, PASSWORD).await.status.as_u16());
            courses.push(course);
        }
        assert_eq!(courses[0], courses[1]);
        assert_eq!((courses[0][0], courses[0][6]), (422, 429), "{:?}", courses[0]);
        Browser::signed_in(server, ANALYST).await;
        server.advance(Duration::from_mins(16));
        Browser::signed_in(server, VIEWER).await;
    }
}

configured_story! {
    /// Row OP7: one address begins so many authorizations in an hour and no more; each good one is stored.
    async fn op7_beginning_authorizations(server) with |config| config.oauth.flows_per_hour = 3, {
        let client = Client::register(server).await;
        let path = client.authorize_path(&[]);
        for _ in 0..3 {
            assert_eq!(Browser::new(server).get(&path).await.status, StatusCode::SEE_OTHER);
        }
        for _ in 0..2 {
            Browser::new(server).get(&path).await.assert_refused(429);
        }
        server.advance(Duration::from_mins(20));
        assert_eq!(Browser::new(server).get(&path).await.status, StatusCode::SEE_OTHER);
        Browser::new(server).get(&path).await.assert_refused(429);
    }
}

story! {
    /// Row OP8: no cache keeps a page of the flow; a session begins with the sign-in, under an id of its own, and is
    /// worth nothing after the sign-out.
    async fn op8_caches_and_sessions(server) {
        let browser = Browser::new(server);
        let client = Client::register(server).await;
        let begun = browser.get(&client.authorize_path(&[])).await;
        let sign_in = browser.open(&begun.location).await;
        sign_in.assert_page("Sign in");
        let before = [begun.cookies(), sign_in.cookies()].concat();
        assert!(!before.is_empty() && !before.iter().any(|cookie| cookie.contains("session")), "{before:?}");
        let signed_in = browser.sign_in(VIEWER, PASSWORD).await;
        let page = client.consent_page(&browser).await;
        let unknown = browser.get(&client.authorize_path(&[("client_id", "mcp_unknown")])).await;
        let decided = client.decide(&browser, &page, "deny", &[]).await;
        for answer in [&begun, &sign_in, &signed_in, &page, &unknown, &decided] {
            assert!(answer.header("cache-control").contains("no-store"), "{}: {:?}", answer.location, answer.headers);
        }

        let first = signed_in.cookies().into_iter().find(|cookie| cookie.contains("session")).expect("a session");
        let csrf = browser.get("/connections").await.page.input("csrf");
        browser.post("/sign-out", &[("csrf", csrf)]).await;
        let again = browser.sign_in(VIEWER, PASSWORD).await;
        let second = again.cookies().into_iter().find(|cookie| cookie.contains("session")).expect("a session");
        assert_ne!(pair(&first), pair(&second));
        for (cookie, status) in [(&first, 303), (&second, 200)] {
            let request = http().get(format!("{}/connections", server.url)).header("cookie", pair(cookie));
            assert_eq!(Reply::of(request).await.status.as_u16(), status, "{cookie}");
        }
    }
}
