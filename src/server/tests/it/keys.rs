//! The keys that sign access tokens: sealed at rest, rotated while the server runs.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use margay_domain::audit::Actor;
use margay_oauth::{KeyState, MasterKey, list_keys, rotate_keys};
use margay_server::{authorization, config::Config};
use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    command_line::{done, margay, refused},
    harness::{Browser, Client, Engine, JsonResponse, TestServer, Tokens, story},
};

fn key_of(token: &str) -> String {
    let header = token.split('.').next().expect("a header");
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("Base64")).expect("JSON");
    header["kid"].as_str().expect("a key id").to_owned()
}

async fn published(server: &TestServer) -> Vec<String> {
    let response = reqwest::get(format!("{}/oauth/jwks", server.url)).await.expect("an answer");
    let document: Value = JsonResponse::json(response).await.expect("JSON");
    let keys = document["keys"].as_array().expect("keys").clone();
    keys.iter().map(|key| key["kid"].as_str().expect("an id").to_owned()).collect()
}

/// What `margay keys rotate` does.
async fn rotate(server: &TestServer) {
    let store = &server.parts.store;
    let master = authorization::master_key(&server.config).expect("the master key is read");
    let (keys, audit) = (store.signing_keys(), store.audit_log());
    let now = margay_domain::clock::Clock::now(server.clock.as_ref());
    let entropy = server.parts.entropy.as_ref();
    rotate_keys(keys.as_ref(), audit.as_ref(), master.as_ref(), now, entropy, Actor::command_line())
        .await
        .expect("the keys are rotated");
}

