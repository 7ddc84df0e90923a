//! The dashboard's list of assistants: searched, filtered and paged.

use std::collections::BTreeMap;
use std::sync::Arc;

use reef_domain::catalog::Catalog;
use reef_domain::query::Cursor;
use reef_domain::search::Search;
use reef_domain::wire::{AssistantRecord, Scope, Status};

use crate::assistants::paging::page_of;
use crate::caller::Caller;
use crate::error::Error;
use crate::health::Verdicts;
use crate::services::Services;

/// Assistants on a page of the list.
pub const PAGE_SIZE: usize = 100;

/// All assistants of a caller, with the catalog that names their models.
#[derive(Clone, Debug)]
pub struct AssistantList {
    records: Vec<Arc<AssistantRecord>>,
    catalog: Arc<Catalog>,
    verdicts: Arc<Verdicts>,
}

/// A page of search results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The matching records, newest first, at most [`PAGE_SIZE`].
    pub records: Vec<Arc<AssistantRecord>>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Cursor>,
    /// The number of the caller's assistants in each status, regardless of the search.
    pub counts: Vec<(Status, i64)>,
}

impl AssistantList {
    /// All assistants, newest first.
    #[must_use]
    pub fn records(&self) -> &[Arc<AssistantRecord>] {
        &self.records
    }

    /// The catalog that names their models.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// How those are that run.
    #[must_use]
    pub fn verdicts(&self) -> Arc<Verdicts> {
        Arc::clone(&self.verdicts)
    }

    /// The page of the assistants that match `search`, after the cursor.
    ///
    /// Everything is compared here: the page needs the whole list anyway to find out when it changes, and the databases disagree
    /// on upper and lower case.
    #[must_use]
    pub fn search(self, search: &Search, after: Option<Cursor>) -> SearchPage {
        let counts = count_by_status(&self.records);
        let catalog = self.catalog;
        let is_found = |record: &AssistantRecord| {
            if search.is_empty() {
                return true;
            }
            let model = record.model_id.as_deref().map(|id| catalog.display_name(record.model_provider, id));
            search.matches(record, model.as_deref().unwrap_or_default())
        };
        let found = self.records.into_iter().filter(|record| is_found(record));
        let (records, next) = page_of(found, after, PAGE_SIZE);
        SearchPage { records, next, counts }
    }
}

/// Counts the records in each status that occurs, in the order of the statuses' names.
fn count_by_status(records: &[Arc<AssistantRecord>]) -> Vec<(Status, i64)> {
    let mut counts = BTreeMap::new();
    for record in records {
        counts.entry(record.status.as_str()).or_insert((record.status, 0)).1 += 1;
    }
    counts.into_values().collect()
}

impl Services {
    /// The list of all of the caller's assistants, for the dashboard.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants.
    pub async fn assistant_list(&self, caller: &Caller) -> Result<AssistantList, Error> {
        caller.require_scope_for_all(Scope::Read)?;
        let catalog = self.catalog_to_show().await?;
        let verdicts = Arc::new(self.list_verdicts(caller).await?);
        Ok(AssistantList { records: self.list_assistants(caller).await?, catalog, verdicts })
    }
}
