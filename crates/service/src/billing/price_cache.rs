//! The prices that were last read from Polar.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::wire::ApiMode;
use reef_ports::Price;

/// The age from which a price that could not be refreshed is no longer shown.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The known prices. An unknown one is only shown at the checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// The plan with the customer's own model key.
    pub byok: Option<Price>,
    /// The plan whose model key Reef creates.
    pub managed: Option<Price>,
}

/// The prices with the times at which they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownPrices {
    byok: Option<(Price, Timestamp)>,
    managed: Option<(Price, Timestamp)>,
}

impl KnownPrices {
    /// The price of a plan.
    pub(super) fn of(&mut self, mode: ApiMode) -> &mut Option<(Price, Timestamp)> {
        match mode {
            ApiMode::Byok => &mut self.byok,
            ApiMode::Managed => &mut self.managed,
        }
    }

    /// The prices that were read recently enough to be shown.
    pub(super) fn fresh(&self, now: Timestamp) -> Prices {
        let if_fresh = |known: &Option<(Price, Timestamp)>| {
            let fresh = known.as_ref().filter(|(_, at)| now.since(*at) < STALE_AFTER);
            fresh.map(|(price, _)| price.clone())
        };
        Prices { byok: if_fresh(&self.byok), managed: if_fresh(&self.managed) }
    }
}
