//! How long to wait before something is tried again.

use std::time::Duration;

use reef_ports::Entropy;

/// A wait that doubles with each failure in a row, up to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// The usual backoff of a job: 2 s, doubling up to an hour.
    pub const STANDARD: Self = Self::new(Duration::from_secs(2), Duration::from_secs(3600));

    /// The wait after the first failure, and the longest wait.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The wait after this many failures in a row, before jitter. Fewer than one count as one.
    #[must_use]
    pub fn wait_after(self, failures: i64) -> Duration {
        let doublings = u32::try_from(failures.clamp(1, 32) - 1).unwrap_or(0);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

/// Lengthens a wait by up to `percent` of it, so that what failed at the same moment is not tried again at the same moment.
#[must_use]
pub fn with_jitter(wait: Duration, percent: u32, entropy: &dyn Entropy) -> Duration {
    let mut byte = [0];
    entropy.fill(&mut byte);
    let most = wait.saturating_mul(percent) / 100;
    wait.saturating_add(most.saturating_mul(u32::from(byte[0])) / u32::from(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(u8);

    impl Entropy for Constant {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn wait_doubles_up_to_the_maximum() {
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(3600));
        let waits =
            [i64::MIN, 0, 1, 2, 3, 11, 12, i64::MAX].map(|failures| backoff.wait_after(failures).as_secs());
        assert_eq!(waits, [2, 2, 2, 4, 8, 2048, 3600, 3600]);
    }

    #[test]
    fn jitter_lengthens_by_at_most_the_percentage() {
        let wait = Duration::from_secs(100);
        assert_eq!(with_jitter(wait, 10, &Constant(0)), wait);
        assert_eq!(with_jitter(wait, 10, &Constant(255)), Duration::from_secs(110));
        assert_eq!(with_jitter(Duration::MAX, 10, &Constant(255)), Duration::MAX);
    }
}
