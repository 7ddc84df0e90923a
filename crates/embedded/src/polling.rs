//! Long polling for bots without a webhook, with one task per worker under a lease.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reef_assistant::telegram::{Bot, TelegramError, parse_update, read_reply};
use reef_assistant::{HttpRequest, Settings};
use reef_domain::Chain;
use reef_store::{StoreError, WorkerRow};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::embedded::Embedded;
use crate::flood;
use crate::receive::WAITING_MAX;
use crate::sealed;

/// How long Telegram waits for an update before it responds, in seconds.
const WAIT_S: u64 = 25;

/// The lease of a poll, which is longer than a poll may take. If the process dies, the worker is not polled until it
/// expires.
const LEASE: Duration = Duration::from_secs(60);

/// The maximum number of polls that one sweep starts, so that thousands do not start at the same time.
const SWEEP_WORKERS: i64 = 50;

/// The size limit of a response: a hundred updates of the maximum size.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The minimum time between two polls, in case the server responds without waiting.
const PACE: Duration = Duration::from_millis(500);

/// The maximum wait after failed polls.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// How long to wait after Telegram has rejected the token. Only a redeployment by the owner can help.
const REFUSED_WAIT: Duration = Duration::from_secs(600);

/// The running polls of this process, with the token that cancels each, by worker name.
#[derive(Debug, Default)]
pub(crate) struct Polls(Mutex<HashMap<String, CancellationToken>>);

impl Polls {
    // No code that can panic runs while the map is locked, so a poisoned lock is harmless.
    fn running(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cancels the poll of a worker, also while it waits for Telegram.
    pub fn cancel(&self, worker_name: &str) {
        if let Some(cancel) = self.running().get(worker_name) {
            cancel.cancel();
        }
    }

    /// Registers a poll. `None` if this process already polls for the worker.
    fn begin(&self, worker_name: &str, closing: &CancellationToken) -> Option<CancellationToken> {
        let mut running = self.running();
        if running.contains_key(worker_name) {
            return None;
        }
        let cancel = closing.child_token();
        running.insert(worker_name.to_owned(), cancel.clone());
        Some(cancel)
    }
}

/// Unregisters a poll when dropped, also by a panic.
struct Polling {
    embedded: Embedded,
    worker_name: String,
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.embedded.inner.polls.running().remove(&self.worker_name);
        // A newer generation may be waiting for the poll to end.
        self.embedded.inner.look.notify_one();
    }
}

/// What to do after a poll.
enum Next {
    /// Poll again after this wait.
    After(Duration),
    /// Poll again after a wait that grows with each failure.
    Failed,
    /// Stop, because the worker was removed or replaced, or another process holds the lease.
    End,
    /// Stop, and let no process poll for this long, because Telegram rejected the token or requested a wait.
    Rest(Duration),
}

