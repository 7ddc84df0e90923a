//! The dashboard's list of assistants: searched, filtered and paged.

use reef_domain::query::Cursor;
use reef_domain::search::Search;
use reef_domain::wire::{AssistantRecord, Scope, Status};

use crate::assistants::view::UNPAID_LISTED_FOR;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// Assistants on a page of the list.
pub const PAGE_SIZE: usize = 100;
/// Rows read at once while filtering.
const BATCH: i64 = 500;

/// A page of search results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The matching records, newest first, at most [`PAGE_SIZE`].
    pub records: Vec<AssistantRecord>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Cursor>,
    /// The number of the caller's assistants in each status, regardless of the search.
    pub counts: Vec<(Status, i64)>,
}

impl Services {
    /// The page of the caller's assistants that match `search`, after the cursor.
    ///
    /// Names are compared here because the databases disagree on upper and lower case.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants.
    pub async fn search_assistants(
        &self,
        caller: &Caller,
        search: &Search,
        after: Option<Cursor>,
    ) -> Result<SearchPage, Error> {
        caller.require_scope_for_all(Scope::Read)?;
        let unpaid_since = self.now().minus(UNPAID_LISTED_FOR);
        let catalog = self.catalog().await?;
        let mut tx = self.store().read().await?;
        let counts = tx.count_user_assistants_by_status(caller.user_id, unpaid_since).await?;
        let mut records = Vec::new();
        let mut scanned_to = after;
        let mut last_match = None;
        loop {
            let position = scanned_to.map(|cursor| (cursor.created_at, cursor.id));
            let rows = tx.list_assistants_page(caller.user_id, unpaid_since, position, BATCH).await?;
            for a in &rows {
                let cursor = Cursor { created_at: a.created_at, id: a.id };
                scanned_to = Some(cursor);
                let record = a.record();
                let model =
                    record.model_id.as_deref().map(|id| catalog.display_name(record.model_provider, id));
                if !search.matches(&record, model.as_deref().unwrap_or_default()) {
                    continue;
                }
                if records.len() == PAGE_SIZE {
                    return Ok(SearchPage { records, next: last_match, counts });
                }
                last_match = Some(cursor);
                records.push(record);
            }
            if i64::try_from(rows.len()).is_ok_and(|read| read < BATCH) {
                return Ok(SearchPage { records, next: None, counts });
            }
        }
    }
}
