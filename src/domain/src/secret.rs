//! Secrets have two types: the plain text, which exists in one answer only, and
//! its SHA-256, which is all that is stored. Neither prints itself.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::entropy::Entropy;

/// What a secret is for. The prefix lets secret scanners find a leaked one and lets us refuse garbage early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// An authorization code.
    Code,
    /// A refresh token.
    Refresh,
    /// A browser's binding cookie.
    Browser,
    /// A one-time link that creates the first admin.
    Setup,
}

impl SecretKind {
    /// What the text begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "mgc_",
            Self::Refresh => "mgr_",
            Self::Browser => "mgb_",
            Self::Setup => "mgs_",
        }
    }
}

/// A plain secret of 256 random bits: `mgr_` and 43 base64url characters.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

/// The SHA-256 of a [`Secret`]'s text; what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl Secret {
    /// A new random secret.
    pub fn generate(kind: SecretKind, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0_u8; 32];
        entropy.fill(&mut bytes);
        Self::from_bytes(kind, bytes)
    }

    /// A secret made of given bytes, which must be as hard to guess as random ones.
    pub fn from_bytes(kind: SecretKind, mut bytes: [u8; 32]) -> Self {
        let secret = Self(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes)));
        bytes.zeroize();
        secret
    }

    /// Reads what somebody presented; `None` if it cannot be a secret of this kind.
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let body = text.strip_prefix(kind.prefix())?;
        let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The hash to store or to look up.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The text, to be handed to its owner once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretHash {
    /// From storage.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From storage; `None` if the length is not 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares without telling by time where the difference lies.
    pub fn constant_time_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// Compares two texts without telling by time where they differ.
pub fn constant_time_eq(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}
