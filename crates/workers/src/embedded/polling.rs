//! Long polling for bots without a webhook, with one task per worker under a lease.

use std::time::{Duration, Instant};

use reef_assistant::Settings;
use reef_domain::ErrorChain;
use reef_jobs::Backoff;
use reef_protocols::HttpRequest;
use reef_protocols::telegram::{Bot, PolledUpdate, TelegramError, read_response};
use reef_store::{StoreError, WorkerRow};
use tokio_util::sync::CancellationToken;

use crate::embedded::flood_wait;
use crate::embedded::host::Embedded;
use crate::embedded::receive::WAITING_MAX;
use crate::embedded::sealed;

/// How long Telegram waits for an update before it responds, in seconds.
const WAIT_S: u64 = 25;

/// The lease of a poll, which is longer than a poll may take. If the process dies, the worker is not polled until it
/// expires.
const LEASE: Duration = Duration::from_secs(60);

/// The maximum number of polls that one sweep starts, so that thousands do not start at the same time.
const SWEEP_WORKERS: i64 = 50;

/// The size limit of a response: a hundred updates of the maximum size.
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The minimum time between two polls, in case the server responds without waiting.
const INTERVAL_MIN: Duration = Duration::from_millis(500);

/// The waits after failed polls.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// How long to wait after Telegram has rejected the token. Only a redeployment by the owner can help.
const REJECTED_TOKEN_WAIT: Duration = Duration::from_secs(600);

/// Unregisters a poll when dropped, also by a panic.
struct PollGuard {
    embedded: Embedded,
    worker_name: String,
}

impl Drop for PollGuard {
    fn drop(&mut self) {
        self.embedded.inner.polls.unregister(&self.worker_name);
        // A newer generation may be waiting for the poll to end.
        self.embedded.inner.sweep.notify_one();
    }
}

/// What to do after a poll.
enum PollOutcome {
    /// Poll again after this wait.
    Again(Duration),
    /// Poll again after a wait that grows with each failure.
    Failed,
    /// Stop, because the worker was removed or replaced, or another process holds the lease.
    End,
    /// Stop, and let no process poll for this long, because Telegram rejected the token or requested a wait.
    Pause(Duration),
}

impl Embedded {
    /// Starts polls for workers that no process polls for.
    pub(crate) async fn start_polls(&self) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let workers = self.inner.store.read().await?.list_unpolled_workers(now, SWEEP_WORKERS).await?;
        for worker in workers {
            if let Some(cancel) = self.inner.polls.register(&worker.worker_name, &self.inner.closing) {
                let polling = PollGuard { embedded: self.clone(), worker_name: worker.worker_name.clone() };
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
                () = cancel.cancelled() => break PollOutcome::End,
                polled = self.poll_once(worker) => polled,
            };
            let wait = match polled {
                Ok(PollOutcome::Again(wait)) => {
                    failures = 0;
                    wait
                }
                Ok(PollOutcome::Failed) => {
                    failures += 1;
                    BACKOFF.wait_after(failures)
                }
                Ok(next) => break next,
                Err(error) => {
                    let (name, error) = (&worker.worker_name, tracing::field::display(ErrorChain(&error)));
                    tracing::error!(worker_name = name, error, "polled updates could not be stored");
                    failures += 1;
                    BACKOFF.wait_after(failures)
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break PollOutcome::End,
                () = tokio::time::sleep(wait) => {}
            }
        };
        if let Err(error) = self.release_poll(worker, &next).await {
            let (name, error) = (&worker.worker_name, tracing::field::display(ErrorChain(&error)));
            tracing::warn!(worker_name = name, error, "poll lease could not be released, it will expire");
        }
    }

    async fn release_poll(&self, worker: &WorkerRow, next: &PollOutcome) -> Result<(), StoreError> {
        let (now, token) = (self.inner.clock.now(), self.inner.lease_holder);
        let mut tx = self.inner.store.begin().await?;
        match next {
            PollOutcome::Pause(wait) => {
                tx.postpone_polling(&worker.worker_name, token, now.plus(*wait)).await?;
            }
            _ => tx.release_polling_lease(&worker.worker_name, token).await?,
        }
        tx.commit().await
    }

