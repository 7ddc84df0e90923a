//! A user's assistants as the dashboard lists them: searched, filtered, a page at a time.

use reef_domain::page::Cursor;
use reef_domain::search::Search;
use reef_domain::wire::{AssistantRecord, Scope, Status};

use super::view::UNPAID_SHOWN_FOR;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// Assistants on one page.
pub const PAGE: usize = 100;
/// Rows read in one go while it is looked for those that fit.
const BATCH: i64 = 500;

/// One page of what was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Newest first, at most [`PAGE`].
    pub records: Vec<AssistantRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// How many assistants there are in each status, whatever was looked for.
    pub counts: Vec<(Status, i64)>,
}

impl Services {
    /// A page of the caller's assistants that `search` finds, after `after`.
    ///
    /// Names are compared here and not by the databases, whose notions of upper and lower case differ.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants.
    pub async fn search_assistants(
        &self,
        caller: &Caller,
        search: &Search,
        after: Option<Cursor>,
    ) -> Result<Found, Error> {
        caller.require_for_all(Scope::Read)?;
        let unpaid_since = self.now().minus(UNPAID_SHOWN_FOR);
        let catalog = self.catalog().await?;
        let mut tx = self.store().read().await?;
        let counts = tx.count_by_status(caller.user_id, unpaid_since).await?;
        let mut records = Vec::new();
        let mut looked_at = after;
        let mut last_found = None;
        loop {
            let position = looked_at.map(|cursor| (cursor.created_at, cursor.id));
            let rows = tx.assistants_page(caller.user_id, unpaid_since, position, BATCH).await?;
            for a in &rows {
                let cursor = Cursor { created_at: a.created_at, id: a.id };
                looked_at = Some(cursor);
                let record = a.record();
                let model = record.model_id.as_deref().map(|id| catalog.name_of(record.model_provider, id));
                if !search.finds(&record, model.as_deref().unwrap_or_default()) {
                    continue;
                }
                if records.len() == PAGE {
                    return Ok(Found { records, next: last_found, counts });
                }
                last_found = Some(cursor);
                records.push(record);
            }
            if i64::try_from(rows.len()).is_ok_and(|read| read < BATCH) {
                return Ok(Found { records, next: None, counts });
            }
        }
    }
}
