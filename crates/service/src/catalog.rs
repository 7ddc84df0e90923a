//! The model catalog: what ships with Reef, and what OpenRouter's public list adds to it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::catalog::{Catalog, Listed};
use thiserror::Error as ThisError;

use crate::error::Error;
use crate::jobs::JobError;
use crate::services::Services;

/// Whose list it is.
const SOURCE: &str = "openrouter";
/// Fewer models than this are no list (there were hundreds in 2026).
const LISTED_MIN: usize = 10;
/// More than this are none either.
const LISTED_MAX: usize = 5_000;
/// A list that has shrunk to less than half is believed once the last good one is this old.
const TRUSTED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// The catalog as made from the list that was read at that moment.
pub(crate) type Cached = Option<(Option<Timestamp>, Arc<Catalog>)>;

/// A list that replaces nothing.
#[derive(Debug, ThisError, PartialEq, Eq)]
enum NotBelieved {
    #[error("{0} models are too few for a list")]
    TooFew(usize),
    #[error("{0} models are too many for a list")]
    TooMany(usize),
    #[error("{bad} of {all} entries are no models")]
    Unsound { bad: usize, all: usize },
    #[error("the list has shrunk from {from} models to {to}")]
    Shrunk { from: usize, to: usize },
}

impl Services {
    /// The models that activation accepts now, the same in every process: a list that one has read is the others' at
    /// their next look.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn catalog(&self) -> Result<Arc<Catalog>, Error> {
        let mut tx = self.store().read().await?;
        let fetched_at = tx.catalog_fetched_at(SOURCE).await?;
        if let Some(catalog) = self.cached_catalog(fetched_at) {
            return Ok(catalog);
        }
        let stored = tx.catalog(SOURCE).await?;
        drop(tx);
        let (listed, at) = stored.map_or((Vec::new(), None), |(listed, at)| (listed, Some(at)));
        let catalog = Arc::new(Catalog::with(&listed));
        self.cache_catalog((at, Arc::clone(&catalog)));
        Ok(catalog)
    }

    /// The job: reads the list anew. A list that cannot be one replaces nothing.
    pub(crate) async fn refresh_catalog(&self) -> Result<(), JobError> {
        let listed = self.ports().models.list().await.map_err(|error| JobError::Retry(error.into()))?;
        let last = self.store().read().await?.catalog(SOURCE).await?;
        let now = self.now();
        let trusted = last.filter(|(_, at)| now.since(*at) < TRUSTED_FOR).map(|(models, _)| models.len());
        let models = believed(listed, trusted).map_err(|reason| JobError::Retry(reason.into()))?;
        let mut tx = self.store().begin().await?;
        tx.set_catalog(SOURCE, &models, now).await?;
        tx.commit().await?;
        tracing::info!(models = models.len(), "the model catalog was read anew");
        Ok(())
    }
}

/// The sound models of a list, each once, when it can be a list at all; `trusted` is how many the last good one has.
fn believed(listed: Vec<Listed>, trusted: Option<usize>) -> Result<Vec<Listed>, NotBelieved> {
    let all = listed.len();
    if all > LISTED_MAX {
        return Err(NotBelieved::TooMany(all));
    }
    let mut seen = HashSet::new();
    let sound: Vec<_> =
        listed.into_iter().filter(|model| model.is_sound() && seen.insert(model.id.clone())).collect();
    if sound.len() < LISTED_MIN {
        return Err(NotBelieved::TooFew(sound.len()));
    }
    if sound.len() * 2 < all {
        return Err(NotBelieved::Unsound { bad: all - sound.len(), all });
    }
    match trusted {
        Some(from) if sound.len() * 2 < from => Err(NotBelieved::Shrunk { from, to: sound.len() }),
        _ => Ok(sound),
    }
}
