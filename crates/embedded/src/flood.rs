//! How long Telegram may make a bot wait.

use std::time::Duration;

/// Whatever Telegram says: a wait of nothing would be a loop.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// Telegram itself keeps an update no longer than this, and what has waited longer is not answered.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The wait that a `retry_after` of so many seconds is held to.
pub(crate) fn wait(retry_after_s: u64) -> Duration {
    Duration::from_secs(retry_after_s).clamp(WAIT_MIN, WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_at_least_a_second_and_at_most_a_day() {
        let waits: Vec<_> = [0, 1, 600, 86_400, 86_401, u64::MAX].map(|s| wait(s).as_secs()).into();
        assert_eq!(waits, [1, 1, 600, 86_400, 86_400, 86_400]);
    }
}
