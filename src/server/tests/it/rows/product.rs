//! Section 2.12: the requirements of the product, and the table of domain patterns.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    ADMIN, ANALYST, Reply, SETTINGS, VIEWER, allow, configured_story, get, http, is_allowed, list_tools, register,
    save, stored_client,
};
use crate::harness::{Browser, Client, Html, TestServer, story};

/// What looks like loopback and is not.
const LOOKALIKES: [&str; 9] = [
    "http://localhost.evil.com/cb",
    "http://localhost./cb",
    "http://127.0.0.1.nip.io/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://localhost:80@evil.example/cb",
    "http://[::ffff:127.0.0.1]/cb",
    "http://127.0.0.2/cb",
    "http://0.0.0.0/cb",
    "http://[::]/cb",
];

/// Registers a client with `https` redirect URIs on these hosts.
async fn on_hosts(server: &TestServer, hosts: &[&str]) -> Client {
    let uris: Vec<Value> = hosts.iter().map(|host| json!(format!("https://{host}/cb"))).collect();
    Client::register_as(server, json!({ "redirect_uris": uris })).await
}

configured_story! {
    /// The endpoint is `https://api.<host>/mcp`: resource, issuer and challenge say so, pages are elsewhere.
    async fn product_the_endpoint_is_on_the_api_host(server) with |config| {
        "https://margay.example.com".clone_into(&mut config.server.console_url);
        "https://api.margay.example.com".clone_into(&mut config.server.api_url);
    }, {
        for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
            let document = get(server, path).await.json();
            assert_eq!(document["resource"], "https://api.margay.example.com/mcp", "{path}");
            assert_eq!(document["authorization_servers"], json!(["https://api.margay.example.com"]), "{path}");
        }
        let challenged = Reply::of(list_tools(&server.url).header("host", "api.margay.example.com")).await;
        assert_eq!(challenged.status.as_u16(), 401, "{}", challenged.text);
        let place = "resource_metadata=\"https://api.margay.example.com/.well-known/oauth-protected-resource/mcp\"";
        assert!(challenged.header("www-authenticate").contains(place), "{:?}", challenged.headers);
        let foreign = Reply::of(list_tools(&server.url).header("host", "evil.example")).await;
        assert_eq!(foreign.status.as_u16(), 403);
        let page = Browser::signed_in(server, VIEWER).await.get("/connections").await.page.text();
        assert!(page.contains("https://api.margay.example.com/mcp"), "what to add to a client: {page}");
    }
}

story! {
    /// Loopback is always permitted, on any port, before anybody listed anything.
    async fn product_loopback_is_always_allowed(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let uris = [
            "http://localhost/cb",
            "http://localhost:8787/cb",
            "http://127.0.0.1:33418/cb",
            "http://127.0.0.1:65535/cb",
            "http://[::1]/cb",
            "http://[::1]:9/cb",
            "https://localhost:8443/cb",
            "https://127.0.0.1/cb",
        ];
        let client = Client::register_as(server, json!({ "redirect_uris": uris })).await;
        for uri in uris {
            assert!(is_allowed(&browser, &client, uri).await, "{uri}");
        }
    }
}

story! {
    /// Lookalikes of loopback are no loopback: they cannot be registered, and if they are stored, nobody is sent there.
    async fn product_lookalikes_of_loopback(server) {
        for uri in LOOKALIKES {
            let metadata = json!({ "redirect_uris": [uri] });
            register(server, &metadata).await.assert_error(400, "invalid_redirect_uri");
        }
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["*.evil.com", "*.example", "*.nip.io", "localhost"], &[]).await;
        let client = stored_client(server, &LOOKALIKES).await;
        for browser in [Browser::new(server), Browser::signed_in(server, VIEWER).await] {
            for uri in LOOKALIKES {
                browser.get(&client.authorize_path(&[("redirect_uri", uri)])).await.assert_refused(400);
            }
        }
        // With https such a host is a domain like any other.
        allow(&admin, &[], &[]).await;
        let client = on_hosts(server, &["localhost.evil.com", "127.0.0.1.nip.io", "127.0.0.2"]).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        for host in ["localhost.evil.com", "127.0.0.1.nip.io", "127.0.0.2"] {
            assert!(!is_allowed(&browser, &client, &format!("https://{host}/cb")).await, "{host}");
        }
    }
}

story! {
    /// The table of domain patterns, row by row. A star stands for any characters, also for none.
    async fn product_domain_patterns(server) {
        let hosts = [
            "claude.ai",
            "api.claude.ai",
            "notclaude.ai",
            "claude.ai.evil.example",
            "auth.cursor.com",
            "api.cursor.com",
            "cursor.com",
            "notcursor.com",
            "cursor.com.evil.example",
        ];
        let table: [(&str, &[&str]); 5] = [
            ("claude.ai", &["claude.ai"]),
            ("CLAUDE.ai", &["claude.ai"]),
            ("claude.ai.", &["claude.ai"]),
            ("*.cursor.com", &["auth.cursor.com", "api.cursor.com"]),
            ("*cursor.com", &["auth.cursor.com", "api.cursor.com", "cursor.com", "notcursor.com"]),
        ];
        let admin = Browser::signed_in(server, ADMIN).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = on_hosts(server, &hosts).await;
        for (pattern, matching) in table {
            allow(&admin, &[pattern], &[]).await;
            for host in hosts {
                let allowed = is_allowed(&browser, &client, &format!("https://{host}/cb")).await;
                assert_eq!(allowed, matching.contains(&host), "{pattern}: {host}");
            }
        }
    }
}

