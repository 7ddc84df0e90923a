//! What the operator decides and this host needs to know.

use std::time::Duration;

use reef_outbound::ProviderUrls;

/// How bots' updates come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Telegram sends them to this process.
    Webhook,
    /// This process fetches them: Telegram cannot reach it.
    Polling,
}

/// The operator's decisions.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where Reef is reached, without a trailing slash; workers are at `{public_url}/workers/{name}`.
    pub public_url: String,
    /// The Bot API's base, without a trailing slash.
    pub telegram_url: String,
    /// Where the model providers are.
    pub provider_urls: ProviderUrls,
    /// How updates come to workers that are started from now on.
    pub delivery: Delivery,
    /// How long turns may go on when the process stops, before they are handed back.
    pub drain: Duration,
}
