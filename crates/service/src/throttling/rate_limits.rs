//! The rate limits of this process.

use crate::config::Config;
use crate::throttling::admission::Admission;
use crate::throttling::windows::Windows;

/// Requests to vendors that one user may cause per window, by viewing pages and testing forms.
const CHECKS_PER_WINDOW: u64 = 40;

/// The limit of an account, in limits of a key, however many keys it has.
const KEYS_PER_ACCOUNT: u64 = 10;

/// Webhooks that one user may send manually per window, tests and redeliveries together.
const RESENDS_PER_WINDOW: u64 = 30;

/// The rate limits of this process.
#[derive(Debug)]
pub(crate) struct RateLimits {
    pub(super) keys: Windows,
    pub(super) accounts: Windows,
    /// For an IPv4 address or a /64, for a /56, and for a /48.
    pub(super) failures: [Windows; 3],
    pub(super) checks: Windows,
    pub(super) resends: Windows,
    pub(super) admission: Admission,
}

impl RateLimits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            keys: Windows::new(config.rate_limit_per_minute),
            accounts: Windows::new(config.rate_limit_per_minute.saturating_mul(KEYS_PER_ACCOUNT)),
            failures: NETWORK_MULTIPLES
                .map(|times| Windows::new(config.auth_failures_per_minute.saturating_mul(times))),
            checks: Windows::new(CHECKS_PER_WINDOW),
            resends: Windows::new(RESENDS_PER_WINDOW),
            admission: Admission::default(),
        }
    }
}

/// The limits of a /64, a /56 and a /48 as multiples. Several customers share the wider networks.
const NETWORK_MULTIPLES: [u64; 3] = [1, 2, 4];
