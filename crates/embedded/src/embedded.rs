//! The host itself: what it is made of, and its life from start to stop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reef_domain::{Chain, Timestamp};
use reef_outbound::Http;
use reef_service::ports::{Clock, Entropy};
use reef_service::vault::Vault;
use reef_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;
use crate::polling::Polls;
use crate::slots::{ChatKey, Limits, TurnSlots};

/// How many chats are worked on at once. Most of them wait for a model, which costs some tens of kilobytes each; further
/// ones wait in the database.
const SLOTS: Limits = Limits { total: 1024, reserved: 256, per_assistant: 256, light: 4 };

/// How often this process looks for what waits: retries, leftovers of another process, workers nobody polls for.
const SWEEP_EVERY: Duration = Duration::from_secs(2);

/// How many chats one look takes up.
const SWEEP_CHATS: i64 = 256;

/// How long tasks that were told to halt are waited for.
const HALT: Duration = Duration::from_secs(5);

/// The worker host that runs assistants in this process. Cheap to clone.
#[derive(Clone)]
pub struct Embedded {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub transport: Http,
    pub config: Config,
    /// What this process's leases are marked with.
    pub token: Uuid,
    pub slots: Arc<TurnSlots>,
    pub polls: Polls,
    pub tasks: TaskTracker,
    /// Asks for a look at what waits, now.
    pub look: Notify,
    /// No new turn begins, no poll goes on.
    pub closing: CancellationToken,
    /// Turns stop where they are.
    pub halt: CancellationToken,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Puts the host together. It takes updates in at once; retries, polling and what an earlier process left need
    /// [`Self::run`].
    #[must_use]
    pub fn new(
        store: Store,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        transport: Http,
        config: Config,
    ) -> Self {
        let token = new_uuid(clock.now(), &*entropy);
        let inner = Inner {
            store,
            vault,
            clock,
            entropy,
            transport,
            config,
            token,
            slots: TurnSlots::new(SLOTS),
            polls: Polls::default(),
            tasks: TaskTracker::new(),
            look: Notify::new(),
            closing: CancellationToken::new(),
            halt: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether there is a worker of that name, of whichever run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_known(&self, worker_name: &str) -> Result<bool, StoreError> {
        Ok(self.inner.store.read().await?.worker(worker_name).await?.is_some())
    }

    /// Works until `stop` fires: takes up what an earlier process left, tries again what failed, polls for polling
    /// workers. Then lets turns end for [`Config::drain`], hands the rest back, and returns.
    pub async fn run(&self, stop: CancellationToken) {
        // Whoever held leases on a database of one process is gone.
        let mut is_free = !self.inner.store.is_single_process();
        // At once, and then at least as often as it sweeps.
        let mut next_due_in = Duration::ZERO;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(next_due_in) => {}
                () = self.inner.look.notified() => {}
            }
            let looked = async {
                if !is_free {
                    self.free_leases().await?;
                    is_free = true;
                }
                self.take_up_chats().await?;
                self.take_up_polling().await?;
                self.next_due_in().await
            };
            next_due_in = match looked.await {
                Ok(next_due_in) => next_due_in,
                Err(error) => {
                    let error = tracing::field::display(Chain(&error));
                    tracing::error!(error, "what waits cannot be looked for");
                    SWEEP_EVERY
                }
            };
        }
        self.drain().await;
    }

    async fn free_leases(&self) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin().await?;
        let updates = tx.free_update_leases(self.inner.token).await?;
        let polls = tx.free_polling_leases(self.inner.token).await?;
        tx.commit().await?;
        if updates + polls > 0 {
            tracing::info!(updates, polls, "taking up what an earlier process left");
        }
        Ok(())
    }

    async fn take_up_chats(&self) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let due = self.inner.store.read().await?.due_chats(now, SWEEP_CHATS).await?;
        self.inner.slots.forget_waiting();
        for key in due {
            self.wake(key);
        }
        Ok(())
    }

    /// Has a chat's waiting updates worked off, by a task of its own.
    pub(crate) fn wake(&self, key: ChatKey) {
        if self.inner.closing.is_cancelled() {
            return;
        }
        if let Some(slot) = self.inner.slots.acquire(key, &self.inner.halt) {
            let this = self.clone();
            self.inner.tasks.spawn(async move { this.work_off(slot).await });
        }
    }

    /// How long until the next chat that waits may go on: people should not wait for the next regular look.
    async fn next_due_in(&self) -> Result<Duration, StoreError> {
        let now = self.inner.clock.now();
        let due_at = self.inner.store.read().await?.next_due_update(now).await?;
        Ok(due_at.map_or(SWEEP_EVERY, |due_at| due_at.since(now).min(SWEEP_EVERY)))
    }

    async fn drain(&self) {
        let inner = &self.inner;
        inner.closing.cancel();
        inner.tasks.close();
        if tokio::time::timeout(inner.config.drain, inner.tasks.wait()).await.is_ok() {
            return;
        }
        inner.halt.cancel();
        if tokio::time::timeout(HALT, inner.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = inner.tasks.len(), "turns did not stop in time; their leases run out");
        }
    }

    /// A new id: version 7, of the injected time and randomness.
    pub(crate) fn new_uuid(&self) -> Uuid {
        new_uuid(self.inner.clock.now(), &*self.inner.entropy)
    }
}

fn new_uuid(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
}
