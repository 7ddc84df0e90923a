//! Randomness as a port, so that tests can repeat it.

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "the one place where the system's randomness is read")]
        let filled = getrandom::fill(buffer);
        // Ids and keys must not be created without randomness.
        filled.expect("the operating system provides randomness");
    }
}