story! {
    /// Nobody is signed out by a rotation, and the old key ends with its last token.
    async fn a_rotation_overlaps(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let before = client.connect(&browser, &["AlertRead"]).await;
        let old = key_of(&before.access);
        assert_eq!(published(server).await, std::slice::from_ref(&old));

        rotate(server).await;
        server.reload_keys().await;
        let both = published(server).await;
        assert_eq!((both.len(), both.contains(&old)), (2, true), "the new one is published before it signs");
        let (_, body) = client.refresh(&before.refresh).await;
        let soon = Tokens::read(&body);
        assert_eq!(key_of(&soon.access), old, "other nodes may not know the new one yet");

        server.advance(Duration::from_secs(121));
        let (status, body) = client.refresh(&soon.refresh).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let after = Tokens::read(&body);
        assert_ne!(key_of(&after.access), old);
        for tokens in [&before, &soon, &after] {
            assert!(!client.tool_names(&tokens.access).await.is_empty(), "each verifies");
        }
        // Row OF2: the answer got lost, and the key changed in between.
        let (status, body) = client.refresh(&soon.refresh).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(Tokens::read(&body).refresh, after.refresh);

        server.advance(Duration::from_mins(61));
        assert_eq!(published(server).await, [key_of(&after.access)]);
        let (status, body) = client.refresh(&after.refresh).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
}

story! {
    /// Row OF2: a retry across the takeover gets the successor that the old key gave.
    async fn a_lost_answer_across_a_takeover(server) {
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let client = Client::register(server).await;
        let first = client.connect(&browser, &["AlertRead"]).await;
        rotate(server).await;
        server.reload_keys().await;
        server.advance(Duration::from_secs(100));
        let (_, body) = client.refresh(&first.refresh).await;
        let lost = Tokens::read(&body);
        server.advance(Duration::from_secs(30));
        let (status, body) = client.refresh(&first.refresh).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(Tokens::read(&body).refresh, lost.refresh);
        assert_ne!(key_of(&Tokens::read(&body).access), key_of(&lost.access));
    }
}

fn master_key(dir: &tempfile::TempDir, name: &str, byte: u8) -> std::path::PathBuf {
    let file = dir.path().join(name);
    let mut bytes = [byte; 32];
    bytes[0] = 0;
    std::fs::write(&file, STANDARD.encode(bytes)).expect("the key is written");
    file
}

async fn sealed(engine: Engine) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (file, other) = (master_key(&dir, "one", 1), master_key(&dir, "two", 2));
    let configure = |config: &mut Config| config.oauth.master_key_file.clone_from(&file);
    TestServer::run_configured(engine, configure, async |server| {
        let keys = server.parts.store.signing_keys();
        server.advance(Duration::from_secs(1));
        let now = margay_domain::clock::Clock::now(server.clock.as_ref());
        rotate(server).await;
        let listed = list_keys(keys.as_ref(), now).await.expect("the keys are listed");
        assert!(listed.iter().all(|key| key.sealed), "{listed:?}");
        let states: Vec<KeyState> = listed.iter().map(|key| key.state).collect();
        assert_eq!(states, [KeyState::Next, KeyState::Signing]);
        let browser = Browser::signed_in(server, "viewer@example.com").await;
        let tokens = Client::register(server).await.connect(&browser, &["AlertRead"]).await;
        assert_eq!(tokens.scope, "AlertRead");

        // Without its master key, or with another, the database is of no use, and the sentence says why.
        for (master, sentence) in [
            (None, "oauth.master_key_file"),
            (
                Some(MasterKey::parse(&std::fs::read_to_string(&other).expect("a key")).expect("a key")),
                "another master key",
            ),
        ] {
            let mut config = margay_oauth::OAuthConfig::new("http://127.0.0.1:1", "http://127.0.0.1:1/mcp");
            config.master_key = master;
            let error = margay_oauth::OAuth::start(config, server.oauth_ports())
                .await
                .map(|_| ())
                .expect_err("it does not start");
            assert!(error.to_string().contains(sentence), "{error}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_keys_need_their_master_key_sqlite() {
    sealed(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_keys_need_their_master_key_postgres() {
    sealed(Engine::Postgres).await;
}

story! {
    /// Keys that were stored before there was a master key are sealed at the next start.
    async fn keys_are_sealed_later(server) {
        let keys = server.parts.store.signing_keys();
        let plain = keys.list().await.expect("keys")[0].private_der.clone();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let text = std::fs::read_to_string(master_key(&dir, "one", 1)).expect("a key");
        let mut config = margay_oauth::OAuthConfig::new("http://127.0.0.1:1", "http://127.0.0.1:1/mcp");
        config.master_key = Some(MasterKey::parse(&text).expect("a key"));
        margay_oauth::OAuth::start(config, server.oauth_ports()).await.expect("it starts");
        let sealed = keys.list().await.expect("keys")[0].private_der.clone();
        assert_ne!(sealed, plain);
        assert!(!sealed.windows(plain.len()).any(|part| part == plain));
    }
}

#[test]
fn keys_and_clients_on_the_command_line() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let run = |arguments: &[&str]| margay(dir.path(), arguments);
    done(&run(&["migrate"]));
    for expected in [&["signing"][..], &["next", "signing"]] {
        let keys: Value = serde_json::from_str(&done(&run(&["keys", "rotate", "--json"]))).expect("JSON");
        let states: Vec<&str> = keys.as_array().expect("keys").iter().filter_map(|key| key["state"].as_str()).collect();
        assert_eq!(states, expected);
    }
    let events = done(&run(&["audit", "search", "--action", "ROTATE_SIGNING_KEYS", "--json"]));
    assert_eq!(events.matches("ROTATE_SIGNING_KEYS").count(), 2, "{events}");

    for bad in ["http://evil.example/cb", "javascript:alert(1)", "https://ana@claude.ai/cb", "no uri"] {
        assert!(refused(&run(&["client", "add", "Mine", "--redirect-uri", bad])).contains("cannot be used"), "{bad}");
    }
    let id = done(&run(&["client", "add", "Mine", "--redirect-uri", "https://claude.ai/cb"]));
    assert!(done(&run(&["client", "approve", id.trim()])).contains("does not wait"));
    assert!(refused(&run(&["client", "approve", "mcp_nobody"])).contains("no client"));
}
