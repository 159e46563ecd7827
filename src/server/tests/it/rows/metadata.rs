//! Section 2.6: the discovery documents.

use serde_json::{Value, json};

use super::{Reply, configured_story, get, http, list_tools};
use crate::harness::story;

/// Where clients look for the document of the authorization server.
const SERVER_DOCUMENTS: [&str; 4] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
];
/// Where clients look for the document of the resource.
const RESOURCE_DOCUMENTS: [&str; 2] =
    ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"];

/// Whether nothing in it is null or empty.
fn is_full(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty() && items.iter().all(is_full),
        Value::Object(members) => !members.is_empty() && members.values().all(is_full),
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

story! {
    /// Rows OM1, OM2, OM4, A1, A2, A11: the document of the authorization server, the same at each of its addresses. All
    /// documents are JSON with status 200, to whoever asks, and nothing in them is null or empty.
    async fn om1_om2_om4_a1_a2_a11_authorization_server(server) {
        let document = get(server, SERVER_DOCUMENTS[0]).await.json();
        for path in SERVER_DOCUMENTS {
            assert_eq!(get(server, path).await.json(), document, "{path}");
        }
        for (member, expected) in [
            ("issuer", json!(server.url)),
            ("authorization_endpoint", json!(format!("{}/oauth/authorize", server.url))),
            ("response_types_supported", json!(["code"])),
            ("response_modes_supported", json!(["query"])),
            ("grant_types_supported", json!(["authorization_code", "refresh_token"])),
            ("code_challenge_methods_supported", json!(["S256"])),
            ("token_endpoint_auth_methods_supported", json!(["none"])),
            ("revocation_endpoint_auth_methods_supported", json!(["none"])),
            ("authorization_response_iss_parameter_supported", json!(true)),
            ("client_id_metadata_document_supported", json!(true)),
        ] {
            assert_eq!(document[member], expected, "{member}");
        }
        assert!(!server.url.ends_with('/'), "{}", server.url);
        let scopes = texts(&document["scopes_supported"]);
        assert!(scopes.contains(&"offline_access") && scopes.contains(&"AlertRead"), "{scopes:?}");
        for (member, status) in
            [("token_endpoint", 405), ("registration_endpoint", 405), ("revocation_endpoint", 405), ("jwks_uri", 200)]
        {
            let url = document[member].as_str().unwrap_or_else(|| panic!("no {member}"));
            assert_eq!(Reply::of(http().get(url)).await.status.as_u16(), status, "{member} is there");
        }
        for path in SERVER_DOCUMENTS.into_iter().chain(RESOURCE_DOCUMENTS).chain(["/oauth/jwks"]) {
            let reply = get(server, path).await;
            assert_eq!(reply.status.as_u16(), 200, "{path}");
            assert!(reply.header("content-type").starts_with("application/json"), "{path}");
            assert!(is_full(&reply.json()), "{path}: {}", reply.text);
        }
        let keys = get(server, "/oauth/jwks").await.json();
        for key in keys["keys"].as_array().expect("keys") {
            assert!(key.get("d").is_none(), "the private half: {key}");
        }
    }
}

story! {
    /// Rows OM3, R1, R2, A2, A13: the document of the resource stands where the challenge and the resource's own address
    /// say, names the resource and its issuer byte for byte, and lists what a client can get and no catch-all.
    async fn om3_r1_r2_a2_a13_protected_resource(server) {
        let challenged = Reply::of(list_tools(&server.url)).await;
        let inserted = format!("{}/.well-known/oauth-protected-resource/mcp", server.url);
        let challenge = challenged.header("www-authenticate");
        assert!(challenge.contains(&format!("resource_metadata=\"{inserted}\"")), "{challenge}");
        let issuer = get(server, SERVER_DOCUMENTS[0]).await.json()["issuer"].clone();
        for path in RESOURCE_DOCUMENTS {
            let document = get(server, path).await.json();
            assert_eq!(document["resource"], format!("{}/mcp", server.url), "{path}");
            assert_eq!(document["authorization_servers"], json!([issuer]), "{path}");
            assert_eq!(document["bearer_methods_supported"], json!(["header"]), "{path}");
            assert_eq!(document["resource_name"], "Margay", "{path}");
            let scopes = texts(&document["scopes_supported"]);
            assert!(scopes.contains(&"AlertRead"), "{scopes:?}");
            for no in ["offline_access", "openid", "*", "all", "admin", "UserModify", "GeneralSettingsModify"] {
                assert!(!scopes.contains(&no), "{path}: {no}");
            }
        }
    }
}

configured_story! {
    /// Rows OM5, R10, OM1: addresses come from the configuration, whatever the request says about itself.
    async fn om5_r10_addresses_come_from_the_configuration(server) with |config| {
        "https://margay.example.com".clone_into(&mut config.server.console_url);
        "https://api.margay.example.com".clone_into(&mut config.server.api_url);
        "https://docs.example.com/mcp".clone_into(&mut config.oauth.documentation_url);
    }, {
        for path in SERVER_DOCUMENTS.into_iter().chain(RESOURCE_DOCUMENTS) {
            let honest = get(server, path).await.json();
            let spoofed = http()
                .get(format!("{}{path}", server.url))
                .header("host", "evil.example")
                .header("x-forwarded-host", "evil.example")
                .header("x-forwarded-proto", "http")
                .header("x-forwarded-for", "192.0.2.1")
                .header("forwarded", "host=evil.example;proto=http");
            assert_eq!(Reply::of(spoofed).await.json(), honest, "{path}");
            let text = honest.to_string();
            assert!(!text.contains("http://") && !text.contains(&server.url), "{path}: {text}");
        }
        let document = get(server, SERVER_DOCUMENTS[0]).await.json();
        assert_eq!(document["issuer"], "https://api.margay.example.com");
        assert_eq!(document["token_endpoint"], "https://api.margay.example.com/oauth/token");
        assert_eq!(document["authorization_endpoint"], "https://margay.example.com/oauth/authorize");
        assert_eq!(document["service_documentation"], "https://docs.example.com/mcp");
    }
}
