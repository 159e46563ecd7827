//! The consent page and the decision.

use std::time::Duration;

use margay_domain::{
    audit::{AuditQuery, MCP_AUTHORIZATION},
    rules::Permission,
};
use reqwest::{StatusCode, header};

use crate::harness::{Browser, Client, PASSWORD, story};

story! {
    /// The story of the product: every permission is pre-selected, one is taken away, the client gets the rest.
    async fn a_person_takes_one_permission_away(server) {
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let offered = page.page.inputs("permission");
        assert!(offered.contains(&"AlertRead".to_owned()) && offered.contains(&"DataAnalyticsRead".to_owned()), "{offered:?}");
        assert!(!offered.contains(&"UserModify".to_owned()), "an analyst does not hold it");
        assert!(page.page.text().contains("Test client") && page.page.text().contains("analyst@example.com"));
        let chosen: Vec<&str> = offered.iter().map(String::as_str).filter(|name| *name != "DataAnalyticsRead").collect();
        let tokens = client.connect(&browser, &chosen).await;
        assert_eq!(tokens.scope.split(' ').collect::<Vec<_>>(), chosen);
        let tools = client.tool_names(&tokens.access).await;
        assert!(tools.contains(&"list_alerts".to_owned()) && !tools.contains(&"query_data_lake".to_owned()), "{tools:?}");
    }
}

