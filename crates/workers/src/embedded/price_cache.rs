//! The prices of models, as this process has read them last.

use std::sync::{Arc, Mutex, PoisonError};

use reef_domain::Timestamp;
use reef_domain::catalog::PriceList;

/// The price list that was built last, and when the list of models was read that it was built from.
#[derive(Debug, Default)]
pub(crate) struct PriceCache(Mutex<(Option<Timestamp>, Arc<PriceList>)>);

impl PriceCache {
    /// Finds the list, unless the models were read again since it was built.
    pub fn find(&self, fetched_at: Option<Timestamp>) -> Option<Arc<PriceList>> {
        let (at, prices) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (*at == fetched_at).then(|| Arc::clone(prices))
    }

    /// Replaces the list with one that was just built.
    pub fn set(&self, fetched_at: Option<Timestamp>, prices: Arc<PriceList>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (fetched_at, prices);
    }
}