impl Embedded {
    /// Starts polls for workers that no process polls for.
    pub(crate) async fn take_up_polling(&self) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let workers = self.inner.store.read().await?.unpolled_workers(now, SWEEP_WORKERS).await?;
        for worker in workers {
            if let Some(cancel) = self.inner.polls.begin(&worker.worker_name, &self.inner.closing) {
                let polling = Polling { embedded: self.clone(), worker_name: worker.worker_name.clone() };
                self.inner.tasks.spawn(async move { polling.embedded.poll(&worker, &cancel).await });
            }
        }
        Ok(())
    }

    /// Polls for one generation of a worker until it ends.
    async fn poll(&self, worker: &WorkerRow, cancel: &CancellationToken) {
        let mut failures = 0;
        let next = loop {
            let polled = tokio::select! {
                () = cancel.cancelled() => break Next::End,
                polled = self.poll_once(worker) => polled,
            };
            let wait = match polled {
                Ok(Next::After(wait)) => {
                    failures = 0;
                    wait
                }
                Ok(Next::Failed) => {
                    failures += 1;
                    back_off(failures)
                }
                Ok(next) => break next,
                Err(error) => {
                    let (name, error) = (&worker.worker_name, tracing::field::display(Chain(&error)));
                    tracing::error!(worker_name = name, error, "polled updates could not be stored");
                    failures += 1;
                    back_off(failures)
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break Next::End,
                () = tokio::time::sleep(wait) => {}
            }
        };
        if let Err(error) = self.end_polling(worker, &next).await {
            let (name, error) = (&worker.worker_name, tracing::field::display(Chain(&error)));
            tracing::warn!(worker_name = name, error, "poll lease could not be released, it will expire");
        }
    }

    async fn end_polling(&self, worker: &WorkerRow, next: &Next) -> Result<(), StoreError> {
        let (now, token) = (self.inner.clock.now(), self.inner.token);
        let mut tx = self.inner.store.begin().await?;
        match next {
            Next::Rest(wait) => tx.rest_polling(&worker.worker_name, token, now.plus(*wait)).await?,
            _ => tx.release_polling(&worker.worker_name, token).await?,
        }
        tx.commit().await
    }

    async fn poll_once(&self, worker: &WorkerRow) -> Result<Next, StoreError> {
        let began = Instant::now();
        let name = &worker.worker_name;
        let Some(worker) = self.lease_poll(worker).await? else { return Ok(Next::End) };
        let opened = match sealed::open(&self.inner.vault, &self.inner.config, &worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(worker_name = name, %error, "worker settings could not be opened");
                return Ok(Next::Rest(REFUSED_WAIT));
            }
        };
        if self.inner.store.read().await?.count_open_updates(worker.assistant_id).await? >= WAITING_MAX {
            return Ok(Next::Failed);
        }
        match self.fetch(&worker, &opened.settings).await {
            Ok(updates) if updates.is_empty() => Ok(Next::After(PACE.saturating_sub(began.elapsed()))),
            Ok(updates) => self.keep_polled(&worker, opened.bot_id, &updates).await,
            Err(next) => Ok(next),
        }
    }

    /// Fetches the updates since the last poll from Telegram, which waits for the first one.
    async fn fetch(&self, worker: &WorkerRow, settings: &Settings) -> Result<Vec<Value>, Next> {
        let name = &worker.worker_name;
        let offset = (worker.poll_offset != 0).then_some(worker.poll_offset);
        let request = Bot::new(&settings.telegram_url, &settings.bot_token).get_updates(offset, WAIT_S);
        let request = HttpRequest { response_bytes_max: ANSWER_BYTES_MAX, ..request };
        let answer = self.inner.transport.send(request).await.map_err(|error| {
            tracing::warn!(worker_name = name, %error, "poll failed");
            Next::Failed
        })?;
        read_reply(&answer).map_err(|error| match error {
            TelegramError::Unauthorized | TelegramError::NotFound => {
                tracing::warn!(worker_name = name, "poll ended because Telegram rejected the bot token");
                Next::Rest(REFUSED_WAIT)
            }
            TelegramError::RateLimited { retry_after_s } => {
                tracing::warn!(worker_name = name, retry_after_s, "poll hit a flood wait");
                Next::Rest(flood::wait(retry_after_s))
            }
            error => {
                tracing::warn!(worker_name = name, %error, "poll failed");
                Next::Failed
            }
        })
    }

    /// Claims or renews the lease of a poll and returns the current row of the worker. `None` if the worker was removed
    /// or replaced, or another process holds the lease.
    async fn lease_poll(&self, worker: &WorkerRow) -> Result<Option<WorkerRow>, StoreError> {
        let (name, now) = (&worker.worker_name, self.inner.clock.now());
        let mut tx = self.inner.store.begin().await?;
        if !tx.lease_polling(name, worker.generation, self.inner.token, now, now.plus(LEASE)).await? {
            return Ok(None);
        }
        let current = tx.worker(name).await?;
        tx.commit().await?;
        Ok(current)
    }

    /// Stores polled updates together with the offset of the next poll, which confirms them to Telegram.
    ///
    /// The offset follows the last update, also to a smaller number: after a week without updates, Telegram continues
    /// with a random one.
    async fn keep_polled(
        &self,
        worker: &WorkerRow,
        bot_id: i64,
        updates: &[Value],
    ) -> Result<Next, StoreError> {
        let mut tx = self.inner.store.begin().await?;
        let (mut taken, mut offset) = (Vec::new(), worker.poll_offset);
        for value in updates {
            let body = value.to_string();
            let Ok(update) = parse_update(body.as_bytes()) else {
                tracing::warn!(worker_name = worker.worker_name, "polled value is not an update");
                continue;
            };
            offset = update.update_id.saturating_add(1);
            taken.extend(self.take_in(&mut tx, worker, bot_id, &update, &body).await?);
        }
        let (name, token) = (&worker.worker_name, self.inner.token);
        if !tx.set_poll_offset(name, worker.generation, token, offset).await? {
            // The process that holds the lease fetches the same updates again.
            return Ok(Next::End);
        }
        tx.commit().await?;
        for chat in &taken {
            self.go_on(chat);
        }
        Ok(if offset == worker.poll_offset {
            // The offset confirms nothing, so the next response would be the same.
            Next::Failed
        } else if taken.is_empty() {
            Next::After(PACE)
        } else {
            Next::After(Duration::ZERO)
        })
    }
}

/// Returns the wait after consecutive failures: 1 s, 2 s, 4 s and so on, up to [`BACKOFF_MAX`].
fn back_off(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(BACK_OFF_MAX)
}
