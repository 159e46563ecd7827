//! A server on this computer, called by another of its names.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Browser, Client, JsonResponse as _, TestServer, story};

async fn document(server: &TestServer, path: &str) -> Value {
    let response = reqwest::get(format!("{}{path}", server.url)).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()[header::VARY], "host", "{path}");
    response.json().await.expect("JSON")
}

story! {
    /// Rows R1, A2, A3: whoever adds `http://localhost:…/mcp` to a client connects, from discovery to the last refresh,
    /// without ever leaving that name; the token is for the one resource of the server.
    async fn a_client_connects_by_another_name(server) {
        let local = server.called("localhost");
        let resource = format!("{}/mcp", local.url);
        for suffix in ["", "/mcp"] {
            let about = document(&local, &format!("/.well-known/oauth-protected-resource{suffix}")).await;
            assert_eq!((&about["resource"], &about["authorization_servers"]), (&json!(resource), &json!([local.url])));
            let about = document(&local, &format!("/.well-known/oauth-authorization-server{suffix}")).await;
            assert_eq!(about["issuer"], local.url);
            for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri"] {
                let address = about[endpoint].as_str().expect("an address");
                assert!(address.starts_with(&format!("{}/", local.url)), "{endpoint}: {address}");
            }
        }
        let client = Client::register(&local).await;
        let browser = Browser::new(&local);
        let page = browser.open_and_sign_in(&client.authorize_path(&[("resource", &resource)]), "viewer@example.com").await;
        page.assert_page("MCP authorization");
        let answer = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert_eq!(client.parameter(&answer, "iss").as_deref(), Some(local.url.as_str()), "RFC 9207: as discovered");
        let again = client.decide(&browser, &page, "allow", &["AlertRead"]).await;
        assert_eq!(again.location, answer.location);
        let code = client.parameter(&answer, "code").expect("a code");
        // This sends the resource, too.
        let (status, body) = client.exchange(&code).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let refresh = body["refresh_token"].as_str().expect("a token");
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client.id.as_str()),
            ("refresh_token", refresh),
            ("resource", resource.as_str()),
        ];
        let (status, body) = client.token(&fields).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let access = body["access_token"].as_str().expect("a token");
        assert!(client.tool_names(access).await.contains(&"list_alerts".to_owned()));
        // Errors stay on that name as well.
        let told = browser.open(&client.authorize_path(&[("resource", "https://other.example")])).await;
        assert_eq!(client.error(&told), "invalid_target");
        let text = client.parameter(&told, "error_description");
        assert_eq!(text.as_deref(), Some(format!("resource must be {resource}").as_str()));
    }
}

story! {
    /// Row OM5: no other name is taken from a request.
    async fn no_other_name_is_believed(server) {
        let port = server.url.rsplit(':').next().expect("a port");
        let with_port = format!("evil.example:{port}");
        for host in ["evil.example", with_port.as_str(), "localhost:1", "localhost", "127.0.0.1.nip.io"] {
            let url = format!("{}/.well-known/oauth-authorization-server", server.url);
            let response = reqwest::Client::new().get(url).header(header::HOST, host).send().await.expect("an answer");
            let about: Value = response.json().await.expect("JSON");
            assert_eq!(about["issuer"], server.url, "{host}");
        }
    }
}
