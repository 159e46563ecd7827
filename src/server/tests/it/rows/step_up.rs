//! Row R5: a call that lacks a scope is challenged for it.

use std::collections::BTreeSet;

use margay_domain::{
    audit::{AI_TOOL_INVOKE, ActionResult},
    rules::Permission,
};
use serde_json::json;

use super::{ANALYST, events};
use crate::harness::{Browser, Client, JsonResponse as _, story};

story! {
    /// Row R5: if the role holds what the grant lacks, the client is told which scopes to come back with, its present
    /// ones among them; if the role lacks it, no new consent would help, so the model is told in words. Either way the
    /// call is one event.
    async fn r5_step_up(server) {
        let browser = Browser::signed_in(server, ANALYST).await;
        let client = Client::register(server).await;
        let access = client.connect(&browser, &["AlertRead", "LookupRead"]).await.access;
        let call = json!({ "name": "list_users", "arguments": {} });
        let response = client.post_mcp(Some(&access), "tools/call", call.clone()).await;
        assert_eq!(response.status().as_u16(), 403);
        let challenge = response.headers()["www-authenticate"].to_str().expect("ASCII").to_owned();
        let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"", server.url);
        assert!(challenge.starts_with("Bearer ") && challenge.contains(&metadata), "{challenge}");
        assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("error_description=\""), "{challenge}");
        let (_, scope) = challenge.split_once("scope=\"").expect("a scope");
        let (scope, _) = scope.split_once('"').expect("its end");
        let scopes: BTreeSet<&str> = scope.split(' ').collect();
        assert_eq!(scopes, BTreeSet::from(["AlertRead", "LookupRead", "UserRead"]));
        let body: serde_json::Value = response.json().await.expect("JSON");
        assert!(body.get("result").is_none(), "nothing of the tool: {body}");

        // Either of two would do: the challenge names what the tool can use.
        let either = json!({ "name": "list_detections", "arguments": {} });
        let response = client.post_mcp(Some(&access), "tools/call", either).await;
        assert_eq!(response.status().as_u16(), 403);
        let challenge = response.headers()["www-authenticate"].to_str().expect("ASCII").to_owned();
        assert!(challenge.contains("RuleRead") || challenge.contains("PolicyRead"), "{challenge}");
        assert!(challenge.contains("AlertRead") && challenge.contains("LookupRead"), "{challenge}");

        // What is granted and held is no reason for a challenge, nor is a tool that does not exist.
        for name in ["list_alerts", "get_permissions", "no_such_tool"] {
            let call = json!({ "name": name, "arguments": {} });
            let response = client.post_mcp(Some(&access), "tools/call", call).await;
            assert_ne!(response.status().as_u16(), 403, "{name}");
            assert!(!response.headers().contains_key("www-authenticate"), "{name}");
        }

        server.give_custom_role(ANALYST, &[Permission::AlertRead, Permission::LookupRead]).await;
        let denied = client.call(&access, "list_users", json!({})).await;
        assert_eq!(denied["isError"], true, "{denied}");
        assert!(denied["content"][0]["text"].as_str().expect("text").contains("ermission denied"), "{denied}");
        let calls = events(server, AI_TOOL_INVOKE).await;
        assert_eq!(calls.len(), 6, "{calls:?}");
        let of = |tool: &str| calls.iter().filter(|event| event.action_params["static"]["toolName"] == tool).count();
        assert_eq!((of("list_users"), of("list_detections")), (2, 1));
        let refused = calls.iter().filter(|event| event.action_result == ActionResult::Failed).count();
        assert_eq!(refused, 4, "two challenges, one denial, one unknown tool");
    }
}
