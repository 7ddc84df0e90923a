//! The webhook: an update is taken in durably and answered at once.

use std::time::Duration;

use reef_assistant::telegram::{Message, Update, parse_update};
use reef_domain::Chain;
use reef_domain::ids::UpdateRowId;
use reef_store::{NewUpdate, StoreError, Tx, WorkerRow};

use crate::embedded::Embedded;
use crate::memory::current_chat;
use crate::slots::ChatKey;

/// How many updates of one assistant may wait. What comes beyond them waits at Telegram.
pub(crate) const WAITING_MAX: i64 = 1_000;

/// How long a picture of an album waits for the words below another one.
const ALBUM_SETTLES_AFTER: Duration = Duration::from_millis(1_500);

/// What became of a webhook's request, and what Telegram is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Taken in, or known already, or nothing to answer: 200.
    Accepted,
    /// Not an update. Sent again it would not become one: 200.
    Malformed,
    /// There is no such worker: 404.
    Unknown,
    /// It is not Telegram, or Telegram with an older secret: 401.
    WrongSecret,
    /// Too many of the assistant's updates wait: 429, and Telegram comes back.
    TooMany,
    /// It could not be taken in: 503, and Telegram comes back.
    Unavailable,
}

impl Received {
    /// The HTTP status to answer with.
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
    /// Takes in what came to `{public_url}/workers/{worker_name}/telegram`, with the secret of its
    /// `X-Telegram-Bot-Api-Secret-Token` header. When it returns, the update is kept; the turn comes after.
    pub async fn receive(&self, worker_name: &str, secret: Option<&str>, body: &[u8]) -> Received {
        self.try_receive(worker_name, secret, body).await.unwrap_or_else(|error| {
            tracing::error!(
                worker_name,
                error = %Chain(&error),
                "cannot take an update in"
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
            tracing::warn!(worker_name, bytes = body.len(), "what came to a webhook is not an update");
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

    /// Has what was taken in worked on, once that is committed.
    pub(crate) fn go_on(&self, taken: &TakenIn) {
        if taken.is_delayed {
            self.inner.look.notify_one();
        } else {
            self.wake(taken.chat);
        }
    }

    /// Writes an update's row, or moves a chat as the update says; gives what is to be done then, if anything is new.
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
            // At once and not in a turn: the first message in the supergroup may be on its way already.
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

/// What was taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakenIn {
    /// The chat that has something to work on.
    chat: ChatKey,
    /// Not at once: its turn is not due yet.
    is_delayed: bool,
}

/// Whether an answer depends on other parts of an album, which come as updates of their own: a picture without words
/// that is for the assistant. In a group that is a reply, for there is no mention in it.
fn waits_for_album(message: &Message) -> bool {
    message.media_group_id.is_some()
        && message.words().is_empty()
        && (message.chat.is_private() || message.reply_to_message.is_some())
}
