//! Implements the assistant's [`Host`] trait over the HTTP client, the clock and the database.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reef_assistant::{
    Admission, AlbumPart, CallEstimate, Conversation, Decision, Fact, Host, MemoryChange, MemoryError,
    ModelCall, ModelHost, Permit, Reply, STORED_TURNS_MAX, SendKind, Share, Visit, Visitor,
};
use reef_domain::Timestamp;
use reef_domain::calendar::Calendar;
use reef_domain::ids::{ConversationId, FactId};
use reef_domain::people::Role as PersonRole;
use reef_domain::settings::Settings as Behavior;
use reef_protocols::model::{ModelError, Turn};
use reef_protocols::telegram::{Bot, parse_update};
use reef_protocols::{HttpError, HttpRequest, HttpResponse};
use reef_store::{AlbumPartRow, BotUpdateRow, FactRow, StoreError, Tx};

use crate::embedded::conversations::{
    self, conversation_key, current_chat_id, malformed_row, storage_error, turn_to_row,
};
use crate::embedded::host::Embedded;
use crate::embedded::ledger::Ledger;
use crate::embedded::part_gate::PartGate;
use crate::embedded::summary_permits::may_be_due;

/// The host of one turn. Its writes fail once another process holds the lease of the update, so that a process which
/// has lost the lease without noticing changes nothing.
pub(crate) struct TurnHost<'a> {
    pub embedded: &'a Embedded,
    pub row: &'a BotUpdateRow,
    pub parts: &'a PartGate,
    pub progress: Progress,
}

/// What a turn has stored about its update.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many parts the reply has. 0 until there is one.
    part_count: AtomicUsize,
    finished: OnceLock<Finished>,
    /// Whether the model has answered, or why not; empty if it was not asked.
    model: OnceLock<Option<ModelError>>,
    /// The conversation that may need a summary after the turn.
    summary_due: OnceLock<Conversation>,
    /// The message that shows the answer, if this turn has sent it.
    preview: OnceLock<i64>,
}

/// The update was finished in the transaction that recorded the last part of its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    /// Whether the chat had other open updates then.
    pub has_more: bool,
}

impl Progress {
    pub fn model(&self) -> Option<Option<ModelError>> {
        self.model.get().copied()
    }

    pub fn finished(&self) -> Option<Finished> {
        self.finished.get().copied()
    }

    pub fn summary_due(&self) -> Option<Conversation> {
        self.summary_due.get().copied()
    }

    fn set_parts(&self, reply: &Reply) {
        self.part_count.store(reply.parts.len(), Ordering::Relaxed);
    }
}

