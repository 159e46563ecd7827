//! Settings > AI & Automation > Remote MCP.

use reqwest::StatusCode;

use crate::harness::{Browser, story};

const PATH: &str = "/settings/ai-automation/remote-mcp";

story! {
    async fn an_admin_edits_the_allowlists(server) {
        let admin = Browser::signed_in(server, "admin@example.com").await;
        let page = admin.get(PATH).await.page;
        assert_eq!(page.heading(), "Remote MCP");
        let post = |fields: Vec<(&'static str, &'static str)>, page: crate::harness::Html| {
            let admin = &admin;
            async move {
                let mut all = vec![("csrf", page.input("csrf")), ("revision", page.input("revision"))];
                all.extend(fields.into_iter().map(|(name, value)| (name, value.to_owned())));
                admin.post(PATH, &all).await
            }
        };
        let stale = page.clone();
        let saved = post(vec![("domain", "Claude.AI"), ("domain", ""), ("domain", "*cursor.com"), ("scheme", "cursor")], page).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.page.text());
        let page = admin.get(&saved.location).await.page;
        let domains: Vec<String> = page.inputs("domain").into_iter().filter(|value| !value.is_empty()).collect();
        assert_eq!(domains, ["claude.ai", "*cursor.com"]);
        assert!(page.inputs("scheme").contains(&"cursor".to_owned()));
        assert!(page.text().contains("notcursor.com"), "the page warns of lookalikes");

        // Bad entries: nothing is saved, nothing is lost.
        let bad = post(vec![("domain", "https://x.example"), ("domain", "good.example"), ("scheme", "javascript")], page.clone()).await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bad.page.inputs("domain").contains(&"https://x.example".to_owned()));
        assert!(bad.page.inputs("domain").contains(&"good.example".to_owned()));
        assert!(bad.page.text().contains("without https://") && bad.page.text().contains("reserved"), "{}", bad.page.text());
        for reserved in ["http", "https", "javascript", "data", "file", "vbscript"] {
            assert_eq!(post(vec![("scheme", reserved)], page.clone()).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{reserved}");
        }

        // Somebody saved in between.
        let late = post(vec![("domain", "late.example")], stale).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.page.inputs("domain").contains(&"late.example".to_owned()));
        let current = admin.get(PATH).await.page.inputs("domain");
        assert!(current.contains(&"claude.ai".to_owned()) && !current.contains(&"late.example".to_owned()));
    }
}

story! {
    async fn viewing_and_saving_need_their_permissions(server) {
        let viewer = Browser::signed_in(server, "viewer@example.com").await;
        let page = viewer.get(PATH).await;
        assert_eq!(page.status, StatusCode::OK, "a viewer holds Read Settings");
        assert!(page.page.text().contains("Edit Settings & SAML Preferences"), "and reads what is missing");
        let fields = [("csrf", page.page.input("csrf")), ("revision", "0".to_owned()), ("domain", "evil.example".to_owned())];
        assert_eq!(viewer.post(PATH, &fields).await.status, StatusCode::FORBIDDEN);

        server.give_custom_role("viewer@example.com", &[]).await;
        assert_eq!(viewer.get(PATH).await.status, StatusCode::FORBIDDEN);
        assert_eq!(viewer.get("/audit").await.status, StatusCode::FORBIDDEN);
        assert!(!viewer.get("/connections").await.page.0.contains(PATH), "no link to what cannot be opened");
    }
}
