//! Section 2.5: refresh tokens.

use std::time::Duration;

use margay_domain::{
    audit::{ActorKind, REVOKE_MCP_CONNECTION},
    clock::Clock as _,
    rules::Permission,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{REVOKE, Reply, VIEWER, assert_refused, endings, events, list_tools, mcp_status, post_form, tokens};
use crate::harness::{Browser, Client, story};

/// Longer than the grace within which a superseded token is answered again.
const AFTER_GRACE: Duration = Duration::from_secs(46);
const DAY: Duration = Duration::from_hours(24);

/// Refreshes and asks for a scope.
async fn refresh_with_scope(client: &Client, token: &str, scope: &str) -> (StatusCode, Value) {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client.id.as_str()),
        ("refresh_token", token),
        ("scope", scope),
    ];
    client.token(&fields).await
}

story! {
    /// Rows OF1, A8: each refresh gives a new token; an old one that comes back after its successor was used ends the
    /// family, the client is told what to do, and the log says what shows that it is a copy.
    async fn of1_a8_a_copy_ends_the_family(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        let second = tokens(client.refresh(&first.refresh).await);
        assert_ne!(first.refresh, second.refresh);
        let third = tokens(client.refresh(&second.refresh).await);
        server.advance(AFTER_GRACE);
        for token in [&first, &third] {
            let (status, body) = client.refresh(&token.refresh).await;
            assert_eq!((status.as_u16(), &body["error"]), (400, &json!("invalid_grant")), "{body}");
            let text = body["error_description"].as_str().expect("a text");
            assert!(text.contains("has been used") && text.contains("ask for authorization again"), "{text}");
        }
        for access in [&first.access, &second.access, &third.access] {
            assert_eq!(mcp_status(server, access).await, 401);
        }
        let ended = events(server, REVOKE_MCP_CONNECTION).await;
        let [event] = ended.as_slice() else { panic!("one event: {ended:?}") };
        assert_eq!(event.action_params["reason"], "refresh_reuse");
        assert_eq!((event.actor.kind, &event.action_details["clientId"]), (ActorKind::System, &json!(client.id)));
        assert_eq!(event.action_details["userEmail"], VIEWER);
        assert_eq!(event.action_details["secondsSinceExchange"], 46);
        assert_eq!(event.action_details["successorUsed"], true);
        assert_eq!(event.action_details["lastRefreshIP"], "127.0.0.1");
        assert_eq!(event.action_details["sameAddressAsLastRefresh"], true);
        assert_eq!(event.source_ip.as_deref(), Some("127.0.0.1"));
    }
}

story! {
    /// Row OF2: a window that is late by whatever time gets the successor that nobody has used yet, and nobody is signed
    /// out; as soon as two holders of it go different ways the family ends.
    async fn of2_a_late_window_ends_nothing(server) {
        let client = Client::register(server).await;
        for late in [50, 120, 3_601, 86_400, 29 * 86_400] {
            let browser = Browser::signed_in(server, VIEWER).await;
            let first = client.connect(&browser, &["AlertRead"]).await;
            let second = tokens(client.refresh(&first.refresh).await);
            server.advance(Duration::from_secs(late));
            let again = tokens(client.refresh(&first.refresh).await);
            assert_eq!(again.refresh, second.refresh, "{late} seconds");
            assert_eq!(mcp_status(server, &again.access).await, 200, "{late} seconds");
            let third = tokens(client.refresh(&second.refresh).await);
            assert_eq!(mcp_status(server, &third.access).await, 200, "{late} seconds");
            assert!(endings(server).await.is_empty(), "{late} seconds");
            // Two windows, each in its own hour: whoever is second follows the first.
            server.advance(Duration::from_mins(1));
            assert_eq!(tokens(client.refresh(&second.refresh).await).refresh, third.refresh);
        }
        let browser = Browser::signed_in(server, VIEWER).await;
        // A thief with an old token gets the successor that its owner has; the next of the two to come late shows.
        let first = client.connect(&browser, &["AlertRead"]).await;
        let second = tokens(client.refresh(&first.refresh).await);
        server.advance(AFTER_GRACE);
        let stolen = tokens(client.refresh(&first.refresh).await);
        assert_eq!(stolen.refresh, second.refresh);
        let third = tokens(client.refresh(&stolen.refresh).await);
        let fourth = tokens(client.refresh(&third.refresh).await);
        server.advance(AFTER_GRACE);
        assert_refused(client.refresh(&second.refresh).await, "invalid_grant");
        assert_refused(client.refresh(&fourth.refresh).await, "invalid_grant");
        assert_eq!(mcp_status(server, &fourth.access).await, 401);
        assert_eq!(endings(server).await, ["refresh_reuse"]);
    }
}

