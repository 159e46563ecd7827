//! Passwords: argon2id, never in the async threads, never more than two at a time.

use std::{hint::black_box, sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash as PhcHash,
};
use margay_domain::{entropy::Entropy, user::PasswordHash};
use tokio::sync::Semaphore;

/// A password has at least so many characters.
pub const MIN_PASSWORD_CHARACTERS: usize = 12;
/// A password has at most so many bytes.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Memory for one hash, in KiB (OWASP's first choice for argon2id).
const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Bytes of salt.
const SALT_BYTES: usize = 16;

/// The hash of no password: what is verified when there is no account, at the cost of a real one (row OP7).
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWFyZ2F5LWR1bW15LXNsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// So many hashes run at a time: 2 × 19 MiB and two threads at most, however many people knock.
static SLOTS: Semaphore = Semaphore::const_new(2);
/// Who waits longer for a slot is sent away.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Why there is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The hash could not be computed (no memory).
    #[error("the password could not be hashed")]
    Failed,
    /// Too many passwords are being checked at the moment.
    #[error("too many passwords are being checked; try again in a moment")]
    Busy,
}

/// Whether `plain` may become a password; else a sentence for the person.
pub fn check_password_strength(plain: &str) -> Result<(), &'static str> {
    if plain.len() > MAX_PASSWORD_BYTES {
        return Err("Choose a shorter password: at most 1024 bytes.");
    }
    if plain.chars().count() < MIN_PASSWORD_CHARACTERS {
        return Err("Choose a longer password: at least 12 characters.");
    }
    Ok(())
}

/// Hashes a password with a fresh salt. Takes some 20 ms and 19 MiB: in async code call [`hash_in_background`].
pub fn hash_password(plain: &str, entropy: &dyn Entropy) -> Result<PasswordHash, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Failed)?;
    let mut salt = [0_u8; SALT_BYTES];
    entropy.fill(&mut salt);
    let hash: PhcHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(plain.as_bytes(), &salt)
        .map_err(|_| PasswordError::Failed)?;
    Ok(PasswordHash(hash.to_string()))
}

/// Whether `plain` is the password behind `stored`. A stored hash that cannot be read costs as much as a good one.
pub fn verify_password(plain: &str, stored: &PasswordHash) -> bool {
    let Ok(hash) = PhcHash::new(&stored.0) else {
        verify_dummy(plain);
        return false;
    };
    Argon2::default().verify_password(plain.as_bytes(), &hash).is_ok()
}

/// Spends what [`verify_password`] spends, for accounts that do not exist or have no password (row OP7).
pub fn verify_dummy(plain: &str) {
    if let Ok(hash) = PhcHash::new(DUMMY) {
        let _ = black_box(Argon2::default().verify_password(plain.as_bytes(), &hash).is_ok());
    }
}

/// [`hash_password`] beside the async threads.
pub async fn hash_in_background(plain: String, entropy: Arc<dyn Entropy>) -> Result<PasswordHash, PasswordError> {
    in_background(move || hash_password(&plain, entropy.as_ref())).await?
}

/// [`verify_password`] beside the async threads; `None` costs the same and never matches (row OP7).
pub async fn verify_in_background(plain: String, stored: Option<PasswordHash>) -> Result<bool, PasswordError> {
    in_background(move || {
        if let Some(stored) = stored {
            return verify_password(&plain, &stored);
        }
        verify_dummy(&plain);
        false
    })
    .await
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
    let slot = tokio::time::timeout(MAX_WAIT, SLOTS.acquire())
        .await
        .map_err(|_| PasswordError::Busy)?
        .map_err(|_| PasswordError::Failed)?;
    // The slot goes with the work: a client that hangs up does not make room for the next one early.
    tokio::task::spawn_blocking(move || {
        let result = work();
        drop(slot);
        result
    })
    .await
    .map_err(|_| PasswordError::Failed)
}

#[cfg(test)]
mod tests {
    use margay_domain::testing::SeededEntropy;

    use super::*;

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let entropy = SeededEntropy::new(3);
        let hash = hash_password("correct horse battery", &entropy).unwrap();
        let again = hash_password("correct horse battery", &entropy).unwrap();
        assert_ne!(hash.0, again.0, "each hash has its own salt");
        assert!(verify_password("correct horse battery", &hash));
        assert!(verify_password("correct horse battery", &again));
        assert!(!verify_password("correct horse batterx", &hash));
        assert!(!verify_password("", &hash));
        assert!(!verify_password("x", &PasswordHash("not a hash".to_owned())));
        assert!(!format!("{hash:?}").contains("argon2"));
    }

    #[test]
    fn the_dummy_costs_as_much_as_a_real_hash() {
        assert!(PhcHash::new(DUMMY).is_ok());
        let real = hash_password("correct horse battery", &SeededEntropy::new(3)).unwrap();
        let shape = |text: &str| {
            let parts: Vec<String> = text.split('$').map(str::to_owned).collect();
            (parts[..4].to_vec(), parts[4].len(), parts[5].len())
        };
        assert_eq!(shape(&real.0), shape(DUMMY));
        assert!(!verify_password("", &PasswordHash(DUMMY.to_owned())));
    }

    #[test]
    fn passwords_have_12_characters_and_fit_into_1024_bytes() {
        assert!(check_password_strength("12345678901").is_err());
        assert!(check_password_strength("123456789012").is_ok());
        assert!(check_password_strength("ääääääääääää").is_ok(), "characters, not bytes");
        assert!(check_password_strength(&"x".repeat(1024)).is_ok());
        assert!(check_password_strength(&"x".repeat(1025)).is_err());
    }

    #[tokio::test]
    async fn background_work_gives_the_same_answers() {
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(3));
        let hash = hash_in_background("correct horse battery".to_owned(), entropy).await.unwrap();
        assert_eq!(verify_in_background("correct horse battery".to_owned(), Some(hash.clone())).await, Ok(true));
        assert_eq!(verify_in_background("another password".to_owned(), Some(hash)).await, Ok(false));
        assert_eq!(verify_in_background("correct horse battery".to_owned(), None).await, Ok(false));
    }
}
