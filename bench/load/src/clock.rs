//! The time, which the rows that are inserted contain.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

/// Returns the milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the rows must look recent to Reef, which has the clock of this machine"
)]
pub fn now_ms() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    u64::try_from(now.as_millis()).context("the clock is far in the future")
}
