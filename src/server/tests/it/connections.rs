//! The Connections page.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Browser, Client, story};

story! {
    async fn a_person_sees_and_ends_their_connection(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let empty = browser.get("/connections").await.page.text();
        assert!(empty.contains(&format!("{}/mcp", server.url)), "the page says what to add to a client");
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        let page = browser.get("/connections").await.page;
        assert!(page.text().contains("Test client"));
        let link = page
            .tags("a")
            .into_iter()
            .filter_map(|tag| tag.attribute("href"))
            .find(|href| href.starts_with("/connections/grt_"))
            .expect("a link to the connection");
        let detail = browser.get(&link).await;
        assert!(detail.page.text().contains("Read Alerts"));

        let other = Browser::signed_in(server, "analyst@example.com").await;
        assert_eq!(other.get(&link).await.status, StatusCode::NOT_FOUND, "nobody sees another's");
        let csrf = other.get("/connections").await.page.input("csrf");
        let foreign = other.post(&format!("{link}/revoke"), &[("csrf", csrf)]).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert!(!client.tool_names(&tokens.access).await.is_empty());

        let forged = browser.post(&format!("{link}/revoke"), &[("csrf", "x".to_owned())]).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        let answer = browser.post(&format!("{link}/revoke"), &[("csrf", detail.page.input("csrf"))]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page.text());
        let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "with effect on the next request");
        assert_eq!(client.refresh(&tokens.refresh).await.1["error"], "invalid_grant");
        assert!(browser.get("/connections").await.page.text().contains("You disconnected it."));
    }
}
