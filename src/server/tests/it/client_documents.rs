//! Client ID Metadata Documents, rows OI1 to OI11 and A4, and the policies about who may come.

use std::time::Duration;

use margay_server::config::{Config, Registration};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Browser, Client, Document, DocumentSite, Engine, JsonRequest, JsonResponse, TestServer, Tokens};

const CALLBACK: &str = "http://127.0.0.1:52001/callback";

/// A story with a site whose documents may be read, on both engines.
macro_rules! document_story {
    ($(#[$doc:meta])* async fn $name:ident($server:ident, $site:ident) with $change:expr; $body:block) => {
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn story($server: &TestServer, $site: &DocumentSite) $body

            async fn run(engine: Engine) {
                let site = DocumentSite::start().await;
                let change: fn(&mut Config) = $change;
                let configure = |config: &mut Config| {
                    config.oauth.client_document_networks = vec!["127.0.0.0/8".to_owned()];
                    config.oauth.client_document_ca_file = site.ca_file();
                    change(config);
                };
                TestServer::run_configured(engine, configure, async |server| story(server, &site).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(Engine::Postgres).await;
            }
        }
    };
}

/// Opens the authorization of the client `name` as somebody who is signed in; the status, the heading and the text.
async fn authorize(server: &TestServer, browser: &Browser, client_id: &str) -> (StatusCode, String, String) {
    let client = Client::known_as(server, client_id, CALLBACK);
    let answer = browser.open(&client.authorize_path(&[])).await;
    assert!(!answer.location.starts_with("http"), "never a redirect to a client: {}", answer.location);
    (answer.status, answer.page.heading(), answer.page.text())
}

async fn is_identified(server: &TestServer, browser: &Browser, client_id: &str) -> bool {
    let (status, heading, text) = authorize(server, browser, client_id).await;
    match (status, heading.as_str()) {
        (StatusCode::OK, "MCP authorization") => true,
        (StatusCode::BAD_REQUEST, "The client cannot be identified") => false,
        _ => panic!("{status} {heading}: {text}"),
    }
}

async fn metadata(server: &TestServer) -> Value {
    let url = format!("{}/.well-known/oauth-authorization-server", server.url);
    JsonResponse::json(reqwest::get(url).await.expect("an answer")).await.expect("JSON")
}

document_story! {
    /// Rows A4, OI6, OI8: the whole way, and refreshing while the site is down.
    async fn a4_oi6_oi8_a_client_is_known_by_its_document(server, site) with |_| {}; {
        assert_eq!(metadata(server).await["client_id_metadata_document_supported"], true);
        let client_id = site.client_id("one");
        let client = Client::known_as(server, &client_id, CALLBACK);
        site.answer(Some(site.good("one", json!({}))));
        let stranger = Browser::new(server);
        let answer = stranger.get(&client.authorize_path(&[])).await;
        assert!(answer.location.starts_with("/sign-in?"), "{}", answer.location);
        assert_eq!(site.asked(), 0, "nobody is asked for people who are not signed in");

        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let page = client.consent_page(&browser).await;
        let text = page.page.text();
        assert!(text.contains("A documented client") && text.contains("localhost"), "{text}");
        assert!(page.page.0.contains(&client_id));
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        assert_eq!(site.asked(), 1, "the copy is fresh");
        site.answer(None);
        let (status, body) = client.refresh(&tokens.refresh).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let tokens = Tokens::read(&body);
        assert!(client.tool_names(&tokens.access).await.contains(&"list_alerts".to_owned()));
        // Another client cannot use its tokens, and nobody is asked at the token endpoint.
        let other = Client::known_as(server, &site.client_id("other"), CALLBACK);
        assert_eq!(other.refresh(&tokens.refresh).await.1["error"], "invalid_client");
        assert_eq!(site.asked(), 1);
    }
}

document_story! {
    /// Row OI1: addresses that name no document are refused, and nobody is asked.
    async fn oi1_addresses(server, site) with |_| {}; {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        for bad in ["", "/", "/a/../b.json", "/a.json#x", "/%2e%2e/a.json"] {
            assert!(!is_identified(server, &browser, &format!("{}{bad}", site.url)).await, "{bad}");
        }
        let plain = site.client_id("one").replace("https://", "http://");
        assert!(!is_identified(server, &browser, &plain).await);
        assert_eq!(site.asked(), 0);
    }
}

document_story! {
    /// Rows OI2, OI11: only a plain 200 with little JSON, soon.
    async fn oi2_oi11_what_is_read(server, site) with |_| {}; {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let good = |name: &str| site.good(name, json!({}));
        let elsewhere = format!("Location: {}/real.json\r\n", site.url);
        let large = json!({ "padding": "x".repeat(6000) });
        for (name, document) in [
            ("redirect", Document { status: 302, headers: elsewhere, ..good("redirect") }),
            ("missing", Document { status: 404, ..good("missing") }),
            ("created", Document { status: 201, ..good("created") }),
            ("html", Document { content_type: "text/html", ..good("html") }),
            ("large", site.good("large", large)),
            ("slow", Document { delay: Duration::from_secs(30), ..good("slow") }),
        ] {
            site.answer(Some(document));
            assert!(!is_identified(server, &browser, &site.client_id(name)).await, "{name}");
            assert!(server.parts.store.clients().list().await.expect("clients").is_empty(), "{name}: nothing is kept");
        }
        site.answer(None);
        assert!(!is_identified(server, &browser, &site.client_id("down")).await);
        site.answer(Some(good("good")));
        assert!(is_identified(server, &browser, &site.client_id("good")).await);
    }
}

document_story! {
    /// Row OI3: no private address, whatever the name.
    async fn oi3_only_public_addresses(server, site)
        with |config| config.oauth.client_document_networks = Vec::new(); {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        site.answer(Some(site.good("one", json!({}))));
        let port = site.url.rsplit(':').next().expect("a port").to_owned();
        for host in ["localhost", "127.0.0.1", "[::1]", "169.254.169.254"] {
            let (status, _, text) = authorize(server, &browser, &format!("https://{host}:{port}/one.json")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(text.contains("not on the public internet"), "{host}: {text}");
        }
        assert_eq!(site.asked(), 0);
    }
}

document_story! {
    /// Rows OI4, OI9.
    async fn oi4_oi9_what_a_document_must_say(server, site) with |_| {}; {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        for (name, replaced) in [
            ("a", json!({ "client_id": site.client_id("b") })),
            ("c", json!({ "client_id": null })),
            ("d", json!({ "client_name": null })),
            ("e", json!({ "redirect_uris": [] })),
            ("f", json!({ "redirect_uris": ["javascript:alert(1)", "http://evil.example/cb"] })),
            ("g", json!({ "client_secret": "s" })),
            ("h", json!({ "token_endpoint_auth_method": "client_secret_basic" })),
            ("i", json!({ "token_endpoint_auth_method": "private_key_jwt" })),
        ] {
            site.answer(Some(site.good(name, replaced)));
            assert!(!is_identified(server, &browser, &site.client_id(name)).await, "{name}");
        }
        let several = json!({ "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"] });
        site.answer(Some(site.good("j", several)));
        assert!(is_identified(server, &browser, &site.client_id("j")).await);
    }
}

document_story! {
    /// Rows OI5, OI10: copies are fresh for as long as the headers say, and the last good one bridges an outage.
    async fn oi5_oi10_copies(server, site) with |_| {}; {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let id = site.client_id("one");
        let hour = "Cache-Control: max-age=3600\r\n".to_owned();
        site.answer(Some(Document { headers: hour.clone(), ..site.good("one", json!({})) }));
        assert!(is_identified(server, &browser, &id).await);
        server.advance(Duration::from_secs(3599));
        assert!(is_identified(server, &browser, &id).await);
        assert_eq!(site.asked(), 1);

        server.advance(Duration::from_secs(2));
        site.answer(None);
        assert!(is_identified(server, &browser, &id).await, "the last good copy");
        assert_eq!(site.asked(), 2);
        site.answer(Some(Document { status: 500, ..site.good("one", json!({})) }));
        assert!(is_identified(server, &browser, &id).await, "an error is not kept");
        assert_eq!(site.asked(), 3);

        // The document counts as it is now: the address it no longer lists gets no code.
        let moved = json!({ "redirect_uris": ["http://127.0.0.1/moved"] });
        site.answer(Some(Document { headers: hour, ..site.good("one", moved) }));
        let (status, heading, _) = authorize(server, &browser, &id).await;
        assert_eq!((status, heading.as_str()), (StatusCode::BAD_REQUEST, "Redirect URI is not allowed"));
        // A document that says something wrong is no outage.
        server.advance(Duration::from_hours(2));
        site.answer(Some(site.good("one", json!({ "client_secret": "s" }))));
        assert!(!is_identified(server, &browser, &id).await);
    }
}

document_story! {
    /// Row OI7.
    async fn oi7_fetches_are_limited(server, site)
        with |config| config.oauth.client_document_fetches_per_hour = 2; {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        for name in ["a", "b"] {
            site.answer(Some(site.good(name, json!({}))));
            assert!(is_identified(server, &browser, &site.client_id(name)).await);
        }
        site.answer(Some(site.good("c", json!({}))));
        let (status, _, _) = authorize(server, &browser, &site.client_id("c")).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(site.asked(), 2);
        assert!(is_identified(server, &browser, &site.client_id("a")).await, "copies still work");
        server.advance(Duration::from_mins(31));
        assert!(is_identified(server, &browser, &site.client_id("c")).await);
    }
}

document_story! {
    /// An offline server does not look, and does not say that it would.
    async fn documents_can_be_turned_off(server, site) with |config| config.oauth.client_documents = false; {
        assert!(metadata(server).await.get("client_id_metadata_document_supported").is_none());
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        site.answer(Some(site.good("one", json!({}))));
        let (status, heading, _) = authorize(server, &browser, &site.client_id("one")).await;
        assert_eq!((status, heading.as_str()), (StatusCode::BAD_REQUEST, "Unknown client"));
        assert_eq!(site.asked(), 0);
    }
}

async fn register(server: &TestServer, redirect_uris: Value) -> (StatusCode, Value) {
    let body = json!({ "client_name": "C", "redirect_uris": redirect_uris });
    let request = reqwest::Client::new().post(format!("{}/oauth/register", server.url));
    let response = JsonRequest::json(request, &body).send().await.expect("an answer");
    (response.status(), JsonResponse::json(response).await.expect("JSON"))
}

document_story! {
    /// Row OI7: only clients for which a listed domain stands.
    async fn verified_domains_only(server, site) with |config| {
        config.oauth.registration = Registration::VerifiedDomains;
        config.oauth.verified_domains = vec!["claude.ai".to_owned(), "*.cursor.com".to_owned()];
    }; {
        let (status, body) = register(server, json!(["https://claude.ai/cb", "https://www.cursor.com/cb"])).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        for others in [
            json!(["http://127.0.0.1/cb"]),
            json!(["https://claude.ai/cb", "cursor://x/cb"]),
            json!(["https://evil.example/cb"]),
            json!(["https://claude.ai.evil.example/cb"]),
        ] {
            let (status, body) = register(server, others.clone()).await;
            assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_redirect_uri")), "{others}");
        }
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        site.answer(Some(site.good("one", json!({}))));
        let (status, heading, _) = authorize(server, &browser, &site.client_id("one")).await;
        assert_eq!((status, heading.as_str()), (StatusCode::FORBIDDEN, "This client is not allowed here"));
        assert_eq!(site.asked(), 0);
    }
}

document_story! {
    /// Clients wait until an admin has looked at them.
    async fn admin_approval(server, site) with |config| config.oauth.registration = Registration::AdminApproval; {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let (status, body) = register(server, json!([CALLBACK])).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let registered = body["client_id"].as_str().expect("an id").to_owned();
        site.answer(Some(site.good("one", json!({}))));
        for id in [registered, site.client_id("one")] {
            let (status, heading, text) = authorize(server, &browser, &id).await;
            assert_eq!((status, heading.as_str()), (StatusCode::FORBIDDEN, "This client waits for approval"), "{text}");
            let approved = margay_domain::id::ClientId::new(&id);
            assert!(server.parts.store.clients().approve(&approved).await.expect("the store answers"));
            let client = Client::known_as(server, &id, CALLBACK);
            let tokens = client.connect(&browser, &["AlertRead"]).await;
            assert_eq!(tokens.scope, "AlertRead");
        }
    }
}