story! {
    /// Hosts are compared as hosts: in any case, with a trailing dot, on any port, international ones in their `xn--` form.
    /// What only looks like the host, before an `@`, in a path or behind an escape, is not it.
    async fn product_hosts_of_redirects(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["claude.ai", "xn--mnchen-3ya.de"], &[]).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        let table = [
            ("https://CLAUDE.AI/cb", true),
            ("https://claude.ai./cb", true),
            ("https://claude.ai:8443/cb", true),
            ("https://xn--mnchen-3ya.de/cb", true),
            ("https://evil.example/claude.ai", false),
            ("https://evil.example/?x=claude.ai", false),
            ("https://claude.ai%2eevil.example/cb", false),
            ("https://claude.ai.evil.example/cb", false),
        ];
        let uris: Vec<&str> = table.iter().map(|(uri, _)| *uri).collect();
        let client = Client::register_as(server, json!({ "redirect_uris": uris })).await;
        for (uri, allowed) in table {
            assert_eq!(is_allowed(&browser, &client, uri).await, allowed, "{uri}");
        }
        let never = ["https://claude.ai@evil.example/cb", "https://claude.ai:x@evil.example/cb", "https://claude.ai\\@evil.example/cb"];
        for uri in never.into_iter().chain(["https://münchen.de/cb", "http://claude.ai/cb"]) {
            register(server, &json!({ "redirect_uris": [uri] })).await.assert_error(400, "invalid_redirect_uri");
        }
        let client = stored_client(server, &never).await;
        for uri in never {
            browser.get(&client.authorize_path(&[("redirect_uri", uri)])).await.assert_refused(400);
        }
    }
}

story! {
    /// The six reserved schemes and what is no scheme cannot be saved, in any spelling; others work as listed.
    async fn product_custom_schemes(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        for scheme in [
            "http", "HTTPS", "JavaScript", "data", "File", "VBScript", "javascript:", "data://", " https ", "1password", "-x",
            "com_example", "a b", "ü", "a/b",
        ] {
            assert_eq!(save(&admin, &[], &["good", scheme]).await, StatusCode::UNPROCESSABLE_ENTITY, "{scheme}");
        }
        let saved = admin.get(SETTINGS).await.page.inputs("scheme");
        assert!(saved.iter().all(String::is_empty), "nothing of it was saved: {saved:?}");

        allow(&admin, &[], &["CURSOR", "com.example.app"]).await;
        let uris = ["cursor://a/cb", "com.example.app:/cb", "com.example.application:/cb", "mcp://cb"];
        let client = Client::register_as(server, json!({ "redirect_uris": uris })).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        for (uri, allowed) in uris.into_iter().zip([true, true, false, false]) {
            assert_eq!(is_allowed(&browser, &client, uri).await, allowed, "{uri}");
        }
        allow(&admin, &[], &["mcp"]).await;
        for (uri, allowed) in uris.into_iter().zip([false, false, false, true]) {
            assert_eq!(is_allowed(&browser, &client, uri).await, allowed, "{uri}");
        }
    }
}

story! {
    /// A change of the allowlist has reached every node of an installation after ten minutes at the latest.
    async fn product_changes_of_the_allowlist_reach_every_node(server) {
        let node = server.another_node().await;
        let admin = Browser::signed_in(server, ADMIN).await;
        let browser = Browser::signed_in(&node, VIEWER).await;
        let client = Client::register_with(&node, "https://claude.ai/cb").await;
        assert!(!is_allowed(&browser, &client, "https://claude.ai/cb").await);
        let table: [(&[&str], bool); 3] = [(&["claude.ai"], true), (&[], false), (&["*.ai"], true)];
        for (domains, allowed) in table {
            allow(&admin, domains, &[]).await;
            server.advance(Duration::from_mins(10));
            assert_eq!(is_allowed(&browser, &client, "https://claude.ai/cb").await, allowed, "{domains:?}");
        }
    }
}

story! {
    /// Who may not change the settings reads them: there is nothing to press, and what is posted all the same changes
    /// nothing.
    async fn product_settings_need_their_permission(server) {
        let admin = Browser::signed_in(server, ADMIN).await;
        allow(&admin, &["claude.ai"], &["cursor"]).await;
        let buttons = |page: &Html| {
            let primary = |class: Option<String>| class.is_some_and(|class| class.contains("button--primary"));
            page.tags("button").into_iter().filter(|button| primary(button.attribute("class"))).count()
        };
        assert!(buttons(&admin.get(SETTINGS).await.page) > 0);
        for email in [VIEWER, ANALYST] {
            let browser = Browser::signed_in(server, email).await;
            let page = browser.get(SETTINGS).await;
            page.assert_page("Remote MCP");
            assert!(page.page.text().contains("Edit Settings & SAML Preferences"), "{email} reads what is missing");
            assert_eq!(buttons(&page.page), 0, "{email}");
            assert_eq!(save(&browser, &["evil.example"], &[]).await, StatusCode::FORBIDDEN, "{email}");
        }
        let domains = admin.get(SETTINGS).await.page.inputs("domain");
        assert!(domains.contains(&"claude.ai".to_owned()) && !domains.contains(&"evil.example".to_owned()), "{domains:?}");
        server.give_custom_role(ANALYST, &[]).await;
        Browser::signed_in(server, ANALYST).await.get(SETTINGS).await.assert_refused(403);
        let anonymous = Reply::of(http().get(format!("{}{SETTINGS}", server.url))).await;
        assert_eq!(anonymous.status, StatusCode::SEE_OTHER, "nobody reads them without signing in");
    }
}

/// The help says why a client that wants a secret gets none, and where that stands.
#[test]
fn product_the_help_says_why_there_is_no_secret() {
    let help = include_str!("../../../../../docs/connect.md");
    for part in ["client_secret", "RFC 7591", "3.2.1", "MCP authorization"] {
        assert!(help.contains(part), "docs/connect.md does not say {part}");
    }
}
