//! What slots cost: read from Polar now and then, known without asking.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::wire::ApiMode;
use tokio_util::sync::CancellationToken;

use crate::ports::{PaymentError, Price};
use crate::services::Services;

/// Between two readings.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// The wait after a reading that failed; it doubles with each.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);
/// A price that could not be read anew for so long is not known any more.
const BELIEVED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What slots cost; what is not known is said at the checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// With the customer's own model key.
    pub byok: Option<Price>,
    /// Managed.
    pub managed: Option<Price>,
}

/// What was last read, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    byok: Option<(Price, Timestamp)>,
    managed: Option<(Price, Timestamp)>,
}

impl Known {
    fn of(&mut self, mode: ApiMode) -> &mut Option<(Price, Timestamp)> {
        match mode {
            ApiMode::Byok => &mut self.byok,
            ApiMode::Managed => &mut self.managed,
        }
    }
}

impl Services {
    /// What slots cost, as last read. Asks nobody.
    #[must_use]
    pub fn prices(&self) -> Prices {
        let now = self.now();
        let known = self.known_prices();
        let believed = |known: &Option<(Price, Timestamp)>| {
            let fresh = known.as_ref().filter(|(_, at)| now.since(*at) < BELIEVED_FOR);
            fresh.map(|(price, _)| price.clone())
        };
        Prices { byok: believed(&known.byok), managed: believed(&known.managed) }
    }

    /// Reads the prices anew. What could not be read stays as it was.
    ///
    /// # Errors
    /// The first [`PaymentError`] there was.
    pub async fn refresh_prices(&self) -> Result<(), PaymentError> {
        for mode in [ApiMode::Byok, ApiMode::Managed] {
            let Some(product) = self.config().product(mode) else { continue };
            let price = self.ports().payments.price(product).await?;
            if price.is_none() {
                tracing::warn!(
                    product,
                    "polar has no fixed price for this product: pages do not say what it costs"
                );
            }
            *self.known_prices().of(mode) = price.map(|price| (price, self.now()));
        }
        Ok(())
    }

    /// Keeps the prices known until `stop`.
    pub async fn keep_prices(&self, stop: CancellationToken) {
        if !self.config().payments_configured {
            return;
        }
        let mut retry = RETRY;
        loop {
            let read = tokio::select! {
                () = stop.cancelled() => return,
                read = self.refresh_prices() => read,
            };
            let wait = match read {
                Ok(()) => {
                    retry = RETRY;
                    self.with_jitter(EVERY)
                }
                Err(error) => {
                    let wait = retry;
                    tracing::debug!(%error, "prices could not be read");
                    retry = (retry * 2).min(RETRY_MAX);
                    wait
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
