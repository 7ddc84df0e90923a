//! A clock that tests set, and randomness that repeats.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reef_domain::Timestamp;
use sha2::{Digest, Sha256};

use crate::testing::script::lock;
use reef_ports::{Clock, Entropy};

/// The time at which every test begins. Its milliseconds are not round, so that rounding shows.
pub const START: Timestamp = Timestamp::from_unix_ms(1_771_034_601_457);

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(START.unix_ms()))
    }
}

impl FakeClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }

    /// Sets the clock to a time.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.unix_ms(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::SeqCst))
    }
}

/// Randomness that follows from a seed: the same in every run, and without repetition within one.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// Randomness that follows from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let mut state = lock(&self.0);
            state.1 += 1;
            let block = Sha256::new().chain_update(state.0.to_be_bytes()).chain_update(state.1.to_be_bytes());
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
        }
    }
}
