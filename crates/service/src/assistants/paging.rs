//! Cutting a page from a list of assistants that is in memory.

use std::sync::Arc;

use reef_domain::ids::AssistantId;
use reef_domain::query::Cursor;
use reef_domain::wire::AssistantRecord;

/// The first `size` of the records that come after the cursor, and the cursor of the next page, if there is one. The records are
/// sorted, the newest first.
pub(super) fn page_of(
    records: impl IntoIterator<Item = Arc<AssistantRecord>>,
    after: Option<Cursor>,
    size: usize,
) -> (Vec<Arc<AssistantRecord>>, Option<Cursor>) {
    let mut rest = records.into_iter().filter(|record| is_after(record, after));
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let has_more = rest.next().is_some();
    let next = page.last().filter(|_| has_more).and_then(|last| cursor_of(last));
    (page, next)
}

fn cursor_of(record: &AssistantRecord) -> Option<Cursor> {
    Some(Cursor { created_at: record.created_at, id: AssistantId::parse(&record.id)? })
}

/// Whether a record comes after the cursor in the list.
fn is_after(record: &AssistantRecord, cursor: Option<Cursor>) -> bool {
    cursor.is_none_or(|cursor| {
        record.created_at < cursor.created_at
            || record.created_at == cursor.created_at && AssistantId::parse(&record.id) < Some(cursor.id)
    })
}
