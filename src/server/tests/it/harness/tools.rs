//! Calling tools in stories.

use serde_json::Value;

use super::{Browser, Client, TestServer};

/// A client of the admin to which everything was granted, and its access token.
pub(crate) async fn connected(server: &TestServer) -> (Client, String) {
    connected_as(server, "admin@example.com").await
}

/// A client of this person to which everything was granted that the consent page offers, and its access token.
pub(crate) async fn connected_as(server: &TestServer, email: &str) -> (Client, String) {
    let browser = Browser::signed_in(server, email).await;
    let client = Client::register(server).await;
    let page = client.consent_page(&browser).await;
    let all = page.page.inputs("permission");
    let tokens = client.connect(&browser, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    (client, tokens.access)
}

/// The structured answer of a call that went well.
#[track_caller]
pub(crate) fn succeeded(result: &Value) -> &Value {
    assert_ne!(result["isError"], true, "{result}");
    &result["structuredContent"]
}

/// Code and sentence of a call that was refused.
#[track_caller]
pub(crate) fn refused(result: &Value) -> (&str, &str) {
    assert_eq!(result["isError"], true, "{result}");
    let code = result["_meta"]["dev.margay/error_code"].as_str().expect("a code");
    (code, result["content"][0]["text"].as_str().expect("a sentence"))
}
