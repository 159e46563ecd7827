//! Private keys at rest: sealed with a master key that is not in the database, if one is configured.

use std::fmt;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use margay_domain::entropy::Entropy;
use zeroize::Zeroizing;

/// What a sealed key begins with. No DER document begins so.
const MAGIC: &[u8] = b"margay-sealed-1:";
const NONCE_LENGTH: usize = 24;

/// 256 bits that seal the signing keys. Does not print itself, and is cleared from memory.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A master key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key must be 32 random bytes in Base64, such as `openssl rand -base64 32` prints")]
pub struct BadMasterKey;

/// Why a stored key cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    /// It is sealed, and there is no master key.
    NoMasterKey,
    /// Another master key sealed it, or it was changed.
    WrongMasterKey,
}

impl MasterKey {
    /// Reads 32 bytes in Base64, of either alphabet.
    pub fn parse(text: &str) -> Result<Self, BadMasterKey> {
        let text = text.trim();
        let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).map_err(|_| BadMasterKey)?;
        let bytes = Zeroizing::new(bytes);
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| BadMasterKey)?;
        // Whoever typed a placeholder did not mean it.
        if key.iter().all(|byte| *byte == key[0]) { Err(BadMasterKey) } else { Ok(Self(Zeroizing::new(key))) }
    }

    /// Seals `private`, bound to the id of its key, so that stored keys cannot be exchanged for each other.
    pub(crate) fn seal(&self, id: &str, private: &[u8], entropy: &dyn Entropy) -> Option<Vec<u8>> {
        let mut nonce = [0_u8; NONCE_LENGTH];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: private, aad: id.as_bytes() };
        let sealed = self.cipher().encrypt(&nonce.into(), payload).ok()?;
        Some([MAGIC, &nonce, &sealed].concat())
    }

    fn open(&self, id: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload { msg: sealed, aad: id.as_bytes() };
        self.cipher().decrypt(&(*nonce).into(), payload).ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Whether a stored key is sealed.
pub(crate) fn is_sealed(stored: &[u8]) -> bool {
    stored.starts_with(MAGIC)
}

/// The private key behind its stored form. Keys that were stored before there was a master key open without one.
pub(crate) fn open(id: &str, stored: &[u8], master: Option<&MasterKey>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    match (stored.strip_prefix(MAGIC), master) {
        (None, _) => Ok(Zeroizing::new(stored.to_vec())),
        (Some(_), None) => Err(SealError::NoMasterKey),
        (Some(sealed), Some(master)) => master.open(id, sealed).ok_or(SealError::WrongMasterKey),
    }
}

#[cfg(test)]
mod tests {
    use margay_domain::testing::SeededEntropy;

    use super::*;

    fn master(seed: u64) -> MasterKey {
        let mut bytes = [0; 32];
        SeededEntropy::new(seed).fill(&mut bytes);
        MasterKey::parse(&STANDARD.encode(bytes)).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_only() {
        let sealed = master(1).seal("key-1", b"private", &SeededEntropy::new(7)).unwrap();
        assert!(is_sealed(&sealed) && !sealed.windows(7).any(|part| part == b"private"));
        assert_eq!(open("key-1", &sealed, Some(&master(1))).unwrap().as_slice(), b"private");
        assert_eq!(open("key-1", &sealed, Some(&master(2))).err(), Some(SealError::WrongMasterKey));
        assert_eq!(open("key-2", &sealed, Some(&master(1))).err(), Some(SealError::WrongMasterKey));
        assert_eq!(open("key-1", &sealed, None).err(), Some(SealError::NoMasterKey));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(open("key-1", &changed, Some(&master(1))).err(), Some(SealError::WrongMasterKey));
        assert_eq!(open("key-1", MAGIC, Some(&master(1))).err(), Some(SealError::WrongMasterKey));
    }

    #[test]
    fn keys_from_before_open_without_a_master_key() {
        assert_eq!(open("key-1", b"plain", None).unwrap().as_slice(), b"plain");
        assert_eq!(open("key-1", b"plain", Some(&master(1))).unwrap().as_slice(), b"plain");
    }

    #[test]
    fn a_master_key_has_32_bytes() {
        assert!(MasterKey::parse(&format!(" {}\n", STANDARD.encode([1, 2].repeat(16)))).is_ok());
        for text in ["", "secret", &STANDARD.encode([7; 32]), &STANDARD.encode([1, 2].repeat(8))] {
            assert_eq!(MasterKey::parse(text).err(), Some(BadMasterKey), "{text}");
        }
        assert_eq!(format!("{:?}", master(1)), "MasterKey(…)");
    }
}
