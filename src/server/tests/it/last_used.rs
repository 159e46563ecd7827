//! *Last used* on the page *Connections*: people end what they do not use.

use std::time::Duration;

use margay_domain::clock::Clock as _;
use serde_json::json;

use crate::harness::{Browser, Client, story};

/// What stands in the column, in the first row.
async fn last_used(browser: &Browser) -> String {
    let page = browser.get("/connections").await.page;
    let (_, rest) = page.0.split_once("data-label=\"Last used\"").expect("a connection");
    rest.split("</td>").next().unwrap_or_default().to_owned()
}

/// The use is noted after the answer has left, so the page may be a moment behind.
async fn shows(browser: &Browser, text: &str) -> bool {
    for _ in 0..500 {
        if last_used(browser).await.contains(text) {
            return true;
        }
    }
    false
}

story! {
    async fn a_tool_call_is_a_use(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        client.tool_names(&tokens.access).await;
        let before = last_used(&browser).await;
        assert!(before.contains("Never"), "a list is no use: {before}");

        server.advance(Duration::from_mins(7));
        client.call(&tokens.access, "get_permissions", json!({})).await;
        let first = server.clock.now().to_display();
        assert!(shows(&browser, &first).await, "{first}: {}", last_used(&browser).await);

        server.advance(Duration::from_mins(11));
        client.call(&tokens.access, "get_permissions", json!({})).await;
        let second = server.clock.now().to_display();
        assert_ne!(first, second);
        assert!(shows(&browser, &second).await, "{second}: {}", last_used(&browser).await);
    }
}
