//! The configuration of this worker host.

use std::time::Duration;

use reef_outbound::ProviderUrls;

/// How bots receive their updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateSource {
    /// Telegram sends updates to this process.
    Webhook,
    /// This process fetches updates, because Telegram cannot reach it.
    Polling,
}

/// The configuration of the embedded worker host.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public URL of Reef without a trailing slash. Workers are at `{public_url}/workers/{name}`.
    pub public_url: String,
    /// The base URL of the Bot API without a trailing slash.
    pub telegram_url: String,
    /// The base URLs of the model providers.
    pub provider_urls: ProviderUrls,
    /// How workers that are started from now on receive updates.
    pub update_source: UpdateSource,
    /// How long turns may continue when the process stops, before they are canceled and released.
    pub drain: Duration,
}
