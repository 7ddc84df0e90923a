//! The model catalog: the models that ship with Reef, extended by OpenRouter's public list.

use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};
pub(crate) mod cache;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::catalog::{Catalog, ListedModel, OPENROUTER_SOURCE as SOURCE};
use thiserror::Error as ThisError;

use crate::error::Error;
use crate::services::Services;

/// A shorter list is implausible: OpenRouter had hundreds of models in 2026.
const LISTED_MIN: usize = 10;
/// A longer list is implausible.
const LISTED_MAX: usize = 5_000;
/// A list that has shrunk to less than half is accepted once the stored one is this old.
const COMPARED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a list is implausible and is not stored.
#[derive(Debug, ThisError, PartialEq, Eq)]
enum ImplausibleList {
    #[error("the list has only {0} models")]
    TooFew(usize),
    #[error("the list has {0} models")]
    TooMany(usize),
    #[error("{bad} of {all} entries are invalid")]
    TooManyInvalid { bad: usize, all: usize },
    #[error("the list has shrunk from {from} models to {to}")]
    Shrunk { from: usize, to: usize },
}

/// Refresh the model catalog.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RefreshCatalog {}

impl Job<Services> for RefreshCatalog {
    const KIND: &'static str = "refresh_catalog";
    const CONCURRENCY: usize = 1;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        String::new()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.refresh_catalog().await
    }
}

impl Services {
    /// The models that activation accepts. All processes use the same list, because each compares its cached one with the
    /// database.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn catalog(&self) -> Result<Arc<Catalog>, Error> {
        let fetched_at = self.store().read_committed().await?.find_catalog_fetched_at(SOURCE).await?;
        self.catalog_of(fetched_at).await
    }

    /// The same models, to show and not to decide by: that another process has refreshed them may be noticed up to a
    /// second later.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn catalog_to_show(&self) -> Result<Arc<Catalog>, Error> {
        self.catalog_of(self.store().find_known_catalog_fetched_at(SOURCE).await?).await
    }

    /// The list that was read at `fetched_at`, or a newer one.
    async fn catalog_of(&self, fetched_at: Option<Timestamp>) -> Result<Arc<Catalog>, Error> {
        if let Some(catalog) = self.catalog_cache().find(fetched_at) {
            return Ok(catalog);
        }
        let stored = self.store().read_committed().await?.find_catalog(SOURCE).await?;
        let (listed, at) = stored.map_or((Vec::new(), None), |(listed, at)| (listed, Some(at)));
        let catalog = Arc::new(Catalog::with_listed(&listed));
        self.catalog_cache().set(at, Arc::clone(&catalog));
        Ok(catalog)
    }

    /// Refreshes the list. An implausible one is not stored.
    async fn refresh_catalog(&self) -> Result<(), JobError> {
        let listed = self.ports().models.list().await.map_err(|error| JobError::Retry(error.into()))?;
        let last = self.store().read().await?.find_catalog(SOURCE).await?;
        let now = self.now();
        let previous = last.filter(|(_, at)| now.since(*at) < COMPARED_FOR).map(|(models, _)| models.len());
        let models = validate_list(listed, previous).map_err(|reason| JobError::Retry(reason.into()))?;
        let mut tx = self.store().begin().await?;
        tx.upsert_catalog(SOURCE, &models, now).await?;
        tx.commit().await?;
        tracing::info!(models = models.len(), "model catalog refreshed");
        Ok(())
    }
}

/// The valid models of a plausible list, without duplicates; `previous` is the length of the stored list.
fn validate_list(
    listed: Vec<ListedModel>,
    previous: Option<usize>,
) -> Result<Vec<ListedModel>, ImplausibleList> {
    let all = listed.len();
    if all > LISTED_MAX {
        return Err(ImplausibleList::TooMany(all));
    }
    let mut seen = HashSet::new();
    let sound: Vec<_> =
        listed.into_iter().filter(|model| model.is_valid() && seen.insert(model.id.clone())).collect();
    if sound.len() < LISTED_MIN {
        return Err(ImplausibleList::TooFew(sound.len()));
    }
    if sound.len() * 2 < all {
        return Err(ImplausibleList::TooManyInvalid { bad: all - sound.len(), all });
    }
    match previous {
        Some(from) if sound.len() * 2 < from => Err(ImplausibleList::Shrunk { from, to: sound.len() }),
        _ => Ok(sound),
    }
}
