//! *Recently blocked* on the page Remote MCP: from a refused client to an entry of the allowlist.

use std::time::Duration;

use reqwest::StatusCode;

use crate::harness::{Browser, Client, Html, story};

const PATH: &str = "/settings/ai-automation/remote-mcp";

/// The links whose address has this part.
fn links(page: &Html, part: &str) -> Vec<String> {
    page.tags("a").into_iter().filter_map(|tag| tag.attribute("href")).filter(|href| href.contains(part)).collect()
}

story! {
    async fn an_admin_allows_what_was_blocked(server) {
        let viewer = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register_with(server, "https://claude.ai/api/mcp/auth_callback").await;
        for _ in 0..2 {
            assert_eq!(viewer.open(&client.authorize_path(&[])).await.status, StatusCode::BAD_REQUEST);
            // Events are sorted by time, and the clock of these tests stands still.
            server.advance(Duration::from_secs(1));
        }
        let app = Client::register_with(server, "cursor://anysphere.cursor-mcp/oauth/callback").await;
        assert_eq!(viewer.open(&app.authorize_path(&[])).await.status, StatusCode::BAD_REQUEST);
        // A host with a star would be a pattern for many others.
        let trap = Client::register_with(server, "https://*.com/callback").await;
        assert_eq!(viewer.open(&trap.authorize_path(&[])).await.status, StatusCode::BAD_REQUEST);

        let admin = Browser::signed_in(server, "admin@example.com").await;
        let page = admin.get(PATH).await.page;
        let text = page.text();
        assert!(text.contains("Recently blocked") && text.contains("Test client to claude.ai"), "{text}");
        assert!(text.contains("2 times") && text.contains("by viewer@example.com"), "{text}");
        assert!(text.contains("No setting can allow this."), "{text}");
        assert_eq!(links(&page, "add_scheme=").len(), 1);
        let add = links(&page, "add_domain=");
        assert_eq!(add, [format!("{PATH}?add_domain=claude.ai#domain-0")]);

        // One click puts it into a row, and saves nothing.
        let proposed = admin.get(&add[0]).await.page;
        assert!(proposed.text().contains("claude.ai stands in the list below and is not saved yet"));
        assert!(proposed.inputs("domain").contains(&"claude.ai".to_owned()));
        assert!(!admin.get(PATH).await.page.inputs("domain").contains(&"claude.ai".to_owned()));
        assert_eq!(viewer.open(&client.authorize_path(&[])).await.status, StatusCode::BAD_REQUEST);
        let foreign = admin.get(&format!("{PATH}?add_domain=evil.example")).await.page;
        assert!(!foreign.inputs("domain").contains(&"evil.example".to_owned()), "a link from elsewhere brings nothing into the form");

        // The form is saved as it stands there.
        let mut fields = vec![("csrf", proposed.input("csrf")), ("revision", proposed.input("revision"))];
        fields.extend(proposed.inputs("domain").into_iter().map(|domain| ("domain", domain)));
        assert_eq!(admin.post(PATH, &fields).await.status, StatusCode::SEE_OTHER);
        let page = admin.get(PATH).await.page;
        assert!(page.text().contains("Allowed now") && links(&page, "add_domain=").is_empty(), "{}", page.text());
        client.consent_page(&viewer).await;

        server.advance(Duration::from_hours(31 * 24));
        let later = Browser::signed_in(server, "admin@example.com").await.get(PATH).await.page.text();
        assert!(later.contains("Nothing was blocked in the last 30 days."), "{later}");
    }
}

story! {
    /// Who may only read the settings sees what is blocked, but neither who tried nor a link.
    async fn readers_see_what_was_blocked_and_not_who_tried(server) {
        let analyst = Browser::signed_in(server, "analyst@example.com").await;
        let client = Client::register_with(server, "https://claude.ai/api/mcp/auth_callback").await;
        assert_eq!(analyst.open(&client.authorize_path(&[])).await.status, StatusCode::BAD_REQUEST);
        let viewer = Browser::signed_in(server, "viewer@example.com").await;
        for path in [PATH.to_owned(), format!("{PATH}?add_domain=claude.ai")] {
            let page = viewer.get(&path).await.page;
            let text = page.text();
            assert!(text.contains("Test client to claude.ai") && text.contains("add the domain claude.ai"), "{text}");
            assert!(!text.contains("analyst@example.com") && links(&page, "add_domain=").is_empty(), "{text}");
            assert!(!page.inputs("domain").contains(&"claude.ai".to_owned()));
        }
    }
}
