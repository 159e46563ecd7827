//! The signing keys as a whole: their first one, their exchange, and sealing those that were stored before there was a
//! master key.

use std::time::Duration;

use margay_domain::{
    audit::{self, ActionResult, Actor, AuditEvent},
    clock::Timestamp,
    entropy::Entropy,
    id::AuditEventId,
    ports::{AuditLog, SigningKeys, StoreError},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    config::OAuthConfig,
    keys::{self, KeyError, KeyRing, TAKEOVER},
    oauth::{OAuthPorts, StartError},
    seal::{self, MasterKey},
};

/// How often a server reads the keys again.
pub const RELOAD_EVERY: Duration = Duration::from_secs(20);

/// Why the keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The stored keys cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a key does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It is published, and signs later.
    Next,
    /// It signs.
    Signing,
    /// It only verifies tokens that it signed.
    Verifying,
}

/// A key, without its private part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyInfo {
    /// The key id in tokens and in the JWKS.
    pub id: String,
    /// What it does now.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it no longer signs; `None` if nothing will follow it.
    pub retires_at: Option<Timestamp>,
    /// Whether its private part is sealed with a master key.
    pub sealed: bool,
}

/// Loads the keys for a server that starts; makes one if there is none, and seals what is not sealed yet.
pub(crate) async fn start(config: &OAuthConfig, ports: &OAuthPorts) -> Result<KeyRing, StartError> {
    let master = config.master_key.as_ref();
    let candidate = keys::generate(ports.clock.now(), ports.entropy.as_ref(), master)?;
    // Several nodes may start at once: the store says whose key counts.
    ports.signing_keys.ensure_current(&candidate).await?;
    if let Some(master) = master {
        seal_all(ports.signing_keys.as_ref(), master, ports.entropy.as_ref()).await?;
    }
    load(config, ports).await
}

/// Loads the keys.
pub(crate) async fn load(config: &OAuthConfig, ports: &OAuthPorts) -> Result<KeyRing, StartError> {
    let all = ports.signing_keys.list().await?;
    Ok(KeyRing::load(&all, config.master_key.as_ref(), config.access_token_lifetime)?)
}

async fn seal_all(keys: &dyn SigningKeys, master: &MasterKey, entropy: &dyn Entropy) -> Result<(), StartError> {
    for key in keys.list().await?.iter().filter(|key| !seal::is_sealed(&key.private_der)) {
        let sealed = master.seal(&key.id, &key.private_der, entropy).ok_or(KeyError::NotMade)?;
        // If another node was faster, its form stands.
        keys.reseal(&key.id, &key.private_der, &sealed).await?;
    }
    Ok(())
}

/// Makes a new key, which signs from two minutes later on; the present one goes on until then, and verifies until its
/// last token has ended. Returns the keys afterwards. `actor` is who asked for it.
pub async fn rotate(
    keys: &dyn SigningKeys,
    audit: &dyn AuditLog,
    master: Option<&MasterKey>,
    now: Timestamp,
    entropy: &dyn Entropy,
    actor: Actor,
) -> Result<Vec<SigningKeyInfo>, RotationError> {
    // Nothing is changed while the present keys cannot be opened: the server would not start with them either.
    let present = keys.list().await?;
    for key in &present {
        seal::open(&key.id, &key.private_der, master).map_err(KeyError::from)?;
    }
    let new = keys::generate(now, entropy, master)?;
    if present.iter().all(|key| key.retired_at.is_some()) {
        keys.ensure_current(&new).await?;
    } else {
        keys.rotate(&new, now.plus(TAKEOVER)).await?;
    }
    audit
        .record(AuditEvent {
            id: AuditEventId::generate(now, entropy),
            timestamp: now,
            action_name: audit::ROTATE_SIGNING_KEYS.to_owned(),
            action_description: "Made a new key that signs access tokens".to_owned(),
            action_result: ActionResult::Succeeded,
            action_params: json!({}),
            action_details: json!({ "keyId": new.id }),
            actor,
            errors: Vec::new(),
            source_ip: None,
            user_agent: None,
        })
        .await?;
    list(keys, now).await
}

/// The keys, newest first.
pub async fn list(keys: &dyn SigningKeys, now: Timestamp) -> Result<Vec<SigningKeyInfo>, RotationError> {
    let all = keys.list().await?;
    let signing = all
        .iter()
        .filter(|key| key.retired_at.is_none_or(|retires| now < retires))
        .min_by_key(|key| (key.retired_at.is_none(), key.retired_at))
        .map(|key| key.id.clone());
    Ok(all
        .into_iter()
        .map(|key| SigningKeyInfo {
            state: match key.retired_at {
                _ if signing.as_deref() == Some(key.id.as_str()) => KeyState::Signing,
                Some(retires) if retires <= now => KeyState::Verifying,
                _ => KeyState::Next,
            },
            sealed: seal::is_sealed(&key.private_der),
            created_at: key.created_at,
            retires_at: key.retired_at,
            id: key.id,
        })
        .collect())
}
