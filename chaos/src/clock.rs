//! The clock that the sandbox has too: both run on this machine.

use time::OffsetDateTime;

/// Milliseconds since 1970, now.
#[expect(clippy::disallowed_methods, reason = "processes are killed in real time")]
pub fn now_ms() -> i64 {
    ms(OffsetDateTime::now_utc())
}

/// Milliseconds since 1970.
pub fn ms(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
