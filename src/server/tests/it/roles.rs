//! Promise 1 and promise 3: what happens when a role is reduced.

use margay_domain::rules::Permission;
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Browser, Client, story};

story! {
    async fn a_reduced_role_counts_on_the_next_request_and_ends_the_refresh(server) {
        let browser = Browser::signed_in(server, "admin@example.com").await;
        // Another admin, so that the first may be reduced.
        server.accounts().set_role("analyst@example.com", "Admin").await.expect("set");
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead", "UserRead"]).await;
        server.give_custom_role("admin@example.com", &[Permission::UserRead]).await;

        let tools = client.tool_names(&tokens.access).await;
        assert!(tools.contains(&"list_users".to_owned()) && !tools.contains(&"list_alerts".to_owned()), "{tools:?}");
        let denied = client.call(&tokens.access, "list_alerts", json!({})).await;
        assert_eq!(denied["isError"], true, "{denied}");
        assert!(denied["content"][0]["text"].as_str().expect("text").contains("ermission denied"), "{denied}");
        let allowed = client.call(&tokens.access, "list_users", json!({})).await;
        assert_ne!(allowed["isError"], true, "{allowed}");

        let (status, body) = client.refresh(&tokens.refresh).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
        let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "the family has ended");
    }
}

story! {
    async fn a_disabled_person_is_out(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let tokens = client.connect(&browser, &["AlertRead"]).await;
        server.accounts().disable("viewer@example.com").await.expect("disabled");
        let response = client.post_mcp(Some(&tokens.access), "tools/list", json!({})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(client.refresh(&tokens.refresh).await.1["error"], "invalid_grant");
        server.accounts().enable("viewer@example.com").await.expect("enabled");
        assert_eq!(client.refresh(&tokens.refresh).await.1["error"], "invalid_grant", "what has ended stays ended");
    }
}

story! {
    /// Whoever could lock everybody out is stopped.
    async fn somebody_can_always_manage_users(server) {
        let refused = server.accounts().set_role("admin@example.com", "Analyst").await;
        assert!(refused.is_err());
        assert!(server.accounts().disable("admin@example.com").await.is_err());
        let unknown = server.accounts().set_role("viewer@example.com", "Wizard").await.expect_err("no such role");
        assert!(unknown.to_string().contains("Analyst"), "{unknown}");
        Browser::signed_in(server, "admin@example.com").await;
    }
}
