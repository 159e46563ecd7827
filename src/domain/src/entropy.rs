//! Randomness as a parameter.

use std::fmt;

/// Where random bytes come from. For secrets only [`OsEntropy`] will do.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where random bytes are drawn")]
    #[expect(clippy::expect_used, reason = "without randomness every secret would be guessable: stop")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system provides random bytes");
    }
}
