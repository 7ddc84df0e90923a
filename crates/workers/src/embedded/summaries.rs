//! Writes the running summary of a conversation after one of its turns, while nobody waits for it.
//!
//! A summary that is lost, because the process dies or the model fails, is written after a later turn: the messages that it covers
//! are stored until then. What another process, `/reset` or the erasure of a person has changed meanwhile wins.

use reef_assistant::{
    Conversation, STORED_TURNS_MAX, SUMMARY_EVERY_TURNS, Settings, Summarized, summarize, turns_to_summarize,
};
use reef_domain::ErrorChain;
use reef_store::{BotUpdateRow, MessageRow, StoreError, SummaryRow};

use crate::embedded::behavior::read_behavior;
use crate::embedded::conversations::{conversation_key, row_to_turn};
use crate::embedded::host::Embedded;
use crate::embedded::part_gate::PartGate;
use crate::embedded::turn_host::{Progress, TurnHost};

impl Embedded {
    /// Starts to write the summary of a conversation, unless this process stops or writes too many.
    pub(crate) fn start_summary(&self, row: &BotUpdateRow, settings: Settings, conversation: Conversation) {
        let Some(permit) = self.inner.summary_permits.try_acquire() else { return };
        let (this, row) = (self.clone(), row.clone());
        self.inner.tasks.spawn(async move {
            let _permit = permit;
            let written = tokio::select! {
                written = this.write_summary(&row, &settings, conversation) => written,
                () = this.inner.closing.cancelled() => return,
            };
            if let Err(error) = written {
                let error = tracing::field::display(ErrorChain(&error));
                tracing::warn!(assistant_id = %row.assistant_id, error, "summary could not be stored");
            }
        });
    }

    async fn write_summary(
        &self,
        row: &BotUpdateRow,
        settings: &Settings,
        conversation: Conversation,
    ) -> Result<(), StoreError> {
        let (assistant, store) = (row.assistant_id, &self.inner.store);
        let parts = PartGate::default();
        let host = TurnHost { embedded: self, row, parts: &parts, progress: Progress::default() };
        let mut tx = store.begin().await?;
        let behavior = read_behavior(&mut tx, assistant).await?;
        if !behavior.tools.memory {
            return Ok(());
        }
        let key = conversation_key(&mut tx, assistant, conversation).await?;
        let limit = i64::try_from(STORED_TURNS_MAX).unwrap_or(i64::MAX);
        let rows = tx.list_uncovered_messages(assistant, key, limit).await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let found = tx.find_summary(assistant, key).await?;
        let attempt = SummaryRow {
            summary: String::new(),
            covered_until: found.as_ref().map_or(first.position - 1, |found| found.covered_until),
            attempted_at: last.position,
            updated_at: self.inner.clock.now(),
        };
        let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
        let turns =
            rows.into_iter().map(|row| row_to_turn(MessageRow { role: row.role, content: row.content }));
        let Ok(turns) = turns.collect::<Result<Vec<_>, _>>() else {
            return Err(StoreError::corrupt("conversation_messages", assistant));
        };
        let covered = turns_to_summarize(&turns);
        let Some(covered_until) = covered.checked_sub(1).map(|index| positions[index]) else {
            return Ok(());
        };
        let every = i64::try_from(SUMMARY_EVERY_TURNS).unwrap_or(i64::MAX);
        if !tx.claim_summary(assistant, key, &attempt, every).await? {
            return Ok(());
        }
        tx.commit().await?;
        let earlier = found.map(|found| found.summary).filter(|text| !text.is_empty());
        let asked =
            summarize(&host, settings, &behavior, conversation, earlier.as_deref(), &turns[..covered]).await;
        let (text, call) = match asked {
            Ok(Summarized::Asked { text, call }) => (text, call),
            // The host has logged why it could not reserve the call.
            Ok(Summarized::AllowanceReached) | Err(_) => return Ok(()),
        };
        let prices = self.prices().await?;
        let mut tx = store.begin().await?;
        host.ledger().record_calls(&mut tx, &[call], &prices).await?;
        match text {
            // PostgreSQL cannot store NUL in a text.
            Ok(text) => {
                tx.save_summary(assistant, key, &attempt, &text.replace('\0', ""), covered_until).await?;
            }
            Err(error) => tracing::info!(assistant_id = %assistant, %error, "model wrote no summary"),
        }
        tx.commit().await
    }
}
