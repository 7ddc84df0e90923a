//! Bounds for the flood waits that Telegram requests.

use std::time::Duration;

/// The shortest flood wait. A `retry_after` of 0 would cause a busy loop.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// The longest flood wait. Updates that have waited longer than a day are not answered anyway.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Limits a `retry_after` in seconds to a sensible wait.
pub(crate) fn clamp_wait(retry_after_s: u64) -> Duration {
    Duration::from_secs(retry_after_s).clamp(WAIT_MIN, WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_wait_is_clamped() {
        let waits: Vec<_> = [0, 1, 600, 86_400, 86_401, u64::MAX].map(|s| clamp_wait(s).as_secs()).into();
        assert_eq!(waits, [1, 1, 600, 86_400, 86_400, 86_400]);
    }
}
