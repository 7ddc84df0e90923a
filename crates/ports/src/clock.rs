//! The clock as a port, so that tests can set the time.

use reef_domain::Timestamp;

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// The current time at millisecond precision.
    fn now(&self) -> Timestamp;
}
