//! Ed25519 keys: how they are made, stored (PKCS #8 DER, sealed if there is a master key), loaded and published, and
//! what else is derived from them.
//!
//! Rotation: the new key is published at once, and signs only from [`TAKEOVER`] later, when every node has read it.
//! The old one is published until its last token has ended.

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
    id::FlowId,
    ports::StoredSigningKey,
    secret::{Secret, SecretHash, SecretKind},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::seal::{self, MasterKey, SealError};

/// After how long a new key signs. Longer than any node takes to read the keys again.
pub(crate) const TAKEOVER: Duration = Duration::from_mins(2);

/// Keeps the derived key apart from every other use of the private key.
const SUCCESSOR_LABEL: &[u8] = b"margay: key for successors of refresh tokens, version 1\0";
/// The same for codes.
const CODE_LABEL: &[u8] = b"margay: key for authorization codes, version 1\0";

/// A signing key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A stored key is not an Ed25519 key in PKCS #8 form.
    #[error("a stored signing key cannot be read; restore the database, or remove the key so that a new one is made")]
    Unreadable,
    /// A new key could not be written in PKCS #8 form.
    #[error("a signing key could not be made")]
    NotMade,
    /// The keys are sealed, and no master key is configured.
    #[error(
        "the signing keys in this database are sealed: set oauth.master_key_file to the master key that sealed them"
    )]
    NoMasterKey,
    /// The keys are sealed with another master key.
    #[error("the signing keys in this database were sealed with another master key than the configured one")]
    WrongMasterKey,
    /// There is no key to sign with.
    #[error("there is no signing key that is not retired")]
    None,
}

impl From<SealError> for KeyError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoMasterKey => Self::NoMasterKey,
            SealError::WrongMasterKey => Self::WrongMasterKey,
        }
    }
}

/// The keys of this process at one moment. Nothing in it prints itself.
pub(crate) struct KeyRing {
    /// The one that retires first comes first, the one that does not retire last.
    keys: Vec<Key>,
    token_lifetime: Duration,
}

/// A key, opened.
pub(crate) struct Key {
    /// The key id.
    pub(crate) id: String,
    /// The public key in base64url, for the JWKS.
    pub(crate) x: String,
    /// From when on it no longer signs; `None` if it does not retire.
    retires: Option<Timestamp>,
    signing: EncodingKey,
    verifying: DecodingKey,
    successors: Hmac<Sha256>,
    codes: Hmac<Sha256>,
}

/// A new key. Its id is the thumbprint of the public key (RFC 7638).
pub(crate) fn generate(
    now: Timestamp,
    entropy: &dyn Entropy,
    master: Option<&MasterKey>,
) -> Result<StoredSigningKey, KeyError> {
    let mut seed = [0_u8; 32];
    entropy.fill(&mut seed);
    let key = SigningKey::from_bytes(&seed);
    seed.zeroize();
    let private = key.to_pkcs8_der().map_err(|_| KeyError::NotMade)?;
    let id = thumbprint(&public_key(&key));
    let stored = match master {
        Some(master) => master.seal(&id, private.as_bytes(), entropy).ok_or(KeyError::NotMade)?,
        None => private.as_bytes().to_vec(),
    };
    Ok(StoredSigningKey { id, private_der: stored, created_at: now, retired_at: None })
}

