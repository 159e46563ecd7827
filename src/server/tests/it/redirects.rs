//! Where a code may be sent.

use reqwest::{StatusCode, header};

use crate::harness::{Browser, Client, TestServer, story};

async fn allow(server: &TestServer, domains: &[&str], schemes: &[&str]) {
    let admin = Browser::signed_in(server, "admin@example.com").await;
    let page = admin.get("/settings/ai-automation/remote-mcp").await.page;
    let mut fields = vec![("csrf", page.input("csrf")), ("revision", page.input("revision"))];
    fields.extend(domains.iter().map(|domain| ("domain", (*domain).to_owned())));
    fields.extend(schemes.iter().map(|scheme| ("scheme", (*scheme).to_owned())));
    let answer = admin.post("/settings/ai-automation/remote-mcp", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
}

story! {
    /// Row OA7: refused with a page after sign-in, no redirect; allowed as soon as an admin lists it.
    async fn the_allowlist_is_live(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register_with(server, "https://claude.ai/api/mcp/auth_callback").await;
        let refused = browser.open(&client.authorize_path(&[])).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.page.heading(), "Redirect URI is not allowed");
        assert!(refused.page.text().contains("claude.ai"));
        assert!(!refused.headers.contains_key(header::LOCATION));
        allow(server, &["claude.ai"], &[]).await;
        let page = client.consent_page(&browser).await;
        // Taken off again while the page is open: the decision is refused too.
        allow(server, &[], &[]).await;
        let late = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert_eq!(late.status, StatusCode::BAD_REQUEST);
        assert!(!late.headers.contains_key(header::LOCATION));
        allow(server, &["*.ai"], &[]).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        assert_eq!(client.exchange(&code).await.0, StatusCode::OK);
    }
}

story! {
    /// A custom scheme hands over from a page that says the tab may be closed.
    async fn custom_schemes(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register_with(server, "cursor://anysphere.cursor-mcp/oauth/callback").await;
        assert_eq!(browser.open(&client.authorize_path(&[])).await.status, StatusCode::BAD_REQUEST);
        allow(server, &[], &["cursor"]).await;
        let page = client.consent_page(&browser).await;
        let answer = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert_eq!(answer.status, StatusCode::OK);
        let link = answer.page.tags("a").into_iter().filter_map(|tag| tag.attribute("href")).find(|h| h.starts_with("cursor://"));
        assert!(link.expect("a link to go on").contains("code="));
    }
}

story! {
    /// Row OA3: loopback matches on any port, on the same host and path only.
    async fn loopback_ports(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        for registered in ["http://127.0.0.1/callback", "http://localhost:1234/callback", "http://[::1]:9/callback"] {
            let mut client = Client::register_with(server, registered).await;
            let mut url = url::Url::parse(registered).expect("a URI");
            url.set_port(Some(49152)).expect("a port");
            client.redirect_uri = url.to_string();
            assert!(!client.code(&browser, &["AlertRead"]).await.is_empty());
        }
        let client = Client::register_with(server, "http://127.0.0.1/callback").await;
        for other in ["http://localhost/callback", "http://127.0.0.1/other", "http://127.0.0.1.nip.io/callback", "https://127.0.0.1/callback"] {
            let answer = browser.open(&client.authorize_path(&[("redirect_uri", other)])).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{other}");
        }
    }
}

story! {
    /// Row OR1: an unknown client or an unregistered redirect is a page with status 400, signed in or not.
    async fn error_pages(server) {
        let client = Client::register(server).await;
        for browser in [Browser::new(server), Browser::signed_in(server, "viewer@example.com").await] {
            for (name, value) in [
                ("client_id", ""), ("client_id", "mcp_unknown"), ("client_id", "<script>alert(1)</script>"),
                ("redirect_uri", "https://evil.example/"), ("redirect_uri", "javascript:alert(1)"), ("redirect_uri", "::"),
            ] {
                let answer = browser.get(&client.authorize_path(&[(name, value)])).await;
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}={value}");
                assert!(!answer.headers.contains_key(header::LOCATION));
                assert!(answer.headers[header::CONTENT_TYPE].to_str().expect("ASCII").starts_with("text/html"));
                assert!(!answer.page.0.contains("<script>alert"), "escaped");
                assert!(!answer.page.heading().is_empty());
            }
        }
    }
}

story! {
    /// Rows OR2-OR8 with OA6: other faults go to the client, but only after somebody has signed in.
    async fn faults_of_the_request(server) {
        let client = Client::register(server).await;
        let anonymous = Browser::new(server);
        let person = Browser::signed_in(server, "viewer@example.com").await;
        for (change, error) in [
            (("code_challenge", ""), "invalid_request"),
            (("code_challenge_method", ""), "invalid_request"),
            (("code_challenge_method", "plain"), "invalid_request"),
            (("code_challenge", "short"), "invalid_request"),
            (("response_type", ""), "invalid_request"),
            (("response_type", "token"), "unsupported_response_type"),
            (("resource", "https://other.example/mcp"), "invalid_target"),
            (("resource", "/mcp"), "invalid_target"),
            (("scope", "a\"b"), "invalid_scope"),
        ] {
            let path = client.authorize_path(&[change]);
            let before = anonymous.get(&path).await;
            assert!(before.location.starts_with("/sign-in"), "{change:?}: row OA6: {}", before.location);
            let answer = person.get(&path).await;
            let parameters = client.callback(&answer);
            assert!(parameters.contains(&("error".to_owned(), error.to_owned())), "{change:?}: {parameters:?}");
            assert!(parameters.iter().any(|(name, value)| name == "iss" && *value == server.url));
            assert!(parameters.contains(&("state".to_owned(), "the state & more".to_owned())));
        }
    }
}

story! {
    /// Row OA3, RFC 3986 section 6.2.3: an empty path is the path `/`, at authorize and at the exchange; and a refusal
    /// shows what was registered, so that the difference can be seen.
    async fn an_empty_path_of_a_loopback_address(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        for (registered, asked, presented) in [
            ("http://127.0.0.1:33418", "http://127.0.0.1:33418/", "http://127.0.0.1:33418"),
            ("http://127.0.0.1/", "http://127.0.0.1:59656", "http://127.0.0.1:59656/"),
            ("http://localhost", "http://localhost:1/", "http://localhost:1/"),
        ] {
            let mut client = Client::register_with(server, registered).await;
            client.redirect_uri = asked.to_owned();
            let code = client.code(&browser, &["AlertRead"]).await;
            client.redirect_uri = presented.to_owned();
            let (status, body) = client.exchange(&code).await;
            assert_eq!(status, StatusCode::OK, "{registered} {asked} {presented}: {body}");
        }
        let client = Client::register_with(server, "http://127.0.0.1:33418/cb").await;
        let answer = browser.open(&client.authorize_path(&[("redirect_uri", "http://127.0.0.1:33418/cb/")])).await;
        answer.assert_refused(400);
        let text = answer.page.text();
        assert!(text.contains("It registered: http://127.0.0.1:33418/cb"), "{text}");
        assert!(text.contains("http://127.0.0.1:33418/cb/"), "{text}");
    }
}
