//! Section 2.2: what the authorization endpoint refuses, and whom it tells.

use std::net::TcpListener;

use margay_domain::rules::Permission;
use serde_json::json;

use super::{ADMIN, CONSENT, VIEWER, allow, is_plain, stored_client};
use crate::harness::{Browser, Client, story};

/// A challenge as good as any.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

story! {
    /// Row OR1: without a known client and one of its redirect URIs there is a page, escaped, and nobody is sent away.
    async fn or1_unknown_clients_and_redirects_end_on_a_page(server) {
        let metadata = json!({ "redirect_uris": ["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"] });
        let client = Client::register_as(server, metadata).await;
        for browser in [Browser::new(server), Browser::signed_in(server, VIEWER).await] {
            for (name, value) in [
                ("client_id", ""),
                ("client_id", "mcp_unknown"),
                ("client_id", "\"><script>alert(1)</script>"),
                ("redirect_uri", ""),
                ("redirect_uri", "https://evil.example/cb"),
                ("redirect_uri", "http://127.0.0.1:1/c"),
                ("redirect_uri", "javascript:alert(1)"),
                ("redirect_uri", "/a"),
                ("redirect_uri", "::"),
                ("redirect_uri", "\"><script>alert(1)</script>"),
            ] {
                let answer = browser.get(&client.authorize_path(&[(name, value)])).await;
                answer.assert_refused(400);
                assert!(!answer.page.0.contains("<script>alert"), "{name}={value} is escaped");
            }
        }
        // The only one may be left out.
        let client = Client::register(server).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        let page = browser.open(&client.authorize_path(&[("redirect_uri", "")])).await;
        page.assert_page(CONSENT);
        assert_eq!(client.error(&client.decide(&browser, &page, "deny", &[]).await), "access_denied");
    }
}

story! {
    /// Rows OR2, OR3, OR4, A1: a challenge, its method S256 and its form are demanded.
    async fn or2_or3_or4_a1_only_s256_challenges(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let (short, long, plus) = ("A".repeat(42), "A".repeat(44), "+".repeat(43));
        // The last of 43 underscores has bits beyond the 32nd byte.
        let (padded, excess) = (format!("{short}="), "_".repeat(43));
        for change in [
            ("code_challenge", ""),
            ("code_challenge_method", ""),
            ("code_challenge_method", "plain"),
            ("code_challenge_method", "s256"),
            ("code_challenge_method", "S512"),
            ("code_challenge", short.as_str()),
            ("code_challenge", long.as_str()),
            ("code_challenge", plus.as_str()),
            ("code_challenge", padded.as_str()),
            ("code_challenge", excess.as_str()),
        ] {
            let told = browser.open(&client.authorize_path(&[change])).await;
            assert_eq!(client.error(&told), "invalid_request", "{change:?}");
            assert_eq!(client.parameter(&told, "state").as_deref(), Some("the state & more"), "{change:?}");
        }
        client.consent_page(&browser).await;
    }
}

story! {
    /// Row OR5: two clients or redirect URIs are none, even if they are the same; nor may any other parameter come twice,
    /// also none that this server does not read. Only the resource may.
    async fn or5_no_parameter_comes_twice(server) {
        let client = Client::register(server).await;
        let path = client.authorize_path(&[]);
        let (_, query) = path.split_once('?').expect("a query");
        for browser in [Browser::new(server), Browser::signed_in(server, VIEWER).await] {
            for name in ["client_id", "redirect_uri"] {
                let same = query.split('&').find(|pair| pair.starts_with(name)).expect("the parameter");
                for twice in [same.to_owned(), format!("{name}=x"), format!("{name}=")] {
                    browser.get(&format!("{path}&{twice}")).await.assert_refused(400);
                }
            }
        }
        let browser = Browser::signed_in(server, VIEWER).await;
        for (name, value) in [
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "x"),
            ("st%61te", "x"),
            ("scope", "AlertRead"),
            ("prompt", "consent"),
            ("response_mode", "query"),
            ("login_hint", "ana"),
            ("nonsense", "1"),
        ] {
            let told = browser.open(&format!("{path}&{name}={value}&{name}={value}")).await;
            assert_eq!(client.error(&told), "invalid_request", "{name}");
        }
        let resource: String = url::form_urlencoded::byte_serialize(format!("{}/mcp", server.url).as_bytes()).collect();
        browser.open(&format!("{path}&resource={resource}&resource={resource}")).await.assert_page(CONSENT);
    }
}

