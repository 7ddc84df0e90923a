//! What the operator decides and the service layer needs to know.

use std::time::Duration;

use reef_domain::wire::ApiMode;
use secrecy::SecretString;

/// The operator's decisions.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where customers reach Reef, without a trailing slash.
    pub public_url: String,
    /// Polar's product for slots with the customer's own model key.
    pub product_byok: Option<String>,
    /// Polar's product for managed slots.
    pub product_managed: Option<String>,
    /// Whether payments can be taken at all.
    pub payments_configured: bool,
    /// What Polar signs its webhooks with.
    pub polar_webhook_secret: Option<SecretString>,
    /// How long a deployment may take.
    pub deploy_timeout: Duration,
    /// Whether strangers may open accounts.
    pub signups_open: bool,
    /// Requests a minute for each API key.
    pub rate_limit_per_minute: u64,
    /// Wrong API keys a minute from each address.
    pub auth_failures_per_minute: u64,
    /// The credit a managed period brings, in US dollars.
    pub managed_credit_usd: f64,
}

impl Config {
    /// The product to sell for a mode.
    #[must_use]
    pub fn product(&self, mode: ApiMode) -> Option<&str> {
        if !self.payments_configured {
            return None;
        }
        match mode {
            ApiMode::Byok => self.product_byok.as_deref(),
            ApiMode::Managed => self.product_managed.as_deref(),
        }
    }
}
