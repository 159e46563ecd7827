//! Entities to store.

use std::time::Duration;

use margay_domain::{
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    grant::{AuthorizationCode, Grant, RefreshToken},
    id::{ClientId, GrantId, RoleId, UserId},
    rules::{Permission, PermissionSet},
    secret::SecretHash,
    user::{PasswordHash, User},
};
use margay_store::Store;

/// The time of most things, with microseconds, so that a loss of precision shows.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_123_456);

/// So many seconds after [`NOW`].
pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// So many seconds before [`NOW`].
pub(crate) fn earlier(seconds: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(seconds))
}

pub(crate) fn hash(number: u8) -> SecretHash {
    SecretHash::from_bytes([number; 32])
}

pub(crate) fn password(text: &str) -> PasswordHash {
    PasswordHash(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${text}"))
}

/// A person of the role Analyst; id and e-mail address are made of `name`.
pub(crate) fn user(name: &str) -> User {
    User {
        id: UserId::new(format!("usr_{name}")),
        email: format!("{name}@example.com"),
        given_name: name.to_owned(),
        family_name: "Example".to_owned(),
        role_id: RoleId::new("Analyst"),
        enabled: true,
        created_at: NOW,
        last_signed_in_at: None,
    }
}

pub(crate) fn client(name: &str) -> Client {
    Client {
        id: ClientId::new(format!("mcp_{name}")),
        name: name.to_owned(),
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned(), format!("{name}://done")],
        client_uri: Some("https://client.example.com".to_owned()),
        application_type: None,
        grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        source: ClientSource::Registered,
        approval: Approval::Approved,
        document_fresh_until: None,
        created_at: NOW,
        last_authorized_at: None,
    }
}

pub(crate) fn permissions() -> PermissionSet {
    [Permission::AlertRead, Permission::DataAnalyticsRead].into_iter().collect()
}

/// A grant of Ana to the client "claude", for a day.
pub(crate) fn grant(name: &str) -> Grant {
    Grant {
        id: GrantId::new(format!("grt_{name}")),
        user_id: UserId::new("usr_ana"),
        client_id: ClientId::new("mcp_claude"),
        permissions: permissions(),
        resource: "https://margay.example.com/mcp".to_owned(),
        redirect_uri: "http://127.0.0.1:4711/callback".to_owned(),
        created_at: NOW,
        activated_at: None,
        expires_at: later(86_400),
        last_used_at: None,
        narrowed_from: None,
        refreshed_from: None,
        revoked: None,
    }
}

/// The code of a grant, for a minute.
pub(crate) fn code(number: u8, grant: &Grant) -> AuthorizationCode {
    AuthorizationCode {
        hash: hash(number),
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        redirect_uri: grant.redirect_uri.clone(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        expires_at: later(60),
        consumed_at: None,
    }
}

/// A refresh token of a grant, issued at [`NOW`], for an hour.
pub(crate) fn refresh(number: u8, grant: &Grant) -> RefreshToken {
    RefreshToken {
        hash: hash(number),
        grant_id: grant.id.clone(),
        issued_at: NOW,
        expires_at: later(3_600),
        superseded_at: None,
        successor: None,
        successor_used_at: None,
    }
}

/// The built-in roles, Ana, and the client "claude".
pub(crate) async fn people_and_client(store: &Store) {
    store.roles().ensure_built_in(NOW).await.unwrap();
    store.users().create(&user("ana"), Some(&password("ana"))).await.unwrap();
    store.clients().create(&client("claude")).await.unwrap();
}

/// The above and an active grant with the refresh token `first`.
pub(crate) async fn active_grant(store: &Store, name: &str, first: u8) -> Grant {
    let grant = grant(name);
    store.grants().create(&grant, &code(first.wrapping_add(200), &grant)).await.unwrap();
    assert!(store.grants().activate(&grant.id, Some(&refresh(first, &grant)), NOW).await.unwrap());
    grant
}
