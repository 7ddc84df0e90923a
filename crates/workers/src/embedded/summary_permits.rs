//! When a conversation may need a summary, and how many of them are written at once.

use std::sync::Arc;

use reef_assistant::{TURN_CHARS_MAX, may_need_summary};
use reef_domain::ids::AssistantId;
use reef_store::{ConversationKey, StoreError, Tx};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many summaries this process writes at once. Further ones are written after a later turn.
const AT_ONCE_MAX: usize = 8;

/// Limits the summaries that are being written.
#[derive(Debug)]
pub(crate) struct SummaryPermits(Arc<Semaphore>);

impl Default for SummaryPermits {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }
}

impl SummaryPermits {
    /// Returns a permit, or `None` while too many summaries are being written.
    pub fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }
}

/// Whether the messages of a conversation may need a summary after some were appended.
pub(super) async fn may_be_due(
    tx: &mut Tx,
    assistant: AssistantId,
    key: ConversationKey,
) -> Result<bool, StoreError> {
    let chars_max = i64::try_from(TURN_CHARS_MAX).unwrap_or(i64::MAX);
    let backlog = tx.get_summary_backlog(assistant, key, chars_max).await?;
    let [messages, chars] =
        [backlog.messages, backlog.chars].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Ok(may_need_summary(messages, chars))
}