story! {
    /// Rows OR6, OR9: only codes are given, and request objects are neither read nor looked up.
    async fn or6_or9_response_types_and_request_objects(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
        trap.set_nonblocking(true).expect("a listener that does not wait");
        let uri = format!("http://{}/request.jwt", trap.local_addr().expect("an address"));
        for (change, error) in [
            (("response_type", ""), "invalid_request"),
            (("response_type", "token"), "unsupported_response_type"),
            (("response_type", "id_token"), "unsupported_response_type"),
            (("response_type", "code id_token"), "unsupported_response_type"),
            (("response_type", "none"), "unsupported_response_type"),
            (("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
            (("request_uri", uri.as_str()), "request_uri_not_supported"),
        ] {
            let told = browser.open(&client.authorize_path(&[change])).await;
            assert_eq!(client.error(&told), error, "{change:?}");
        }
        assert!(trap.accept().is_err(), "nobody came to look");
    }
}

story! {
    /// Row OR7: tokens are for this resource and no other.
    async fn or7_other_resources(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let ours = format!("{}/mcp", server.url);
        for resource in [
            "https://other.example/mcp".to_owned(),
            format!("{ours}#fragment"),
            format!("{ours}?a=b"),
            format!("{ours}/more"),
            format!("{}/other", server.url),
            "/mcp".to_owned(),
            "mcp".to_owned(),
        ] {
            let told = browser.open(&client.authorize_path(&[("resource", &resource)])).await;
            assert_eq!(client.error(&told), "invalid_target", "{resource}");
        }
        let second = format!("{}&resource=https%3A%2F%2Fother.example", client.authorize_path(&[("resource", &ours)]));
        assert_eq!(client.error(&browser.open(&second).await), "invalid_target", "one of two");
    }
}

story! {
    /// Rows OR8, OR11: scopes have their characters, and so has what the client is told. A person who denies, or whose
    /// role has nothing to give, is a denial for the client.
    async fn or8_or11_scopes_denials_and_the_characters_of_errors(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        for scope in ["a\"b", "a\\b", "AlertRead\tRuleRead", "AlertRead\nRuleRead", "é", "a\u{7f}b"] {
            let told = browser.open(&client.authorize_path(&[("scope", scope)])).await;
            assert_eq!(client.error(&told), "invalid_scope", "{scope:?}");
            let description = client.parameter(&told, "error_description").expect("a description");
            assert!(!description.is_empty() && is_plain(&description), "{description}");
        }
        for change in [("response_type", "\"é\\"), ("code_challenge_method", "\"é\\"), ("resource", "\"é\\"), ("prompt", "none")] {
            let told = browser.open(&client.authorize_path(&[change])).await;
            assert!(is_plain(&client.error(&told)), "{change:?}");
            let description = client.parameter(&told, "error_description").expect("a description");
            assert!(!description.is_empty() && is_plain(&description), "{change:?}: {description}");
        }
        let page = client.consent_page(&browser).await;
        let told = client.decide(&browser, &page, "deny", &["AlertRead"]).await;
        assert_eq!(client.error(&told), "access_denied");
        assert_eq!(client.parameter(&told, "state").as_deref(), Some("the state & more"));
        server.give_custom_role(VIEWER, &[Permission::GeneralSettingsRead]).await;
        let page = client.consent_page(&browser).await;
        assert!(page.page.inputs("permission").is_empty(), "only the console uses it");
        assert_eq!(client.error(&client.decide(&browser, &page, "deny", &[]).await), "access_denied");
    }
}

story! {
    /// Row OR10: some addresses never get a code nor an error, even if they are stored and their host is listed.
    async fn or10_dangerous_redirects_that_are_stored(server) {
        const NEVER: [&str; 7] = [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "http://claude.ai/cb",
            "//claude.ai/cb",
        ];
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["claude.ai"], &["cursor"]).await;
        let client = stored_client(server, &NEVER).await;
        for browser in [Browser::new(server), Browser::signed_in(server, VIEWER).await] {
            for uri in NEVER {
                for scope in ["AlertRead", "a\"b"] {
                    let path = client.authorize_path(&[("redirect_uri", uri), ("scope", scope)]);
                    let answer = browser.get(&path).await;
                    answer.assert_refused(400);
                    assert!(!answer.page.0.contains(&format!("href=\"{uri}")), "{uri} is no link");
                }
            }
        }
    }
}
