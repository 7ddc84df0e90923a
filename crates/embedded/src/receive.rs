//! Receives updates, from webhook requests and from polls, and stores them.

use std::time::Duration;

use reef_assistant::telegram::{Message, Update, parse_update};
use reef_domain::Chain;
use reef_domain::ids::UpdateRowId;
use reef_store::{NewUpdate, StoreError, Tx, WorkerRow};

use crate::embedded::Embedded;
use crate::memory::current_chat;
use crate::slots::ChatKey;

/// How many updates of one assistant may wait here. Further ones wait at Telegram.
pub(crate) const WAITING_MAX: i64 = 1_000;

/// How long a picture of an album without a caption waits for one with a caption.
const ALBUM_SETTLES_AFTER: Duration = Duration::from_millis(1_500);

/// The result of a webhook request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The update is stored, was stored before, or needs no answer. The status is 200.
    Accepted,
    /// The body is not an update. The status is 200, because a retry would not change that.
    Malformed,
    /// The worker does not exist. The status is 404.
    Unknown,
    /// The request has no secret, a wrong one, or that of an earlier run. The status is 401.
    WrongSecret,
    /// Too many updates of the assistant are waiting. The status is 429, and Telegram retries.
    TooMany,
    /// The update could not be stored. The status is 503, and Telegram retries.
    Unavailable,
}

impl Received {
    /// The HTTP status of the response.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::Malformed => 200,
            Self::Unknown => 404,
            Self::WrongSecret => 401,
            Self::TooMany => 429,
            Self::Unavailable => 503,
        }
    }
}

impl Embedded {
    /// Receives a request to `{public_url}/workers/{worker_name}/telegram`, with the secret of its
    /// `X-Telegram-Bot-Api-Secret-Token` header. When it returns [`WebhookOutcome::Accepted`], the update is stored
    /// durably; its turn runs afterwards.
    pub async fn receive(&self, worker_name: &str, secret: Option<&str>, body: &[u8]) -> Received {
        self.try_receive(worker_name, secret, body).await.unwrap_or_else(|error| {
            tracing::error!(
                worker_name,
                error = %Chain(&error),
                "update could not be stored"
            );
            Received::Unavailable
        })
    }

    async fn try_receive(
        &self,
        worker_name: &str,
        secret: Option<&str>,
        body: &[u8],
    ) -> Result<Received, StoreError> {
        let (worker, opened) = match self.admitted_worker(worker_name, secret).await? {
            Ok(admitted) => admitted,
            Err(refused) => return Ok(refused),
        };
        let (Ok(update), Ok(text)) = (parse_update(body), std::str::from_utf8(body)) else {
            tracing::warn!(worker_name, bytes = body.len(), "webhook body is not an update");
            return Ok(Received::Malformed);
        };
        let mut tx = self.inner.store.begin().await?;
        let Some(taken) = self.take_in(&mut tx, &worker, opened.bot_id, &update, text).await? else {
            return Ok(Received::Accepted);
        };
        if tx.count_open_updates(worker.assistant_id).await? > WAITING_MAX {
            return Ok(Received::TooMany);
        }
        tx.commit().await?;
        self.go_on(&taken);
        Ok(Received::Accepted)
    }

    /// Starts the processing of a stored update after its transaction is committed.
    pub(crate) fn go_on(&self, taken: &TakenIn) {
        if taken.is_delayed {
            self.inner.look.notify_one();
        } else {
            self.wake(taken.chat);
        }
    }

    /// Stores an update, or migrates its chat if the update says so. Returns the chat to process, or `None` if there is
    /// nothing new.
    pub(crate) async fn take_in(
        &self,
        tx: &mut Tx,
        worker: &WorkerRow,
        bot_id: i64,
        update: &Update,
        body: &str,
    ) -> Result<Option<TakenIn>, StoreError> {
        let Some(message) = &update.message else { return Ok(None) };
        let assistant_id = worker.assistant_id;
        if let Some((from, to)) = message.migration() {
            // The migration does not wait for a turn, because a message in the supergroup may arrive before that.
            tx.migrate_chat(assistant_id, from, to).await?;
            return Ok(Some(TakenIn { chat: (assistant_id, to), is_delayed: false }));
        }
        let now = self.inner.clock.now();
        let chat_id = current_chat(tx, assistant_id, message.chat.id).await?;
        let is_delayed = waits_for_album(message);
        let new = NewUpdate {
            id: UpdateRowId::new(self.new_uuid()),
            assistant_id,
            bot_id,
            update_id: update.update_id,
            chat_id,
            body: body.to_owned(),
            media_group_id: message.media_group_id.clone(),
            not_before: is_delayed.then(|| now.plus(ALBUM_SETTLES_AFTER)),
        };
        let is_new = tx.insert_update(&new, now).await?;
        Ok(is_new.then_some(TakenIn { chat: (assistant_id, chat_id), is_delayed }))
    }
}

/// A chat with a new update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakenIn {
    chat: ChatKey,
    /// Whether the turn is not due immediately.
    is_delayed: bool,
}

/// Whether the answer depends on other parts of an album, which are updates of their own. This is so for a picture
/// without a caption that is addressed to the assistant; in a group it must be a reply, because it cannot contain a
/// mention.
fn waits_for_album(message: &Message) -> bool {
    message.media_group_id.is_some()
        && message.words().is_empty()
        && (message.chat.is_private() || message.reply_to_message.is_some())
}
