//! The real clock, which is also that of the sandbox on the same machine.

use time::OffsetDateTime;

/// Returns the current time in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "processes are killed in real time")]
pub fn now_ms() -> i64 {
    to_ms(OffsetDateTime::now_utc())
}

/// Converts a time to milliseconds since 1970.
pub fn to_ms(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
