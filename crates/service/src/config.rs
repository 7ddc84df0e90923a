//! Configuration of the service layer.

use std::time::Duration;

use reef_domain::wire::ApiMode;
use secrecy::SecretString;

/// What the operator has configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL that customers reach Reef at, without a trailing slash.
    pub public_url: String,
    /// Polar's product for assistants with the customer's own model key.
    pub product_byok: Option<String>,
    /// Polar's product for managed assistants.
    pub product_managed: Option<String>,
    /// Whether payments can be taken at all.
    pub payments_configured: bool,
    /// The secret that Polar signs its webhooks with.
    pub polar_webhook_secret: Option<SecretString>,
    /// How long a deployment may take.
    pub deploy_timeout: Duration,
    /// Whether people may create their own accounts.
    pub signups_open: bool,
    /// Requests per minute for each API key.
    pub rate_limit_per_minute: u64,
    /// Invalid API keys per minute from each address.
    pub auth_failures_per_minute: u64,
    /// The credit of each managed billing period, in US dollars.
    pub managed_credit_usd: f64,
}

impl Config {
    /// Polar's product for a plan; `None` when that plan cannot be sold.
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
