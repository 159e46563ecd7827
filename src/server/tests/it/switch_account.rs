//! *Not you? Switch account*: an authorization goes on for the other person.

use margay_domain::{
    audit::{AuditQuery, MCP_AUTHORIZATION},
    rules::Permission,
};
use reqwest::StatusCode;

use crate::harness::{Browser, Client, PASSWORD, story};

story! {
    async fn the_flow_goes_on_for_the_other_person(server) {
        server.give_custom_role("viewer@example.com", &[Permission::AlertRead]).await;
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let page = client.consent_page(&browser).await.page;
        assert_eq!(page.inputs("permission"), ["AlertRead"]);
        let (flow, next) = (page.input("flow"), page.input("next"));

        let left = browser.post("/sign-out", &[("csrf", page.input("csrf")), ("next", next.clone())]).await;
        assert_eq!(left.status, StatusCode::SEE_OTHER);
        let sign_in = browser.open(&left.location).await;
        assert_eq!(sign_in.page.heading(), "Sign in", "{}", left.location);
        let fields = [
            ("csrf", sign_in.page.input("csrf")),
            ("next", sign_in.page.input("next")),
            ("email", "analyst@example.com".to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        let arrived = browser.post("/sign-in", &fields).await;
        assert_eq!((arrived.status, arrived.location.clone()), (StatusCode::SEE_OTHER, next));

        let page = browser.open(&arrived.location).await;
        assert_eq!(page.page.heading(), "MCP authorization");
        assert_eq!(page.page.input("flow"), flow, "the same flow");
        assert!(page.page.text().contains("analyst@example.com") && !page.page.text().contains("viewer@example.com"));
        let offered = page.page.inputs("permission");
        assert!(offered.len() > 1 && offered.contains(&"RuleRead".to_owned()), "{offered:?}");

        let answer = client.decide(&browser, &page, "allow", &["RuleRead"]).await;
        let parameters = client.callback(&answer);
        let code = parameters.iter().find(|(name, _)| name == "code").map(|(_, value)| value.clone()).expect("a code");
        let (status, body) = client.exchange(&code).await;
        assert_eq!((status, &body["scope"]), (StatusCode::OK, &"RuleRead".into()), "{body}");
        let query = AuditQuery { action: Some(MCP_AUTHORIZATION.to_owned()), limit: 10, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        let people: Vec<_> = events.iter().map(|event| event.actor.email.as_deref()).collect();
        assert_eq!(people, [Some("analyst@example.com")]);
    }
}

story! {
    /// Signing out leads to no other site, and signs out all the same.
    async fn a_hostile_next_leads_to_the_sign_in_page(server) {
        for next in ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""] {
            let browser = Browser::signed_in(server, "viewer@example.com").await;
            let csrf = browser.get("/connections").await.page.input("csrf");
            let left = browser.post("/sign-out", &[("csrf", csrf), ("next", next.to_owned())]).await;
            assert_eq!((left.status, left.location.as_str()), (StatusCode::SEE_OTHER, "/sign-in"), "{next}");
            assert_eq!(browser.get("/connections").await.status, StatusCode::SEE_OTHER);
        }
    }
}