impl ModelHost for TurnHost<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let transport = &self.embedded.inner.transport;
        if !Bot::is_message(&request) {
            return transport.send(request).await;
        }
        self.parts.enter().await;
        let sent = transport.send(request).await;
        if !sent.as_ref().is_ok_and(|response| response.status == 200) {
            self.parts.leave();
        }
        sent
    }

    async fn send_streamed(
        &self,
        request: HttpRequest,
        mut on_bytes: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<HttpResponse, HttpError> {
        self.embedded.inner.transport.send_streamed(request, Some(&mut on_bytes)).await
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    fn now_unix_ms(&self) -> i64 {
        self.embedded.inner.clock.now().unix_ms()
    }

    fn utc_offset_s(&self, time_zone: &str, unix_ms: i64) -> i32 {
        Calendar::new(time_zone).utc_offset_s(Timestamp::from_unix_ms(unix_ms))
    }

    async fn list_recent_turns(
        &self,
        conversation: Conversation,
        limit: usize,
    ) -> Result<Vec<Turn>, MemoryError> {
        conversations::list_recent_turns(
            &self.embedded.inner.store,
            self.row.assistant_id,
            conversation,
            limit,
        )
        .await
    }

    async fn list_facts(&self, conversation: Conversation) -> Result<Vec<Fact>, MemoryError> {
        conversations::list_facts(&self.embedded.inner.store, self.row.assistant_id, conversation).await
    }

    async fn find_summary(&self, conversation: Conversation) -> Result<Option<String>, MemoryError> {
        let read = async {
            let mut tx = self.embedded.inner.store.read().await?;
            let key = conversation_key(&mut tx, self.row.assistant_id, conversation).await?;
            tx.find_summary(self.row.assistant_id, key).await
        };
        let found = read.await.map_err(|error| storage_error(&error))?;
        Ok(found.map(|row| row.summary).filter(|text| !text.is_empty()))
    }

    async fn reserve_call(
        &self,
        behavior: &Behavior,
        estimate: CallEstimate<'_>,
    ) -> Result<Permit, MemoryError> {
        self.ledger().reserve(behavior, estimate).await.map_err(|error| storage_error(&error))
    }
}

impl Host for TurnHost<'_> {
    async fn admit(&self, visit: &Visit) -> Result<Admission, MemoryError> {
        self.admit_visit(visit).await.map_err(|error| storage_error(&error))
    }

    async fn decide_request(
        &self,
        owner: &Visitor,
        person_id: &str,
        is_approved: bool,
    ) -> Result<Decision, MemoryError> {
        self.decide(owner, person_id, is_approved).await.map_err(|error| storage_error(&error))
    }

    async fn record_membership(
        &self,
        chat_id: i64,
        title: &str,
        added_by: Option<&Visitor>,
    ) -> Result<(), MemoryError> {
        self.save_membership(chat_id, title, added_by).await.map_err(|error| storage_error(&error))
    }

    async fn find_reply(&self, _update_id: i64) -> Result<Option<Reply>, MemoryError> {
        // The row was read when it was claimed, and nothing else writes to it under the lease.
        let Some(answer) = &self.row.answer else { return Ok(None) };
        let reply: Reply = serde_json::from_str(answer).map_err(|_| malformed_row())?;
        let sent = usize::try_from(self.row.sent_parts).map_err(|_| malformed_row())?;
        self.progress.set_parts(&reply);
        Ok(Some(Reply { sent, ..reply }))
    }

    fn reserve_send(&self, chat_id: i64, kind: SendKind) -> Duration {
        self.embedded.inner.pace.reserve(self.row.bot_id, chat_id, kind, self.now_unix_ms())
    }

    async fn record_preview(&self, _update_id: i64, message_id: i64) -> Result<(), MemoryError> {
        let inner = &self.embedded.inner;
        let recorded = async {
            let mut tx = inner.store.begin().await?;
            let is_recorded = tx.update_preview_message(self.row.id, inner.lease_holder, message_id).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(is_recorded)
        };
        let recorded = recorded.await;
        self.parts.leave();
        if !recorded.map_err(|error| storage_error(&error))? {
            return Err(lease_lost());
        }
        // A turn sends one such message.
        self.progress.preview.get_or_init(|| message_id);
        Ok(())
    }

    async fn find_preview(&self, _update_id: i64) -> Result<Option<i64>, MemoryError> {
        Ok(self.progress.preview.get().copied().or(self.row.preview_message_id))
    }

    async fn save_reply(
        &self,
        _update_id: i64,
        reply: &Reply,
        change: &MemoryChange,
        calls: &[ModelCall],
    ) -> Result<(), MemoryError> {
        let answer = serde_json::to_string(reply).map_err(|_| malformed_row())?;
        self.progress.set_parts(reply);
        let saved = self.save(&answer, &reply.covers, change, calls).await;
        let is_saved = saved.map_err(|error| storage_error(&error))?;
        if is_saved { Ok(()) } else { Err(lease_lost()) }
    }

    async fn update_reply(&self, _update_id: i64, reply: &Reply) -> Result<(), MemoryError> {
        let answer = serde_json::to_string(reply).map_err(|_| malformed_row())?;
        self.progress.set_parts(reply);
        let replaced = async {
            let mut tx = self.embedded.inner.store.begin().await?;
            let is_replaced =
                tx.replace_answer(self.row.id, self.embedded.inner.lease_holder, &answer).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(is_replaced)
        };
        if replaced.await.map_err(|error| storage_error(&error))? { Ok(()) } else { Err(lease_lost()) }
    }

    async fn migrate_chat(&self, from_chat_id: i64, to_chat_id: i64) -> Result<(), MemoryError> {
        let migrated = async {
            let mut tx = self.embedded.inner.store.begin().await?;
            tx.migrate_chat(self.row.assistant_id, from_chat_id, to_chat_id).await?;
            tx.commit().await
        };
        migrated.await.map_err(|error| storage_error(&error))
    }

    async fn list_album_parts(
        &self,
        chat_id: i64,
        media_group_id: &str,
    ) -> Result<Vec<AlbumPart>, MemoryError> {
        let read = async {
            let mut tx = self.embedded.inner.store.read().await?;
            let chat_id = current_chat_id(&mut tx, self.row.assistant_id, chat_id).await?;
            tx.list_album_parts(self.row.assistant_id, chat_id, media_group_id).await
        };
        let rows = read.await.map_err(|error| storage_error(&error))?;
        Ok(rows.iter().map(album_part).collect())
    }

    fn observe_model(&self, error: Option<ModelError>) {
        // A turn asks the model for one answer.
        self.progress.model.get_or_init(|| error);
    }

    async fn list_waiting_messages(&self, chat_id: i64) -> Result<Vec<AlbumPart>, MemoryError> {
        let read = async {
            let mut tx = self.embedded.inner.store.read().await?;
            let chat_id = current_chat_id(&mut tx, self.row.assistant_id, chat_id).await?;
            tx.list_waiting_updates(self.row.assistant_id, self.row.bot_id, chat_id).await
        };
        let rows = read.await.map_err(|error| storage_error(&error))?;
        Ok(rows.iter().map(album_part).collect())
    }

    async fn use_share(&self, _update_id: i64, author_id: i64) -> Result<Share, MemoryError> {
        self.use_share_of(author_id).await.map_err(|error| storage_error(&error))
    }

    async fn record_part_sent(&self, _update_id: i64, part_index: usize) -> Result<(), MemoryError> {
        let is_last = part_index + 1 == self.progress.part_count.load(Ordering::Relaxed);
        let sent = i64::try_from(part_index + 1).map_err(|_| malformed_row())?;
        let recorded = if is_last { self.finish(sent).await } else { self.record_sent_parts(sent).await };
        self.parts.leave();
        if recorded.map_err(|error| storage_error(&error))? { Ok(()) } else { Err(lease_lost()) }
    }
}

