//! Section 2.4: the token endpoint.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use margay_domain::{audit::AuditQuery, client::ClientSource, clock::Clock as _, id::ClientId};
use reqwest::Method;
use serde_json::json;

use super::{
    CONSENT, REGISTER, REVOKE, Reply, TOKEN, VIEWER, assert_refused, exchange_fields, form, get, http, part_of,
    post_form, tokens,
};
use crate::harness::{Browser, Client, JsonRequest as _, PASSWORD, TestServer, Tokens, story};

/// What stands in the files of the database; `None` where it is a server of its own.
fn database_files(server: &TestServer) -> Option<Vec<u8>> {
    if !server.config.database.url.is_empty() {
        return None;
    }
    let read = |name: &str| std::fs::read(server.config.data.dir.join(name)).unwrap_or_default();
    Some([read("margay.db"), read("margay.db-wal")].concat())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

story! {
    /// Row OT1: a form is posted, of limited size, without duplicates; unknown fields are ignored. What is refused for
    /// its form uses nothing up.
    async fn ot1_the_form_of_requests(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let url = format!("{}{TOKEN}", server.url);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(Reply::of(http().request(method.clone(), &url)).await.status.as_u16(), 405, "{method}");
        }
        let code = client.code(&browser, &["AlertRead"]).await;
        let fields = exchange_fields(&client, &code);
        let members: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        Reply::of(http().post(&url).json(&members)).await.assert_error(400, "invalid_request");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        Reply::of(http().post(&url).body(body.clone())).await.assert_error(400, "invalid_request");
        for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded-not"] {
            let request = http().post(&url).header("content-type", content_type).body(body.clone());
            Reply::of(request).await.assert_error(400, "invalid_request");
        }
        let mut large = fields.clone();
        let padding = "x".repeat(17_000);
        large.push(("padding", &padding));
        post_form(server, TOKEN, &large).await.assert_error(413, "invalid_request");
        for name in ["grant_type", "client_id", "code", "redirect_uri", "code_verifier"] {
            let mut twice = fields.clone();
            let same = *fields.iter().find(|(known, _)| *known == name).expect("the field");
            twice.push(same);
            post_form(server, TOKEN, &twice).await.assert_error(400, "invalid_request");
        }
        let mut unknown = fields.clone();
        unknown.extend([("nonsense", "1"), ("nonsense", "2")]);
        post_form(server, TOKEN, &unknown).await.assert_error(400, "invalid_request");
        unknown.pop();
        assert_eq!(post_form(server, TOKEN, &unknown).await.status.as_u16(), 200, "nothing was used up");
    }
}

story! {
    /// Row OT2: an unknown client gets `invalid_client`, so that it registers anew; a browser is asked for no password
    /// unless the header was used.
    async fn ot2_unknown_clients(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        for id in ["mcp_unknown", "", "\"><script>", "mcp unknown"] {
            let mut fields = exchange_fields(&client, &code);
            fields.retain(|(name, _)| *name != "client_id");
            fields.push(("client_id", id));
            let reply = post_form(server, TOKEN, &fields).await;
            reply.assert_error(401, "invalid_client");
            assert_eq!(reply.header("www-authenticate"), "", "{id}");
        }
        let mut fields = exchange_fields(&client, &code);
        fields.retain(|(name, _)| *name != "client_id");
        post_form(server, TOKEN, &fields).await.assert_error(401, "invalid_client");
        let unknown = format!("Basic {}", STANDARD.encode("mcp_unknown:"));
        let reply = Reply::of(form(server, TOKEN, &fields).header("authorization", unknown)).await;
        reply.assert_error(401, "invalid_client");
        assert!(reply.header("www-authenticate").starts_with("Basic "), "{:?}", reply.headers);
        tokens(client.exchange(&code).await);
    }
}

