//! Ed25519 keys: how they are made, stored (PKCS #8 DER), loaded and published, and what else is derived from them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{DecodingKey, EncodingKey, crypto::rust_crypto};
use margay_domain::{
    clock::Timestamp,
    entropy::Entropy,
    ports::StoredSigningKey,
    secret::{Secret, SecretKind},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

/// Keeps the derived key apart from every other use of the private key.
const SUCCESSOR_LABEL: &[u8] = b"margay: key for successors of refresh tokens, version 1\0";

/// A signing key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A stored key is not an Ed25519 key in PKCS #8 form.
    #[error("a stored signing key cannot be read; restore the database, or remove the key so that a new one is made")]
    Unreadable,
    /// A new key could not be written in PKCS #8 form.
    #[error("a signing key could not be made")]
    NotMade,
}

/// The keys of this process. Nothing in it prints itself.
pub(crate) struct KeyRing {
    current_id: String,
    signing: EncodingKey,
    verifying: Vec<VerifyingKey>,
    successors: Hmac<Sha256>,
}

/// A key that tokens may be signed with.
pub(crate) struct VerifyingKey {
    /// The key id.
    pub(crate) id: String,
    /// The public key for verification.
    pub(crate) key: DecodingKey,
    /// The public key in base64url, for the JWKS.
    pub(crate) x: String,
    /// When its last token ends; `None` for the current key.
    ends: Option<Timestamp>,
}

/// A new key. Its id is the thumbprint of the public key (RFC 7638).
pub(crate) fn generate(now: Timestamp, entropy: &dyn Entropy) -> Result<StoredSigningKey, KeyError> {
    let mut seed = [0_u8; 32];
    entropy.fill(&mut seed);
    let key = SigningKey::from_bytes(&seed);
    seed.zeroize();
    let private = key.to_pkcs8_der().map_err(|_| KeyError::NotMade)?;
    Ok(StoredSigningKey {
        id: thumbprint(&public_key(&key)),
        private_der: private.as_bytes().to_vec(),
        created_at: now,
        retired_at: None,
    })
}

impl KeyRing {
    /// Loads the current key and all others; retired ones verify for `token_lifetime` more.
    pub(crate) fn load(
        current: &StoredSigningKey,
        all: &[StoredSigningKey],
        token_lifetime: Duration,
    ) -> Result<Self, KeyError> {
        // Another crate in the build may turn on the library's second implementation, after which it panics unless
        // one was chosen. If somebody chose already, theirs stays.
        let _ = rust_crypto::DEFAULT_PROVIDER.install_default();
        let private = read(current)?;
        let mut verifying = vec![VerifyingKey::new(current, &private, token_lifetime)];
        for stored in all.iter().filter(|stored| stored.id != current.id) {
            verifying.push(VerifyingKey::new(stored, &read(stored)?, token_lifetime));
        }
        let mut derived: [u8; 32] =
            Sha256::new().chain_update(SUCCESSOR_LABEL).chain_update(private.as_bytes()).finalize().into();
        let successors = Hmac::<Sha256>::new_from_slice(&derived).map_err(|_| KeyError::Unreadable)?;
        derived.zeroize();
        let signing = EncodingKey::from_ed_der(&current.private_der);
        Ok(Self { current_id: current.id.clone(), signing, verifying, successors })
    }

    /// The id and the private key to sign with.
    pub(crate) fn signing(&self) -> (&str, &EncodingKey) {
        (&self.current_id, &self.signing)
    }

    /// The key by its id, if tokens of it can still be valid.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<&DecodingKey> {
        self.published(now).find(|key| key.id == id).map(|key| &key.key)
    }

    /// Every key whose tokens can still be valid, the current one first.
    pub(crate) fn published(&self, now: Timestamp) -> impl Iterator<Item = &VerifyingKey> {
        self.verifying.iter().filter(move |key| key.ends.is_none_or(|ends| now < ends))
    }

    /// The successor of a refresh token. It follows from the token and a key of this server, so that a repeated
    /// request gets the same answer although only hashes are stored (row OF2).
    pub(crate) fn successor(&self, presented: &Secret) -> Secret {
        let mac = self.successors.clone().chain_update(presented.expose());
        Secret::from_bytes(SecretKind::Refresh, mac.finalize().into_bytes().into())
    }
}

impl VerifyingKey {
    fn new(stored: &StoredSigningKey, private: &SigningKey, token_lifetime: Duration) -> Self {
        let public = private.verifying_key();
        Self {
            id: stored.id.clone(),
            key: DecodingKey::from_ed_der(public.as_bytes()),
            x: public_key(private),
            ends: stored.retired_at.map(|retired| retired.plus(token_lifetime)),
        }
    }
}

fn read(stored: &StoredSigningKey) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_der(&stored.private_der).map_err(|_| KeyError::Unreadable)
}

/// The public key in base64url.
fn public_key(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())
}

/// RFC 7638 section 3 with the members of RFC 8037 section 2.
fn thumbprint(x: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

#[cfg(test)]
pub(crate) mod tests {
    use margay_domain::testing::SeededEntropy;

    use super::*;

    const LIFETIME: Duration = Duration::from_hours(1);

    pub(crate) fn stored(seed: u64) -> StoredSigningKey {
        generate(Timestamp::from_seconds(1000), &SeededEntropy::new(seed)).unwrap()
    }

    pub(crate) fn ring(seed: u64) -> KeyRing {
        let key = stored(seed);
        KeyRing::load(&key, std::slice::from_ref(&key), LIFETIME).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // RFC 8037, appendix A.3.
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_stored_key_loads_again() {
        let key = stored(1);
        let private = read(&key).unwrap();
        assert_eq!(key.id, thumbprint(&public_key(&private)));
        let broken = StoredSigningKey { private_der: vec![1, 2, 3], ..key };
        assert_eq!(KeyRing::load(&broken, &[], LIFETIME).err(), Some(KeyError::Unreadable));
    }

    #[test]
    fn retired_keys_verify_until_their_last_token_has_ended() {
        let current = stored(1);
        let retired = StoredSigningKey { retired_at: Some(Timestamp::from_seconds(2000)), ..stored(2) };
        let ring = KeyRing::load(&current, &[current.clone(), retired.clone()], LIFETIME).unwrap();
        let end = Timestamp::from_seconds(2000 + 3600);
        assert!(ring.find(&retired.id, end.minus(Duration::from_secs(1))).is_some());
        assert!(ring.find(&retired.id, end).is_none());
        assert!(ring.find(&current.id, end).is_some());
        assert_eq!(ring.published(end).count(), 1);
        assert_eq!(ring.signing().0, current.id);
    }

    #[test]
    fn of2_successors_repeat_and_are_the_servers_own() {
        let entropy = SeededEntropy::new(9);
        let first = Secret::generate(SecretKind::Refresh, &entropy);
        let second = Secret::generate(SecretKind::Refresh, &entropy);
        let ring_one = ring(1);
        assert_eq!(ring_one.successor(&first).expose(), ring_one.successor(&first).expose());
        assert_ne!(ring_one.successor(&first).expose(), ring_one.successor(&second).expose());
        assert_ne!(ring_one.successor(&first).expose(), ring(2).successor(&first).expose());
        assert_ne!(ring_one.successor(&first).expose(), first.expose());
        assert!(Secret::parse(SecretKind::Refresh, ring_one.successor(&first).expose()).is_some());
    }
}
