//! Where randomness comes from.

/// Fills buffers with unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "the one place where the system's randomness is read")]
        let filled = getrandom::fill(buffer);
        // Without randomness no key or id may be made; there is nothing to fall back to.
        filled.expect("the operating system gives randomness");
    }
}