story! {
    /// Row OT3: nobody has a secret here, so nobody may present one; an empty one is tolerated, as old SDKs send it.
    async fn ot3_secrets(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["AlertRead"]).await;
        let fields = exchange_fields(&client, &code);
        for secret in [
            ("client_secret", "s3cret"),
            ("client_assertion", "eyJhbGciOiJub25lIn0.e30."),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ] {
            let mut with = fields.clone();
            with.push(secret);
            let reply = post_form(server, TOKEN, &with).await;
            reply.assert_error(401, "invalid_client");
            assert_eq!(reply.header("www-authenticate"), "", "{secret:?}");
        }
        for credentials in [format!("{}:s3cret", client.id), "mcp_other:".to_owned(), "mcp_other".to_owned()] {
            let header = format!("Basic {}", STANDARD.encode(&credentials));
            let reply = Reply::of(form(server, TOKEN, &fields).header("authorization", header)).await;
            reply.assert_error(401, "invalid_client");
            assert!(reply.header("www-authenticate").starts_with("Basic "), "{credentials}");
        }
        let mut tolerated = fields.clone();
        tolerated.push(("client_secret", ""));
        let header = format!("Basic {}", STANDARD.encode(format!("{}:", client.id)));
        let reply = Reply::of(form(server, TOKEN, &tolerated).header("authorization", header)).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    }
}

story! {
    /// Rows OT4, OT9: the answer is complete and nothing keeps it; tokens are random or signed, and stored as hashes.
    async fn ot4_ot9_tokens_and_their_answer(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let code = client.code(&browser, &["RuleRead", "AlertRead"]).await;
        let reply = post_form(server, TOKEN, &exchange_fields(&client, &code)).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
        assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
        assert!(reply.header("content-type").starts_with("application/json"), "{:?}", reply.headers);
        let body = reply.json();
        let mut members: Vec<&String> = body.as_object().expect("an object").keys().collect();
        members.sort();
        assert_eq!(members, ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert_eq!(body["scope"], "AlertRead RuleRead");

        let first = Tokens::read(&body);
        let (head, claims) = (part_of(&first.access, 0), part_of(&first.access, 1));
        assert_eq!((&head["typ"], &head["alg"]), (&json!("at+jwt"), &json!("EdDSA")));
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.url), &json!(format!("{}/mcp", server.url))));
        assert_eq!(claims["exp"].as_i64().expect("an end") - claims["iat"].as_i64().expect("a beginning"), 3600);
        assert!(!first.access.contains("AlertRead") && claims.get("scope").is_none(), "no permissions: {claims}");
        let second = client.connect(&browser, &["AlertRead"]).await;
        for refresh in [&first.refresh, &second.refresh] {
            assert!(refresh.strip_prefix("mgr_").is_some_and(|random| random.len() >= 27), "160 bits at least");
        }
        assert_ne!(first.refresh, second.refresh);
        if let Some(bytes) = database_files(server) {
            assert!(contains(&bytes, &client.id), "this is where things are stored");
            for secret in [&code, &first.access, &first.refresh, &second.refresh] {
                assert!(!contains(&bytes, secret), "{secret} is stored as it is");
            }
        }
    }
}

