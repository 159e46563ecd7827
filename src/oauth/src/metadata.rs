//! The discovery documents: protected resource (RFC 9728) and authorization server (RFC 8414). All addresses come from
//! the configuration (row OM5), nothing is null or empty (row OM2). Clients compare them with the address by which they
//! asked (RFC 9728 section 3.3, RFC 8414 section 3.3), so a loopback server names itself as it was called.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{
        HeaderMap, Uri,
        header::{CACHE_CONTROL, HOST, VARY},
    },
    response::{IntoResponse, Response},
};
use margay_domain::rules::PermissionSet;
use serde_json::{Value, json};

use crate::{
    addresses::{AUTHORIZE, JWKS, Names, REGISTER, REVOKE, TOKEN},
    config::OAuthConfig,
    oauth::OAuth,
    pkce::S256,
    register::GRANT_TYPES,
    scope::OFFLINE_ACCESS,
};

/// Documents change only with a restart.
pub(crate) const CACHEABLE: &str = "public, max-age=300";

/// `GET /.well-known/oauth-protected-resource` and the same with the resource's path.
pub(crate) async fn resource(State(oauth): State<Arc<OAuth>>, headers: HeaderMap, uri: Uri) -> Response {
    document(resource_document(oauth.addresses.asked_by(&headers, &uri)))
}

/// `GET /.well-known/oauth-authorization-server`, the same with the resource's path, and its OpenID alias.
pub(crate) async fn server(State(oauth): State<Arc<OAuth>>, headers: HeaderMap, uri: Uri) -> Response {
    document(server_document(oauth.addresses.asked_by(&headers, &uri), &oauth.config))
}

fn document(document: Value) -> Response {
    ([(CACHE_CONTROL, CACHEABLE), (VARY, HOST.as_str())], Json(document)).into_response()
}

/// Rows R1, OM3: at every address the same `resource`.
fn resource_document(addresses: &Names) -> Value {
    json!({
        "resource": addresses.resource,
        "authorization_servers": [addresses.issuer],
        // Row A11: without offline_access, which is not the resource's business.
        "scopes_supported": PermissionSet::grantable().api_names(),
        "bearer_methods_supported": ["header"],
        "resource_name": "Margay",
    })
}

/// Row OM1.
fn server_document(addresses: &Names, config: &OAuthConfig) -> Value {
    let issuer = &addresses.issuer;
    let mut scopes = PermissionSet::grantable().api_names();
    // Row A11: clients ask for it only if it stands here.
    scopes.push(OFFLINE_ACCESS);
    let mut document = json!({
        // Row A2: byte for byte what the protected resource metadata say.
        "issuer": issuer,
        // The one address that people's browsers open: it is where their cookies are.
        "authorization_endpoint": format!("{}{AUTHORIZE}", addresses.console),
        "token_endpoint": format!("{issuer}{TOKEN}"),
        "registration_endpoint": format!("{issuer}{REGISTER}"),
        "revocation_endpoint": format!("{issuer}{REVOKE}"),
        "jwks_uri": format!("{issuer}{JWKS}"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANT_TYPES,
        // Row A1: clients refuse a server that does not say so.
        "code_challenge_methods_supported": [S256],
        // Row OM4: the default would be a method with a secret.
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        // Row A3: every redirect of ours has it.
        "authorization_response_iss_parameter_supported": true,
    });
    // Row OM1. Offline deployments turn it off, and clients register instead.
    if config.client_documents.enabled {
        document["client_id_metadata_document_supported"] = json!(true);
    }
    if let Some(page) = &config.service_documentation {
        document["service_documentation"] = json!(page);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::Addresses;

    fn config() -> OAuthConfig {
        OAuthConfig::new("https://api.example.com", "https://api.example.com/mcp")
    }

    fn addresses(config: &OAuthConfig) -> Names {
        Addresses::check(config).unwrap().own
    }

    #[test]
    fn om3_protected_resource() {
        let mut document = resource_document(&addresses(&config()));
        // The catalogue of permissions has tests of its own.
        let scopes = document["scopes_supported"].take();
        assert!(scopes.as_array().unwrap().contains(&json!("AlertRead")));
        assert!(!scopes.as_array().unwrap().contains(&json!(OFFLINE_ACCESS)));
        insta::assert_json_snapshot!(document, @r#"
        {
          "resource": "https://api.example.com/mcp",
          "authorization_servers": [
            "https://api.example.com"
          ],
          "scopes_supported": null,
          "bearer_methods_supported": [
            "header"
          ],
          "resource_name": "Margay"
        }
        "#);
    }

    #[test]
    fn om1_authorization_server() {
        let config = OAuthConfig { console_url: "https://margay.example.com".to_owned(), ..config() };
        let mut document = server_document(&addresses(&config), &config);
        let scopes = document["scopes_supported"].take();
        assert_eq!(scopes.as_array().unwrap().last(), Some(&json!(OFFLINE_ACCESS)));
        insta::assert_json_snapshot!(document, @r#"
        {
          "issuer": "https://api.example.com",
          "authorization_endpoint": "https://margay.example.com/oauth/authorize",
          "token_endpoint": "https://api.example.com/oauth/token",
          "registration_endpoint": "https://api.example.com/oauth/register",
          "revocation_endpoint": "https://api.example.com/oauth/revoke",
          "jwks_uri": "https://api.example.com/oauth/jwks",
          "scopes_supported": null,
          "response_types_supported": [
            "code"
          ],
          "response_modes_supported": [
            "query"
          ],
          "grant_types_supported": [
            "authorization_code",
            "refresh_token"
          ],
          "code_challenge_methods_supported": [
            "S256"
          ],
          "token_endpoint_auth_methods_supported": [
            "none"
          ],
          "revocation_endpoint_auth_methods_supported": [
            "none"
          ],
          "authorization_response_iss_parameter_supported": true,
          "client_id_metadata_document_supported": true
        }
        "#);
    }

    #[test]
    fn om2_the_documentation_is_named_only_if_there_is_any() {
        let page = "https://docs.example.com/mcp";
        let config = OAuthConfig { service_documentation: Some(page.to_owned()), ..config() };
        assert_eq!(server_document(&addresses(&config), &config)["service_documentation"], page);
    }
}
