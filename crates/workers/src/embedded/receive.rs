//! Receives updates, from webhook requests and from polls, and stores them.

use std::time::Duration;

use reef_domain::ErrorChain;
use reef_domain::ids::{AssistantId, UpdateRowId};
use reef_protocols::telegram::{Message, Update, parse_update};
use reef_store::{NewBotUpdate, StoreError, Tx, WorkerRow};

use crate::embedded::conversations::current_chat_id;
use crate::embedded::host::Embedded;
use crate::embedded::turn_slots::ChatKey;

/// How many updates of one assistant may wait here. Further ones wait at Telegram.
pub(crate) const WAITING_MAX: i64 = 1_000;

/// How long a part of an album waits for further ones.
const ALBUM_WAIT: Duration = Duration::from_millis(2_000);

/// The result of a webhook request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The update is stored, was stored before, or needs no answer. The status is 200.
    Accepted,
    /// The body is not an update. The status is 200, because a retry would not change that.
    Malformed,
    /// The worker does not exist. The status is 404.
    UnknownWorker,
    /// The request has no secret, a wrong one, or that of an earlier run. The status is 401.
    WrongSecret,
    /// Too many updates of the assistant are waiting. The status is 429, and Telegram retries.
    TooManyWaiting,
    /// The update could not be stored. The status is 503, and Telegram retries.
    Unavailable,
}

impl WebhookOutcome {
    /// The HTTP status of the response.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::Malformed => 200,
            Self::UnknownWorker => 404,
            Self::WrongSecret => 401,
            Self::TooManyWaiting => 429,
            Self::Unavailable => 503,
        }
    }
}

impl Embedded {
    /// Receives a request to `{public_url}/workers/{worker_name}/telegram`, with the secret of its
    /// `X-Telegram-Bot-Api-Secret-Token` header. When it returns [`WebhookOutcome::Accepted`], the update is stored
    /// durably; its turn runs afterwards.
    pub async fn receive(&self, worker_name: &str, secret: Option<&str>, body: &[u8]) -> WebhookOutcome {
        self.try_receive(worker_name, secret, body).await.unwrap_or_else(|error| {
            tracing::error!(
                worker_name,
                error = %ErrorChain(&error),
                "update could not be stored"
            );
            WebhookOutcome::Unavailable
        })
    }

    async fn try_receive(
        &self,
        worker_name: &str,
        secret: Option<&str>,
        body: &[u8],
    ) -> Result<WebhookOutcome, StoreError> {
        // Verified in the same transaction, so that nothing is stored for a worker that was removed while the body arrived.
        let mut tx = self.inner.store.begin().await?;
        let (worker, opened) = match self.verified_worker(&mut tx, worker_name, secret).await? {
            Ok(admitted) => admitted,
            Err(rejection) => return Ok(rejection),
        };
        let (Ok(update), Ok(text)) = (parse_update(body), std::str::from_utf8(body)) else {
            tracing::warn!(worker_name, bytes = body.len(), "webhook body is not an update");
            return Ok(WebhookOutcome::Malformed);
        };
        let Some(received) = self.store_update(&mut tx, &worker, opened.bot_id, &update, text).await? else {
            return Ok(WebhookOutcome::Accepted);
        };
        if tx.count_open_bot_updates(worker.assistant_id).await? > WAITING_MAX {
            return Ok(WebhookOutcome::TooManyWaiting);
        }
        tx.commit().await?;
        self.process_received(&received);
        Ok(WebhookOutcome::Accepted)
    }

    /// Starts processing a stored update after its transaction is committed.
    pub(crate) fn process_received(&self, received: &ReceivedUpdate) {
        if received.is_delayed {
            self.inner.sweep.notify_one();
        } else {
            self.process_chat(received.chat);
        }
    }

    /// Stores an update, or migrates its chat if the update says so. Returns the chat to process, or `None` if there is
    /// nothing new.
    pub(crate) async fn store_update(
        &self,
        tx: &mut Tx,
        worker: &WorkerRow,
        bot_id: i64,
        update: &Update,
        body: &str,
    ) -> Result<Option<ReceivedUpdate>, StoreError> {
        let Some(chat_id) = update.chat_id() else { return Ok(None) };
        let assistant_id = worker.assistant_id;
        let chat_id = current_chat_id(tx, assistant_id, chat_id).await?;
        if let Some(edited) = &update.edited_message {
            replace_edited(tx, assistant_id, chat_id, edited, body).await?;
            // An edited question that is answered already stays answered.
            return Ok(Some(ReceivedUpdate { chat: (assistant_id, chat_id), is_delayed: false }));
        }
        if let Some((from, to)) = update.message.as_ref().and_then(Message::migration) {
            // The migration does not wait for a turn, because a message in the supergroup may arrive before that.
            tx.migrate_chat(assistant_id, from, to).await?;
            return Ok(Some(ReceivedUpdate { chat: (assistant_id, to), is_delayed: false }));
        }
        let now = self.inner.clock.now();
        let message = update.message.as_ref();
        let is_delayed = message.is_some_and(waits_for_album);
        let new = NewBotUpdate {
            id: UpdateRowId::new(self.new_uuid()),
            assistant_id,
            bot_id,
            update_id: update.update_id,
            chat_id,
            body: body.to_owned(),
            media_group_id: message.and_then(|message| message.media_group_id.clone()),
            not_before: is_delayed.then(|| now.plus(ALBUM_WAIT)),
        };
        let is_new = tx.insert_bot_update(&new, now).await?;
        Ok(is_new.then_some(ReceivedUpdate { chat: (assistant_id, chat_id), is_delayed }))
    }
}

/// A chat with a new update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceivedUpdate {
    chat: ChatKey,
    /// Whether the turn is not due immediately.
    is_delayed: bool,
}

/// Whether the answer waits for other parts of an album, which are updates of their own. Each part that arrives makes the chat
/// wait again.
const fn waits_for_album(message: &Message) -> bool {
    message.media_group_id.is_some()
}

/// Replaces a question that was edited before it was answered.
async fn replace_edited(
    tx: &mut Tx,
    assistant: AssistantId,
    chat: i64,
    edited: &Message,
    body: &str,
) -> Result<(), StoreError> {
    for (id, stored) in tx.list_unanswered_updates(assistant, chat).await? {
        let stored = parse_update(stored.as_bytes()).ok();
        let Some(original) = stored.filter(|update| {
            update.message.as_ref().is_some_and(|message| message.message_id == edited.message_id)
        }) else {
            continue;
        };
        if let Some(new_body) = with_edit(original.update_id, body) {
            tx.replace_update_body(id, &new_body).await?;
        }
        return Ok(());
    }
    Ok(())
}

/// The update in `body`, an edit, as if the message had been sent so in the first place.
fn with_edit(update_id: i64, body: &str) -> Option<String> {
    let mut edit: serde_json::Value = serde_json::from_str(body).ok()?;
    let message = edit.get_mut("edited_message")?.take();
    Some(serde_json::json!({"update_id": update_id, "message": message}).to_string())
}