story! {
    /// Rows OT5, OT6: each error has its code; there are no other grant types, and nobody is told of any.
    async fn ot5_ot6_errors_and_grant_types(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let id = ("client_id", client.id.as_str());
        post_form(server, TOKEN, &[id]).await.assert_error(400, "invalid_request");
        for grant_type in [
            "password",
            "client_credentials",
            "implicit",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ] {
            let fields = [id, ("grant_type", grant_type), ("username", VIEWER), ("password", PASSWORD)];
            post_form(server, TOKEN, &fields).await.assert_error(400, "unsupported_grant_type");
        }
        let document = get(server, "/.well-known/oauth-authorization-server").await.json();
        assert_eq!(document["grant_types_supported"], json!(["authorization_code", "refresh_token"]));

        let (code, refresh) = (("grant_type", "authorization_code"), ("grant_type", "refresh_token"));
        let verifier = ("code_verifier", client.verifier());
        post_form(server, TOKEN, &[id, code, verifier]).await.assert_error(400, "invalid_request");
        post_form(server, TOKEN, &[id, code, verifier, ("code", "x")]).await.assert_error(400, "invalid_grant");
        post_form(server, TOKEN, &[id, refresh]).await.assert_error(400, "invalid_request");
        post_form(server, TOKEN, &[id, refresh, ("refresh_token", "x")]).await.assert_error(400, "invalid_grant");
        let connected = client.connect(&browser, &["AlertRead"]).await;
        let token = ("refresh_token", connected.refresh.as_str());
        post_form(server, TOKEN, &[id, refresh, token, ("scope", "UserRead")]).await.assert_error(400, "invalid_scope");
        let target = ("resource", "https://other.example/mcp");
        post_form(server, TOKEN, &[id, refresh, token, target]).await.assert_error(400, "invalid_target");
        let metadata = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "grant_types": ["authorization_code"] });
        let once = Client::register_as(server, metadata).await;
        let fields = [("client_id", once.id.as_str()), refresh, token];
        post_form(server, TOKEN, &fields).await.assert_error(400, "unauthorized_client");
    }
}

story! {
    /// Row OT7: the resource is the authorized one, or left out; another one is refused and uses nothing up.
    async fn ot7_the_resource_of_tokens(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let ours = format!("{}/mcp", server.url);
        let code = client.code(&browser, &["AlertRead"]).await;
        let fields = exchange_fields(&client, &code);
        for wrong in ["https://other.example/mcp", "/mcp", "https://other.example"] {
            let mut with = fields.clone();
            with.extend([("resource", ours.as_str()), ("resource", wrong)]);
            post_form(server, TOKEN, &with).await.assert_error(400, "invalid_target");
        }
        let mut with = fields.clone();
        with.extend([("resource", ours.as_str()), ("resource", ours.as_str())]);
        let reply = post_form(server, TOKEN, &with).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);

        let first = Tokens::read(&reply.json());
        let refresh = [
            ("grant_type", "refresh_token"),
            ("client_id", client.id.as_str()),
            ("refresh_token", first.refresh.as_str()),
            ("resource", "https://other.example/mcp"),
        ];
        post_form(server, TOKEN, &refresh).await.assert_error(400, "invalid_target");
        // Had it been exchanged, it would be a copy by now.
        server.advance(Duration::from_secs(46));
        let second = tokens(client.refresh(&first.refresh).await);
        assert_eq!(part_of(&second.access, 1)["aud"], ours);
    }
}

story! {
    /// Row OT8: clients in browsers can call what programs call, from everywhere, and never with cookies.
    async fn ot8_cors_for_programs(server) {
        let documents = ["oauth-authorization-server", "openid-configuration", "oauth-protected-resource"]
            .map(|name| [format!("/.well-known/{name}"), format!("/.well-known/{name}/mcp")])
            .concat();
        let posts = [TOKEN, REGISTER, REVOKE].map(|path| (Method::POST, path.to_owned()));
        let gets = documents.into_iter().chain(["/oauth/jwks".to_owned()]).map(|path| (Method::GET, path));
        for (method, path) in posts.into_iter().chain(gets) {
            let url = format!("{}{path}", server.url);
            let preflight = http()
                .request(Method::OPTIONS, &url)
                .header("origin", "https://client.example")
                .header("access-control-request-method", method.as_str())
                .header("access-control-request-headers", "authorization, content-type, mcp-protocol-version");
            let preflight = Reply::of(preflight).await;
            assert!(preflight.status.is_success(), "{path}: {}", preflight.status);
            assert!(preflight.header("access-control-allow-methods").contains(method.as_str()), "{path}");
            let allowed = preflight.header("access-control-allow-headers").to_lowercase();
            for name in ["authorization", "content-type", "mcp-protocol-version"] {
                assert!(allowed.contains(name), "{path}: {allowed}");
            }
            let answer = Reply::of(http().request(method, &url).header("origin", "https://client.example")).await;
            assert!(answer.header("access-control-expose-headers").contains("WWW-Authenticate"), "{path}");
            for reply in [&preflight, &answer] {
                assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
                assert_eq!(reply.header("access-control-allow-credentials"), "", "{path}");
            }
        }
    }
}

