//! The prices of the plans, read from Polar periodically and cached.

use std::time::Duration;

use reef_domain::wire::ApiMode;
use reef_jobs::{Backoff, with_jitter};
use tokio_util::sync::CancellationToken;

use crate::billing::price_cache::Prices;
use crate::services::Services;
use reef_ports::PaymentError;

const REFRESH_EVERY: Duration = Duration::from_secs(15 * 60);
/// How much jitter may lengthen the wait for the next refresh.
const JITTER_PERCENT: u32 = 25;
/// The waits after failed refreshes.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5 * 60));
impl Services {
    /// The cached prices, without a call to Polar.
    #[must_use]
    pub fn prices(&self) -> Prices {
        self.price_cache().fresh(self.now())
    }

    /// Reads the prices from Polar. A price that cannot be read stays as it was.
    ///
    /// # Errors
    /// The [`PaymentError`] of the first price that could not be read.
    pub async fn refresh_prices(&self) -> Result<(), PaymentError> {
        for mode in [ApiMode::Byok, ApiMode::Managed] {
            let Some(product) = self.config().product(mode) else { continue };
            let price = self.ports().payments.price(product).await?;
            if price.is_none() {
                tracing::warn!(product, "product has no fixed price at polar, pages show none");
            }
            *self.price_cache().of(mode) = price.map(|price| (price, self.now()));
        }
        Ok(())
    }

    /// Refreshes the prices periodically until `stop`.
    pub async fn refresh_prices_periodically(&self, stop: CancellationToken) {
        if !self.config().payments_configured {
            return;
        }
        let mut failures = 0;
        loop {
            let read = tokio::select! {
                () = stop.cancelled() => return,
                read = self.refresh_prices() => read,
            };
            let wait = match read {
                Ok(()) => {
                    failures = 0;
                    with_jitter(REFRESH_EVERY, JITTER_PERCENT, &*self.ports().entropy)
                }
                Err(error) => {
                    failures += 1;
                    tracing::debug!(%error, "price refresh failed");
                    BACKOFF.wait_after(failures)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