impl KeyRing {
    /// Opens all keys; retired ones verify for `token_lifetime` more.
    pub(crate) fn load(
        all: &[StoredSigningKey],
        master: Option<&MasterKey>,
        token_lifetime: Duration,
    ) -> Result<Self, KeyError> {
        // Another crate in the build may turn on the library's second implementation, after which it panics unless
        // one was chosen. If somebody chose already, theirs stays.
        let _ = rust_crypto::DEFAULT_PROVIDER.install_default();
        let mut keys = all.iter().map(|stored| Key::open(stored, master)).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| (key.retires.is_none(), key.retires));
        if keys.last().is_none_or(|last| last.retires.is_some()) {
            return Err(KeyError::None);
        }
        Ok(Self { keys, token_lifetime })
    }

    /// The key to sign with at `now`: the next to retire.
    pub(crate) fn signing(&self, now: Timestamp) -> Option<&Key> {
        self.keys.iter().find(|key| key.retires.is_none_or(|retires| now < retires))
    }

    /// The key by its id, if tokens of it can still be valid.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<&DecodingKey> {
        self.published(now).find(|key| key.id == id).map(|key| &key.verifying)
    }

    /// Every key whose tokens can be valid now or soon.
    pub(crate) fn published(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.retires.is_none_or(|retires| now < retires.plus(self.token_lifetime)))
    }

    /// The successor of a refresh token. It follows from the token and a key of this server, so that a repeated
    /// request gets the same answer although only hashes are stored (row OF2). `expected` is the hash of the successor
    /// that the token has already; the key that it came from may have been retired since.
    pub(crate) fn successor(
        &self,
        presented: &Secret,
        expected: Option<&SecretHash>,
        now: Timestamp,
    ) -> Option<Secret> {
        if let Some(expected) = expected {
            let mut known = self.keys.iter().map(|key| key.successor(presented));
            if let Some(same) = known.find(|successor| successor.hash().constant_time_eq(expected)) {
                return Some(same);
            }
        }
        self.signing(now).map(|key| key.successor(presented))
    }

    /// The authorization code of a flow, which is decided once. It follows from the flow's id and a key of this server,
    /// so that it is as hard to guess as that key (row OC1), and a repeated decision gets the same answer although
    /// only the hash is stored.
    pub(crate) fn code(&self, flow: &FlowId, now: Timestamp) -> Option<Secret> {
        self.signing(now).map(|key| key.code(flow))
    }

    /// The same again, once its hash is stored; the key that it came from may have been retired since.
    pub(crate) fn code_again(&self, flow: &FlowId, hash: &SecretHash) -> Option<Secret> {
        self.keys.iter().map(|key| key.code(flow)).find(|code| code.hash().constant_time_eq(hash))
    }
}

impl Key {
    fn open(stored: &StoredSigningKey, master: Option<&MasterKey>) -> Result<Self, KeyError> {
        let der = seal::open(&stored.id, &stored.private_der, master)?;
        let private = SigningKey::from_pkcs8_der(&der).map_err(|_| KeyError::Unreadable)?;
        Ok(Self {
            successors: derived(SUCCESSOR_LABEL, &private)?,
            codes: derived(CODE_LABEL, &private)?,
            id: stored.id.clone(),
            x: public_key(&private),
            retires: stored.retired_at,
            signing: EncodingKey::from_ed_der(&der),
            verifying: DecodingKey::from_ed_der(private.verifying_key().as_bytes()),
        })
    }

    /// The private key.
    pub(crate) const fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    fn successor(&self, presented: &Secret) -> Secret {
        let mac = self.successors.clone().chain_update(presented.expose());
        Secret::from_bytes(SecretKind::Refresh, mac.finalize().into_bytes().into())
    }

    fn code(&self, flow: &FlowId) -> Secret {
        let mac = self.codes.clone().chain_update(flow.as_str());
        Secret::from_bytes(SecretKind::Code, mac.finalize().into_bytes().into())
    }
}