story! {
    /// Row OT10: neither codes nor tokens get into cookies, audit events or the `Referer` of another site.
    async fn ot10_secrets_stay_where_they_belong(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let begun = browser.get(&client.authorize_path(&[])).await;
        let page = browser.open(&begun.location).await;
        page.assert_page(CONSENT);
        let decided = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        let code = client.parameter(&decided, "code").expect("a code");
        for answer in [&begun, &page, &decided] {
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert!(!answer.cookies().concat().contains(&code));
        }
        let reply = post_form(server, TOKEN, &exchange_fields(&client, &code)).await;
        assert_eq!(reply.header("set-cookie"), "");
        let first = Tokens::read(&reply.json());
        client.call(&first.access, "get_permissions", json!({})).await;
        let second = tokens(client.refresh(&first.refresh).await);
        assert_refused(client.exchange(&code).await, "invalid_grant");
        let query = AuditQuery { limit: 100, ..AuditQuery::default() };
        let events = server.parts.store.audit_log().search(&query).await.expect("events");
        assert!(events.len() >= 4, "{events:?}");
        let events = serde_json::to_string(&events).expect("JSON");
        for secret in [&code, &first.access, &first.refresh, &second.access, &second.refresh] {
            assert!(!events.contains(secret.as_str()), "{events}");
        }
    }
}

story! {
    /// Rows OT2, OT3: HTTP Basic without a password, with an id that is an address, as RFC 6749 section 2.3.1 encodes it
    /// and as programs write it; who is not known is told what it can do.
    async fn ot2_ot3_basic_with_an_address(server) {
        let id = "https://desk.example:8143/client.json";
        let known = Client::register(server).await;
        let clients = server.parts.store.clients();
        let mut document = clients.get(&ClientId::new(known.id)).await.expect("a read").expect("the client");
        document.id = ClientId::new(id);
        document.source = ClientSource::Document;
        document.document_fresh_until = Some(server.clock.now().plus(Duration::from_hours(1)));
        clients.put_document(&document).await.expect("stored");
        let client = Client::known_as(server, id, &known.redirect_uri);
        let browser = Browser::signed_in(server, VIEWER).await;
        let mut current = client.connect(&browser, &["AlertRead"]).await;
        let encoded = url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
        for text in [encoded.clone(), id.to_owned()] {
            for password in [":", "", ":undefined", ":null"] {
                let header = format!("Basic {}", STANDARD.encode(format!("{text}{password}")));
                for in_body in [None, Some(id)] {
                    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", current.refresh.as_str())];
                    fields.extend(in_body.map(|id| ("client_id", id)));
                    let reply = Reply::of(form(server, TOKEN, &fields).header("authorization", &header)).await;
                    assert_eq!(reply.status.as_u16(), 200, "{text}{password}: {}", reply.text);
                    current = Tokens::read(&reply.json());
                }
            }
            let header = format!("Basic {}", STANDARD.encode(format!("{text}:secret")));
            let fields = [("grant_type", "refresh_token"), ("refresh_token", current.refresh.as_str())];
            let reply = Reply::of(form(server, TOKEN, &fields).header("authorization", &header)).await;
            reply.assert_error(401, "invalid_client");
        }
        for (unknown, can_register) in [("https://other.example/c.json", false), ("mcp_unknown", true)] {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", unknown)];
            let reply = post_form(server, TOKEN, &fields).await;
            reply.assert_error(401, "invalid_client");
            assert_eq!(reply.text.contains("register it anew"), can_register, "{}", reply.text);
        }
    }
}