story! {
    /// Row OF1: a copy is a copy, also if its own time is over by now or something else is wrong with the request.
    async fn of1_a_copy_is_noticed_whatever_else_is_wrong(server) {
        let client = Client::register(server).await;
        let browser = Browser::signed_in(server, VIEWER).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        server.advance(DAY);
        let second = tokens(client.refresh(&first.refresh).await);
        server.advance(28 * DAY);
        let third = tokens(client.refresh(&second.refresh).await);
        server.advance(2 * DAY);
        server.parts.store.grants().collect(server.clock.now()).await.expect("collected");
        assert_refused(client.refresh(&first.refresh).await, "invalid_grant");
        assert_refused(client.refresh(&third.refresh).await, "invalid_grant");
        assert_eq!(endings(server).await, ["refresh_reuse"]);

        let browser = Browser::signed_in(server, VIEWER).await;
        for scope in ["a\"b", "UserRead"] {
            let first = client.connect(&browser, &["AlertRead"]).await;
            let second = tokens(client.refresh(&first.refresh).await);
            let third = tokens(client.refresh(&second.refresh).await);
            server.advance(AFTER_GRACE);
            assert_refused(refresh_with_scope(&client, &first.refresh, scope).await, "invalid_grant");
            assert_eq!(mcp_status(server, &third.access).await, 401, "{scope}");
            assert_refused(client.refresh(&third.refresh).await, "invalid_grant");
        }
        assert_eq!(endings(server).await, ["refresh_reuse"; 3]);
    }
}

story! {
    /// Row OF2: within the grace an old token gets its successor again, also if that was used already; then it ends the
    /// family, once.
    async fn of2_within_the_grace_the_successor_is_the_same(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        let second = tokens(client.refresh(&first.refresh).await);
        server.advance(Duration::from_secs(10));
        let third = tokens(client.refresh(&second.refresh).await);
        for _ in 0..2 {
            let again = tokens(client.refresh(&first.refresh).await);
            assert_eq!(again.refresh, second.refresh);
            assert_eq!(mcp_status(server, &again.access).await, 200);
            assert_eq!(tokens(client.refresh(&second.refresh).await).refresh, third.refresh);
        }
        server.advance(Duration::from_secs(34));
        assert_eq!(tokens(client.refresh(&first.refresh).await).refresh, second.refresh, "44 seconds later");
        assert!(endings(server).await.is_empty());
        server.advance(Duration::from_secs(2));
        assert_refused(client.refresh(&first.refresh).await, "invalid_grant");
        assert_refused(client.refresh(&third.refresh).await, "invalid_grant");
        assert_eq!(mcp_status(server, &third.access).await, 401);
        assert_refused(client.refresh(&first.refresh).await, "invalid_grant");
        assert_eq!(endings(server).await, ["refresh_reuse"]);
    }
}

story! {
    /// Row OF3: a token is its client's; whoever else presents it, fresh or superseded, changes nothing.
    async fn of3_tokens_of_another_client(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let other = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        assert_refused(other.refresh(&first.refresh).await, "invalid_grant");
        // Had it been exchanged, it would be a copy by now.
        server.advance(AFTER_GRACE);
        let second = tokens(client.refresh(&first.refresh).await);
        server.advance(AFTER_GRACE);
        assert_refused(other.refresh(&first.refresh).await, "invalid_grant");
        assert_eq!(mcp_status(server, &second.access).await, 200);
        tokens(client.refresh(&second.refresh).await);
        assert!(endings(server).await.is_empty());
    }
}

story! {
    /// Row OF4: a scope narrows this access token and nothing else; a wider one is refused and uses nothing up.
    async fn of4_scopes_narrow_and_never_widen(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead", "RuleRead"]).await;
        for scope in ["UserRead", "AlertRead RuleRead UserRead", "a\"b"] {
            assert_refused(refresh_with_scope(&client, &first.refresh, scope).await, "invalid_scope");
        }
        server.advance(AFTER_GRACE);
        let narrowed = tokens(refresh_with_scope(&client, &first.refresh, "AlertRead offline_access").await);
        assert_eq!(narrowed.scope, "AlertRead");
        let tools = client.tool_names(&narrowed.access).await;
        assert!(tools.iter().any(|name| name == "list_alerts"), "{tools:?}");
        assert!(!tools.iter().any(|name| name == "list_detections"), "{tools:?}");
        let whole = tokens(client.refresh(&narrowed.refresh).await);
        assert_eq!(whole.scope, "AlertRead RuleRead");
        assert!(client.tool_names(&whole.access).await.iter().any(|name| name == "list_detections"));
    }
}

