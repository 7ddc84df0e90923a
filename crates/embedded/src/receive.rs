//! The webhook: an update is taken in durably and answered at once.

use reef_assistant::telegram::{Update, parse_update};
use reef_domain::Chain;
use reef_domain::ids::UpdateRowId;
use reef_store::{NewUpdate, StoreError, Tx, WorkerRow};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use crate::chats::ChatKey;
use crate::embedded::Embedded;
use crate::sealed;

/// How many updates of one assistant may wait. What comes beyond them waits at Telegram.
pub(crate) const WAITING_MAX: i64 = 1_000;

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
        let inner = &self.inner;
        let Some(worker) = inner.store.read().await?.worker(worker_name).await? else {
            return Ok(Received::Unknown);
        };
        let opened = match sealed::open(&inner.vault, &inner.config, &worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(worker_name, %error, "a worker's settings cannot be opened");
                return Ok(Received::Unavailable);
            }
        };
        let expected = opened.webhook_secret.expose_secret().as_bytes();
        let is_telegram = bool::from(secret.unwrap_or_default().as_bytes().ct_eq(expected));
        if expected.is_empty() || !is_telegram {
            return Ok(Received::WrongSecret);
        }
        let (Ok(update), Ok(text)) = (parse_update(body), std::str::from_utf8(body)) else {
            tracing::warn!(worker_name, bytes = body.len(), "what came to a webhook is not an update");
            return Ok(Received::Malformed);
        };
        let mut tx = inner.store.begin().await?;
        let Some(key) = self.take_in(&mut tx, &worker, opened.bot_id, &update, text).await? else {
            return Ok(Received::Accepted);
        };
        if tx.count_open_updates(worker.assistant_id).await? > WAITING_MAX {
            return Ok(Received::TooMany);
        }
        tx.commit().await?;
        self.wake(key);
        Ok(Received::Accepted)
    }

    /// Writes an update's row; gives its chat if it is new and needs a turn.
    pub(crate) async fn take_in(
        &self,
        tx: &mut Tx,
        worker: &WorkerRow,
        bot_id: i64,
        update: &Update,
        body: &str,
    ) -> Result<Option<ChatKey>, StoreError> {
        let Some(chat_id) = update.chat_id() else { return Ok(None) };
        let new = NewUpdate {
            id: UpdateRowId::new(self.new_uuid()),
            assistant_id: worker.assistant_id,
            bot_id,
            update_id: update.update_id,
            chat_id,
            body: body.to_owned(),
        };
        let is_new = tx.insert_update(&new, self.inner.clock.now()).await?;
        Ok(is_new.then_some((worker.assistant_id, chat_id)))
    }
}