    async fn poll_once(&self, worker: &WorkerRow) -> Result<PollOutcome, StoreError> {
        let began = Instant::now();
        let name = &worker.worker_name;
        let Some(worker) = self.claim_poll(worker).await? else { return Ok(PollOutcome::End) };
        let opened = match sealed::open(&self.inner.vault, &self.inner.config, &worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(worker_name = name, %error, "worker settings could not be opened");
                return Ok(PollOutcome::Pause(REJECTED_TOKEN_WAIT));
            }
        };
        if self.inner.store.read().await?.count_open_bot_updates(worker.assistant_id).await? >= WAITING_MAX {
            return Ok(PollOutcome::Failed);
        }
        let fetched = self.fetch_updates(&worker, &opened.settings).await;
        if fetched.is_ok() {
            self.record_poll_health(&worker, None).await;
        }
        match fetched {
            Ok(updates) if updates.is_empty() => {
                Ok(PollOutcome::Again(INTERVAL_MIN.saturating_sub(began.elapsed())))
            }
            Ok(updates) => self.store_polled(&worker, opened.bot_id, &updates).await,
            Err(next) => Ok(next),
        }
    }

    /// Fetches the updates since the last poll from Telegram, which waits for the first one.
    async fn fetch_updates(
        &self,
        worker: &WorkerRow,
        settings: &Settings,
    ) -> Result<Vec<PolledUpdate>, PollOutcome> {
        let name = &worker.worker_name;
        let offset = (worker.poll_offset != 0).then_some(worker.poll_offset);
        let request = Bot::new(&settings.telegram_url, &settings.bot_token).get_updates(offset, WAIT_S);
        let request = HttpRequest { response_bytes_max: RESPONSE_BYTES_MAX, ..request };
        let answer = self.inner.transport.send(request).await.map_err(|error| {
            tracing::warn!(worker_name = name, %error, "poll failed");
            PollOutcome::Failed
        })?;
        let read = read_response(&answer);
        if let Err(error) = &read {
            self.record_poll_health(worker, Some(*error)).await;
        }
        read.map_err(|error| match error {
            TelegramError::Unauthorized | TelegramError::NotFound => {
                tracing::warn!(worker_name = name, "poll ended because Telegram rejected the bot token");
                PollOutcome::Pause(REJECTED_TOKEN_WAIT)
            }
            TelegramError::RateLimited { retry_after_s } => {
                tracing::warn!(worker_name = name, retry_after_s, "poll hit a flood wait");
                PollOutcome::Pause(flood_wait::clamp_wait(retry_after_s))
            }
            error => {
                tracing::warn!(worker_name = name, %error, "poll failed");
                PollOutcome::Failed
            }
        })
    }

    /// Claims or renews the lease of a poll and returns the current row of the worker. `None` if the worker was removed
    /// or replaced, or another process holds the lease.
    async fn claim_poll(&self, worker: &WorkerRow) -> Result<Option<WorkerRow>, StoreError> {
        let (name, now) = (&worker.worker_name, self.inner.clock.now());
        let mut tx = self.inner.store.begin().await?;
        if !tx
            .claim_polling_lease(name, worker.generation, self.inner.lease_holder, now, now.plus(LEASE))
            .await?
        {
            return Ok(None);
        }
        let current = tx.find_worker(name).await?;
        tx.commit_without_sync().await?;
        Ok(current)
    }

    /// Stores polled updates together with the offset of the next poll, which confirms them to Telegram.
    ///
    /// The offset follows the last update, even to a smaller number: after a week without updates, Telegram continues
    /// with a random one.
    async fn store_polled(
        &self,
        worker: &WorkerRow,
        bot_id: i64,
        updates: &[PolledUpdate],
    ) -> Result<PollOutcome, StoreError> {
        let mut tx = self.inner.store.begin().await?;
        let (mut chats, mut offset) = (Vec::new(), worker.poll_offset);
        for PolledUpdate { body, update } in updates {
            let Ok(update) = update else {
                tracing::warn!(worker_name = worker.worker_name, "polled value is not an update");
                continue;
            };
            offset = update.update_id.saturating_add(1);
            chats.extend(self.store_update(&mut tx, worker, bot_id, update, body).await?);
        }
        let (name, token) = (&worker.worker_name, self.inner.lease_holder);
        if !tx.update_poll_offset(name, worker.generation, token, offset).await? {
            // The process that holds the lease fetches the same updates again.
            return Ok(PollOutcome::End);
        }
        tx.commit().await?;
        for chat in &chats {
            self.process_received(chat);
        }
        Ok(if offset == worker.poll_offset {
            // The offset confirms nothing, so the next response would be the same.
            PollOutcome::Failed
        } else if chats.is_empty() {
            PollOutcome::Again(INTERVAL_MIN)
        } else {
            PollOutcome::Again(Duration::ZERO)
        })
    }
}