/// A key of its own for the use that `label` names.
fn derived(label: &[u8], private: &SigningKey) -> Result<Hmac<Sha256>, KeyError> {
    let mut derived: [u8; 32] = Sha256::new().chain_update(label).chain_update(private.as_bytes()).finalize().into();
    let key = Hmac::<Sha256>::new_from_slice(&derived).map_err(|_| KeyError::Unreadable);
    derived.zeroize();
    key
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
        generate(Timestamp::from_seconds(1000), &SeededEntropy::new(seed), None).unwrap()
    }

    pub(crate) fn ring(seed: u64) -> KeyRing {
        KeyRing::load(&[stored(seed)], None, LIFETIME).unwrap()
    }

    fn retired(seed: u64, seconds: i64) -> StoredSigningKey {
        StoredSigningKey { retired_at: Some(Timestamp::from_seconds(seconds)), ..stored(seed) }
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
        let ring = ring(1);
        let now = Timestamp::from_seconds(1000);
        assert_eq!(ring.signing(now).unwrap().id, key.id);
        assert_eq!(key.id, thumbprint(&ring.signing(now).unwrap().x));
        let broken = StoredSigningKey { private_der: vec![1, 2, 3], ..key };
        assert_eq!(KeyRing::load(&[broken], None, LIFETIME).err(), Some(KeyError::Unreadable));
        assert_eq!(KeyRing::load(&[], None, LIFETIME).err(), Some(KeyError::None));
        assert_eq!(KeyRing::load(&[retired(1, 9)], None, LIFETIME).err(), Some(KeyError::None));
    }

    #[test]
    fn sealed_keys_need_their_master_key() {
        let master = |byte: u8| {
            let mut bytes = [byte; 32];
            bytes[0] = 0;
            MasterKey::parse(&base64::engine::general_purpose::STANDARD.encode(bytes)).unwrap()
        };
        let sealed = generate(Timestamp::default(), &SeededEntropy::new(1), Some(&master(1))).unwrap();
        assert!(seal::is_sealed(&sealed.private_der));
        let load = |master: Option<&MasterKey>| KeyRing::load(std::slice::from_ref(&sealed), master, LIFETIME).err();
        assert_eq!(load(Some(&master(1))), None);
        assert_eq!(load(Some(&master(2))), Some(KeyError::WrongMasterKey));
        assert_eq!(load(None), Some(KeyError::NoMasterKey));
    }

    #[test]
    fn a_rotation_takes_over_later_and_the_old_key_verifies_until_its_last_token_has_ended() {
        let (old, new) = (retired(2, 2000), stored(1));
        let ring = KeyRing::load(&[new.clone(), old.clone()], None, LIFETIME).unwrap();
        let at = Timestamp::from_seconds;
        assert_eq!(ring.signing(at(1999)).unwrap().id, old.id);
        assert_eq!(ring.signing(at(2000)).unwrap().id, new.id);
        // The new one is published before it signs.
        assert!(ring.find(&new.id, at(1000)).is_some());
        assert!(ring.find(&old.id, at(2000 + 3599)).is_some());
        assert!(ring.find(&old.id, at(2000 + 3600)).is_none());
        assert_eq!(ring.published(at(2000 + 3600)).count(), 1);
    }

    #[test]
    fn of2_successors_repeat_and_are_the_servers_own() {
        let entropy = SeededEntropy::new(9);
        let now = Timestamp::from_seconds(1000);
        let first = Secret::generate(SecretKind::Refresh, &entropy);
        let second = Secret::generate(SecretKind::Refresh, &entropy);
        let of = |seed: u64, presented: &Secret| ring(seed).successor(presented, None, now).unwrap();
        assert_eq!(of(1, &first).expose(), of(1, &first).expose());
        assert_ne!(of(1, &first).expose(), of(1, &second).expose());
        assert_ne!(of(1, &first).expose(), of(2, &first).expose());
        assert_ne!(of(1, &first).expose(), first.expose());
        assert!(Secret::parse(SecretKind::Refresh, of(1, &first).expose()).is_some());
    }

    #[test]
    fn oc1_a_code_is_that_of_its_flow_and_key_however_often_it_is_asked_for() {
        let now = Timestamp::from_seconds(1000);
        let (one, two) = (FlowId::new("flw_1"), FlowId::new("flw_2"));
        let code = ring(1).code(&one, now).unwrap();
        assert!(Secret::parse(SecretKind::Code, code.expose()).is_some());
        assert_ne!(code.expose(), ring(1).code(&two, now).unwrap().expose());
        assert_ne!(code.expose(), ring(2).code(&one, now).unwrap().expose());
        // A rotation in between changes nothing; without its key it is gone.
        let rotated = KeyRing::load(&[stored(2), retired(1, 2000)], None, LIFETIME).unwrap();
        assert_eq!(rotated.code_again(&one, &code.hash()).unwrap().expose(), code.expose());
        assert!(rotated.code_again(&two, &code.hash()).is_none());
        assert!(ring(2).code_again(&one, &code.hash()).is_none());
    }

    #[test]
    fn of2_a_rotation_of_keys_in_between_changes_no_successor() {
        let now = Timestamp::from_seconds(3000);
        let presented = Secret::generate(SecretKind::Refresh, &SeededEntropy::new(9));
        let before = ring(2).successor(&presented, None, Timestamp::from_seconds(1999)).unwrap();
        let after = KeyRing::load(&[stored(1), retired(2, 2000)], None, LIFETIME).unwrap();
        assert_ne!(after.successor(&presented, None, now).unwrap().expose(), before.expose());
        assert_eq!(after.successor(&presented, Some(&before.hash()), now).unwrap().expose(), before.expose());
    }
}