story! {
    /// Row OF5: a role that no longer covers the grant ends it at the next refresh, and so does a disabled account; a
    /// wider role widens nothing.
    async fn of5_a_reduced_role_or_a_disabled_person_ends_the_family(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead", "RuleRead"]).await;
        server.accounts().set_role(VIEWER, "Admin").await.expect("a wider role");
        let second = tokens(client.refresh(&first.refresh).await);
        assert_eq!(second.scope, "AlertRead RuleRead");

        server.give_custom_role(VIEWER, &[Permission::AlertRead]).await;
        assert_eq!(mcp_status(server, &second.access).await, 200, "until then it is narrower");
        assert_refused(client.refresh(&second.refresh).await, "invalid_grant");
        assert_eq!(mcp_status(server, &second.access).await, 401);
        assert_eq!(endings(server).await, ["role_reduced"]);
        server.accounts().set_role(VIEWER, "AnalystReadOnly").await.expect("the role it was");
        assert_refused(client.refresh(&second.refresh).await, "invalid_grant");

        server.advance(Duration::from_secs(1));
        // Only the flag: `margay user disable` would end the grant before the refresh does.
        let first = client.connect(&browser, &["AlertRead"]).await;
        let users = server.parts.store.users();
        let (person, _) = users.find_by_email(VIEWER).await.expect("a read").expect("the person");
        users.set_enabled(&person.id, false).await.expect("disabled");
        assert_eq!(mcp_status(server, &first.access).await, 401);
        assert_refused(client.refresh(&first.refresh).await, "invalid_grant");
        assert_eq!(endings(server).await, ["role_reduced", "user_disabled"]);
        users.set_enabled(&person.id, true).await.expect("enabled");
        assert_refused(client.refresh(&first.refresh).await, "invalid_grant");
        assert_eq!(mcp_status(server, &first.access).await, 401);
    }
}

story! {
    /// Row OF6: a token ends after 30 days unused, and each refresh begins them anew; a connection ends after 180 days
    /// whatever happens, and no token outlives it.
    async fn of6_the_idle_and_the_absolute_end(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        server.advance((30 * DAY).saturating_sub(Duration::from_secs(1)));
        let second = tokens(client.refresh(&first.refresh).await);
        server.advance(29 * DAY);
        let third = tokens(client.refresh(&second.refresh).await);
        server.advance(30 * DAY);
        assert_refused(client.refresh(&third.refresh).await, "invalid_grant");
        assert!(endings(server).await.is_empty(), "it ended by itself");

        let browser = Browser::signed_in(server, VIEWER).await;
        let mut current = client.connect(&browser, &["AlertRead"]).await;
        for _ in 0..7 {
            server.advance(25 * DAY);
            current = tokens(client.refresh(&current.refresh).await);
        }
        server.advance((5 * DAY).saturating_sub(Duration::from_mins(30)));
        let (status, body) = client.refresh(&current.refresh).await;
        assert_eq!((status.as_u16(), &body["expires_in"]), (200, &json!(1800)), "{body}");
        let last = tokens((status, body));
        assert_eq!(mcp_status(server, &last.access).await, 200);
        server.advance(Duration::from_mins(30));
        assert_eq!(mcp_status(server, &last.access).await, 401);
        assert_refused(client.refresh(&last.refresh).await, "invalid_grant");
    }
}

story! {
    /// Row OF7: an access token lives for an hour, and a revocation counts on the very next request.
    async fn of7_the_life_of_an_access_token(server) {
        let browser = Browser::signed_in(server, VIEWER).await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        let second = client.connect(&browser, &["AlertRead"]).await;
        server.advance(Duration::from_mins(59));
        assert_eq!(mcp_status(server, &first.access).await, 200);
        let fields = [("token", second.refresh.as_str()), ("client_id", client.id.as_str())];
        assert_eq!(post_form(server, REVOKE, &fields).await.status.as_u16(), 200);
        assert_eq!(mcp_status(server, &second.access).await, 401);
        server.advance(Duration::from_mins(1));
        let expired = Reply::of(list_tools(&server.url).bearer_auth(&first.access)).await;
        assert_eq!(expired.status.as_u16(), 401);
        assert!(expired.header("www-authenticate").contains("error=\"invalid_token\""), "{:?}", expired.headers);
        tokens(client.refresh(&first.refresh).await);
    }
}
