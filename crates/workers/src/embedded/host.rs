//! The [`Embedded`] worker host: its parts, the loop that claims due chats and polls, and its shutdown.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reef_assistant::SendPace;
use reef_domain::{ErrorChain, Timestamp};
use reef_outbound::Http;
use reef_ports::{Clock, Entropy};
use reef_store::{Store, StoreError};
use reef_vault::Vault;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::embedded::config::Config;
use crate::embedded::health::RecordedHealth;
use crate::embedded::polls::Polls;
use crate::embedded::price_cache::PriceCache;
use crate::embedded::summary_permits::SummaryPermits;
use crate::embedded::turn_slots::{ChatKey, Limits, TurnSlots};

/// How many turns run at once. Most of them wait for a model and need some tens of kilobytes each. Further chats wait
/// in the database.
const LIMITS: Limits = Limits { total: 1024, reserved: 256, per_assistant: 256, light: 4 };

/// How often this process looks for due chats, expired leases of other processes, and workers that are not polled.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);

/// The maximum number of chats that one sweep starts.
const SWEEP_CHATS: i64 = 256;

/// How long a shutdown waits for canceled turns to end.
const HALT_TIMEOUT: Duration = Duration::from_secs(5);

/// The worker host that runs assistants in this process. Clones share one host.
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
    /// The holder that this process names in its leases.
    pub lease_holder: Uuid,
    pub slots: Arc<TurnSlots>,
    pub prices: PriceCache,
    pub polls: Polls,
    /// Shared by all turns, so that what a bot sends stays within Telegram's limits.
    pub pace: SendPace,
    pub recorded_health: RecordedHealth,
    pub summary_permits: SummaryPermits,
    pub tasks: TaskTracker,
    /// Starts a sweep now instead of after [`SWEEP_INTERVAL`].
    pub sweep: Notify,
    /// Canceled when the host shuts down: no turn starts, and polls end.
    pub closing: CancellationToken,
    /// Canceled when the time for draining is over: running turns are canceled.
    pub halt: CancellationToken,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Creates a host. It receives updates and runs their turns immediately. Retries, polling and the updates of an
    /// earlier process need [`Self::run`].
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
            lease_holder: token,
            slots: TurnSlots::new(LIMITS),
            prices: PriceCache::default(),
            polls: Polls::default(),
            pace: SendPace::default(),
            recorded_health: RecordedHealth::default(),
            summary_permits: SummaryPermits::default(),
            tasks: TaskTracker::new(),
            sweep: Notify::new(),
            closing: CancellationToken::new(),
            halt: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether a worker with this name exists, whatever its generation.
    ///
    /// # Errors
    /// [`StoreError::Database`] if the database fails.
    pub async fn has_worker(&self, worker_name: &str) -> Result<bool, StoreError> {
        Ok(self.inner.store.read().await?.find_worker(worker_name).await?.is_some())
    }

    /// Runs until `stop` is canceled: continues the turns of an earlier process, retries failed turns, and polls for
    /// workers without a webhook. Then waits up to [`Config::drain`] for running turns, cancels the rest and releases
    /// their leases, and returns.
    pub async fn run(&self, stop: CancellationToken) {
        // With a database for a single process, every existing lease belongs to a process that has died.
        let mut has_released_leases = !self.inner.store.is_single_process();
        let mut next_due_in = Duration::ZERO;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(next_due_in) => {}
                () = self.inner.sweep.notified() => {}
            }
            let swept = async {
                if !has_released_leases {
                    self.release_leases().await?;
                    has_released_leases = true;
                }
                self.claim_chats().await?;
                self.start_polls().await?;
                self.next_due_in().await
            };
            next_due_in = match swept.await {
                Ok(next_due_in) => next_due_in,
                Err(error) => {
                    let error = tracing::field::display(ErrorChain(&error));
                    tracing::error!(error, "due chats and workers could not be claimed");
                    SWEEP_INTERVAL
                }
            };
        }
        self.drain().await;
    }

    pub(crate) async fn release_leases(&self) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin().await?;
        let updates = tx.release_other_bot_update_leases(self.inner.lease_holder).await?;
        let polls = tx.release_other_polling_leases(self.inner.lease_holder).await?;
        tx.commit().await?;
        if updates + polls > 0 {
            tracing::info!(updates, polls, "leases of an earlier process released");
        }
        Ok(())
    }

    async fn claim_chats(&self) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let due = self.inner.store.read().await?.list_due_chats(now, SWEEP_CHATS).await?;
        self.inner.slots.clear_waiting();
        for key in due {
            self.process_chat(key);
        }
        Ok(())
    }

    /// Starts a task that processes the waiting updates of a chat, if the chat gets a turn slot.
    pub(crate) fn process_chat(&self, key: ChatKey) {
        if self.inner.closing.is_cancelled() {
            return;
        }
        if let Some(slot) = self.inner.slots.reserve(key, &self.inner.halt) {
            let this = self.clone();
            self.inner.tasks.spawn(async move { this.process_updates(slot).await });
        }
    }

    /// Returns how long to wait for the next sweep, so that a chat whose wait ends earlier does not wait for the
    /// regular one.
    async fn next_due_in(&self) -> Result<Duration, StoreError> {
        let now = self.inner.clock.now();
        let due_at = self.inner.store.read().await?.find_next_retry_at(now).await?;
        Ok(due_at.map_or(SWEEP_INTERVAL, |due_at| due_at.since(now).min(SWEEP_INTERVAL)))
    }

    async fn drain(&self) {
        let inner = &self.inner;
        inner.closing.cancel();
        inner.tasks.close();
        if tokio::time::timeout(inner.config.drain, inner.tasks.wait()).await.is_ok() {
            return;
        }
        inner.halt.cancel();
        if tokio::time::timeout(HALT_TIMEOUT, inner.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = inner.tasks.len(), "turns did not stop in time, their leases will expire");
        }
    }

    /// Creates a version 7 UUID from the injected clock and randomness.
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