story! {
    /// A person who has to sign in first comes to the same flow.
    async fn signing_in_on_the_way(server) {
        let browser = Browser::new(server);
        let client = Client::register(server).await;
        let sign_in = browser.open(&client.authorize_path(&[])).await;
        assert_eq!(sign_in.page.heading(), "Sign in");
        let fields = [
            ("csrf", sign_in.page.input("csrf")),
            ("next", sign_in.page.input("next")),
            ("email", "viewer@example.com".to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        let answer = browser.post("/sign-in", &fields).await;
        assert!(answer.location.starts_with("/oauth/authorize/"), "{}", answer.location);
        let page = browser.open(&answer.location).await;
        assert_eq!(page.page.heading(), "MCP authorization");
        let answer = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert!(client.callback(&answer).iter().any(|(name, _)| name == "code"));
    }
}

story! {
    /// Promise 2 and row OP5: a selection that exceeds the current role is refused whole.
    async fn nobody_grants_more_than_they_hold(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        for extra in ["UserModify", "Nonsense", "GeneralSettingsRead"] {
            let page = client.consent_page(&browser).await;
            let answer = client.decide(&browser, &page, "allow", &["AlertRead", extra]).await;
            assert!(answer.status.is_client_error(), "{extra}: {}", answer.status);
            assert!(!answer.headers.contains_key(header::LOCATION));
        }
    }
}

story! {
    /// The role is read again when the decision is posted.
    async fn a_role_cut_between_page_and_decision_counts(server) {
        let browser = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        server.give_custom_role("analyst@example.com", &[Permission::AlertRead]).await;
        let answer = client.decide(&browser, &page, "allow", &["AlertRead", "RuleRead"]).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
    }
}

story! {
    async fn a_person_denies(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let answer = client.decide(&browser, &page, "deny", &[]).await;
        let parameters = client.callback(&answer);
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        assert!(parameters.contains(&("error".to_owned(), "access_denied".to_owned())));
        assert!(names.contains(&"state") && names.contains(&"iss") && !names.contains(&"code"), "{names:?}");
    }
}

story! {
    /// Row A12: one decision a flow.
    async fn a_flow_is_decided_once(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        assert_eq!(client.decide(&browser, &page, "deny", &[]).await.status, StatusCode::SEE_OTHER);
        let again = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert!(again.status.is_client_error(), "{}", again.status);
        assert!(!again.headers.contains_key(header::LOCATION));
    }
}

story! {
    /// Row OP3: a flow belongs to the browser in which it began, and ends after ten minutes.
    async fn flows_are_bound_and_end(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let path = format!("/oauth/authorize/{}", page.page.input("flow"));
        let other = Browser::signed_in(server, "analyst@example.com").await;
        let foreign = other.get(&path).await;
        assert!(foreign.status.is_client_error(), "{}", foreign.status);
        server.advance(Duration::from_secs(601));
        let late = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert!(late.status.is_client_error() && !late.headers.contains_key(header::LOCATION), "{}", late.status);
    }
}

story! {
    /// Rows OP1, OP8: the page cannot be framed or cached, and its policy lets the redirect after the form pass.
    async fn headers_of_the_page(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let csp = page.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(csp.contains("frame-ancestors 'none'") && csp.contains("default-src 'none'"), "{csp}");
        assert!(!csp.contains("form-action") && !csp.contains("unsafe-inline"), "{csp}");
        assert_eq!(page.headers[header::X_FRAME_OPTIONS], "DENY");
        assert!(page.headers[header::CACHE_CONTROL].to_str().expect("ASCII").contains("no-store"));
        assert_eq!(page.headers[header::REFERRER_POLICY], "no-referrer");
        assert!(!page.page.0.contains(" style=\""), "no inline style");
        let settings = Browser::signed_in(server, "admin@example.com").await.get("/connections").await;
        assert!(settings.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").contains("form-action 'self'"));
    }
}

story! {
    /// Nothing selected is not an approval.
    async fn an_empty_approval_is_refused(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let answer = client.decide(&browser, &page, "allow", &[]).await;
        assert!(answer.status.is_client_error() && !answer.headers.contains_key(header::LOCATION), "{}", answer.status);
    }
}

story! {
    /// Row A12 for people who click twice: the same decision gets the same way back, however often and at once it comes
    /// and whichever node it comes to; there is one connection, one code and one event.
    async fn an_equal_second_decision_gets_the_same_way_back(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let node = server.another_node().await;
        let page = client.consent_page(&browser).await;
        let here = "/oauth/authorize/decision".to_owned();
        let there = format!("{}{here}", node.url);
        let orders = [["AlertRead", "RuleRead"], ["RuleRead", "AlertRead"]];
        let decisions = (0..24).map(|number| {
            let mut fields = vec![
                ("flow", page.page.input("flow")),
                ("csrf", page.page.input("csrf")),
                ("decision", "allow".to_owned()),
            ];
            fields.extend(orders[number % 2].map(|name| ("permission", name.to_owned())));
            let (browser, path) = (&browser, if number % 3 == 0 { &there } else { &here });
            async move { browser.post(path, &fields).await }
        });
        let answers = futures::future::join_all(decisions).await;
        let first = &answers[0];
        for answer in &answers {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
            assert_eq!(answer.location, first.location);
        }
        server.advance(Duration::from_secs(59));
        let late = client.decide(&browser, &page, "allow", &["AlertRead", "RuleRead"]).await;
        assert_eq!(late.location, first.location);
        let (status, body) = client.exchange(&client.parameter(first, "code").expect("a code")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(server.parts.store.grants().list_all().await.expect("grants").len(), 1);
        let query = AuditQuery { action: Some(MCP_AUTHORIZATION.to_owned()), limit: 100, ..AuditQuery::default() };
        assert_eq!(server.parts.store.audit_log().search(&query).await.expect("events").len(), 1);
    }
}

story! {
    /// A different second answer, or one that is too late, hears what the first one was; so does a look at the page.
    async fn a_different_second_decision_is_refused(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await;
        let first = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        let told = |answer: &crate::harness::Answer, what: &str| {
            assert_eq!(answer.status, StatusCode::GONE, "{}", answer.page.text());
            assert!(!answer.headers.contains_key(header::LOCATION));
            let text = answer.page.text();
            assert!(text.contains(what) && text.contains("Go back to Test client"), "{text}");
        };
        let path = format!("/oauth/authorize/{}", page.page.input("flow"));
        told(&client.decide(&browser, &page, "allow", &["AlertRead", "RuleRead"]).await, "You allowed this at");
        told(&client.decide(&browser, &page, "deny", &[]).await, "with 1 permission.");
        told(&browser.get(&path).await, "You allowed this at");
        // Another person in the same browser is told nothing about it.
        let csrf = browser.get("/connections").await.page.input("csrf");
        browser.post("/sign-out", &[("csrf", csrf)]).await;
        browser.sign_in("analyst@example.com", PASSWORD).await;
        let other = browser.get(&path).await;
        assert_eq!(other.status, StatusCode::GONE);
        assert!(!other.page.text().contains("allowed"), "{}", other.page.text());
        let csrf = browser.get("/connections").await.page.input("csrf");
        let fields = [("flow", page.page.input("flow")), ("csrf", csrf), ("decision", "allow".to_owned()), ("permission", "AlertRead".to_owned())];
        let other = browser.post("/oauth/authorize/decision", &fields).await;
        assert_eq!(other.status, StatusCode::GONE, "{}", other.page.text());
        // The code of the first answer is still good.
        assert_eq!(client.exchange(&client.parameter(&first, "code").expect("a code")).await.0, StatusCode::OK);

        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let page = client.consent_page(&browser).await;
        let denied = client.decide(&browser, &page, "deny", &[]).await;
        assert_eq!(client.decide(&browser, &page, "deny", &[]).await.location, denied.location);
        told(&client.decide(&browser, &page, "allow", &["AlertRead"]).await, "You did not allow this at");
        server.advance(Duration::from_mins(1));
        told(&client.decide(&browser, &page, "deny", &[]).await, "You did not allow this at");
    }
}