impl TurnHost<'_> {
    pub(super) const fn ledger(&self) -> Ledger<'_> {
        Ledger { embedded: self.embedded, assistant_id: self.row.assistant_id, is_api: false }
    }

    /// Records that a part has been sent. Returns `false` if the lease is lost.
    async fn record_sent_parts(&self, sent: i64) -> Result<bool, StoreError> {
        let inner = &self.embedded.inner;
        let mut tx = inner.store.begin().await?;
        let is_recorded = tx.update_sent_parts(self.row.id, inner.lease_holder, sent).await?;
        tx.commit().await?;
        Ok(is_recorded)
    }

    /// Records the last part and finishes the update, because another transaction for that would be a third of the turn's
    /// work for the database. Returns `false` if the lease is lost.
    async fn finish(&self, sent: i64) -> Result<bool, StoreError> {
        let (inner, row) = (&self.embedded.inner, self.row);
        let mut tx = inner.store.begin().await?;
        if !tx.finish_answered_update(row.id, inner.lease_holder, sent, inner.clock.now()).await? {
            return Ok(false);
        }
        let has_more = tx.has_open_updates(row.assistant_id, row.chat_id).await?;
        tx.commit().await?;
        // A turn finishes its update once.
        self.progress.finished.get_or_init(|| Finished { has_more });
        Ok(true)
    }

    /// Saves the reply and its change to the conversation in one transaction. Returns `false` if the lease is lost.
    async fn save(
        &self,
        answer: &str,
        covers: &[i64],
        change: &MemoryChange,
        calls: &[ModelCall],
    ) -> Result<bool, StoreError> {
        let inner = &self.embedded.inner;
        let prices = if calls.is_empty() { Arc::default() } else { self.embedded.prices().await? };
        let mut tx = inner.store.begin().await?;
        if !tx.save_answer(self.row.id, inner.lease_holder, answer).await? {
            return Ok(false);
        }
        for update in covers {
            let row = self.row;
            tx.finish_covered_update(row.assistant_id, row.bot_id, *update, inner.clock.now()).await?;
        }
        self.apply(&mut tx, change).await?;
        self.ledger().record_calls(&mut tx, calls, &prices).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn apply(&self, tx: &mut Tx, change: &MemoryChange) -> Result<(), StoreError> {
        let assistant = self.row.assistant_id;
        match change {
            MemoryChange::Keep => Ok(()),
            MemoryChange::Remember { conversation, text } => {
                let key = conversation_key(tx, assistant, *conversation).await?;
                let fact = FactRow {
                    id: FactId::new(self.embedded.new_uuid()),
                    conversation_id: ConversationId::new(self.embedded.new_uuid()),
                    text: text.replace('\0', ""),
                    created_at: self.embedded.inner.clock.now(),
                };
                tx.insert_fact(assistant, key, &fact).await
            }
            MemoryChange::ForgetFact { id, .. } => match FactId::parse(id) {
                Some(id) => tx.delete_fact(assistant, id).await.map(drop),
                None => Ok(()),
            },
            MemoryChange::ForgetPerson { telegram_user_id } => {
                tx.delete_chat(assistant, *telegram_user_id).await?;
                let person = tx.find_person_by_telegram_user(assistant, *telegram_user_id).await?;
                // The owner stays the owner, or the next person who writes would become it.
                match person.filter(|person| person.role != PersonRole::Owner) {
                    Some(person) => tx.delete_person(assistant, person.id).await.map(drop),
                    None => Ok(()),
                }
            }
            MemoryChange::Forget { conversation } => {
                let key = conversation_key(tx, assistant, *conversation).await?;
                tx.delete_conversation(assistant, key).await
            }
            MemoryChange::Append { conversation, turns } => {
                let now = self.embedded.inner.clock.now();
                let key = conversation_key(tx, assistant, *conversation).await?;
                for turn in turns {
                    tx.append_message(assistant, key, &turn_to_row(turn), now).await?;
                }
                if may_be_due(tx, assistant, key).await? {
                    self.progress.summary_due.get_or_init(|| *conversation);
                }
                // Turns beyond the limit are never read again.
                tx.trim_conversation(assistant, key, i64::try_from(STORED_TURNS_MAX).unwrap_or(i64::MAX))
                    .await
            }
        }
    }
}

fn lease_lost() -> MemoryError {
    MemoryError("another process holds the lease of this update".to_owned())
}

fn album_part(row: &AlbumPartRow) -> AlbumPart {
    let message = parse_update(row.body.as_bytes()).ok().and_then(|update| update.message);
    AlbumPart { update_id: row.update_id, message }
}
