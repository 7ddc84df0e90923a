//! The catalog that this process has built last.

use std::sync::{Arc, Mutex, PoisonError};

use reef_domain::Timestamp;
use reef_domain::catalog::Catalog;

/// A catalog, and when its list was read from OpenRouter; `None` for the list that ships with Reef.
type Built = (Option<Timestamp>, Arc<Catalog>);

/// The catalog that this process has built last, if any.
#[derive(Debug, Default)]
pub(crate) struct CatalogCache(Mutex<Option<Built>>);

impl CatalogCache {
    /// Finds the catalog, unless the list was read again since it was built.
    pub(crate) fn find(&self, fetched_at: Option<Timestamp>) -> Option<Arc<Catalog>> {
        let built = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        built.as_ref().filter(|(at, _)| *at == fetched_at).map(|(_, catalog)| Arc::clone(catalog))
    }

    /// Replaces the catalog with one that was just built.
    pub(crate) fn set(&self, fetched_at: Option<Timestamp>, catalog: Arc<Catalog>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((fetched_at, catalog));
    }
}
