//! [`Services`], the object that all use cases are methods of, and the ownership checks that they share.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reef_domain::Assistant;
use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::Scope;
use reef_store::{Store, Tx};
use uuid::Uuid;

use crate::accounts::hashing::HashingQueues;
use crate::api_keys::request_log::RequestLog;
use crate::billing::price_cache::KnownPrices;
use crate::caller::Caller;
use crate::catalog::cache::CatalogCache;
use crate::config::Config;
use crate::error::Error;
use crate::events::event_bus::EventBus;
use crate::throttling::concurrency_limit::ConcurrencyLimit;
use crate::throttling::rate_limits::RateLimits;
use reef_jobs::JobContext;
use reef_ports::{Entropy, Ports};
use reef_vault::Vault;

/// All use cases. Cheap to clone; concrete, because server functions can't be generic.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    config: Config,
    vault: Arc<Vault>,
    ports: Ports,
    event_bus: EventBus,
    hashing: HashingQueues,
    rate_limits: RateLimits,
    stream_limit: ConcurrencyLimit<UserId>,
    key_requests: RequestLog,
    catalog: CatalogCache,
    prices: Mutex<KnownPrices>,
    /// The assistant whose worker was checked last, if the next check continues after it.
    last_checked_worker: Mutex<Option<AssistantId>>,
    /// The page of managed keys that is read next.
    next_keys_page: AtomicUsize,
}

impl JobContext for Services {
    fn store(&self) -> &Store {
        Services::store(self)
    }

    fn now(&self) -> Timestamp {
        Services::now(self)
    }

    fn new_uuid(&self) -> Uuid {
        Services::new_uuid(self)
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.ports().entropy
    }

    async fn wait_for_jobs(&self) {
        self.event_bus().wait_for_jobs().await;
    }

    fn wake_job_runner(&self) {
        self.event_bus().wake_job_runner();
    }
}

impl Services {
    /// Builds the service layer. Clones share their caches, limits and event bus.
    #[must_use]
    pub fn new(store: Store, config: Config, vault: Arc<Vault>, ports: Ports) -> Self {
        let counts = RateLimits::new(&config);
        Self {
            inner: Arc::new(Inner {
                store,
                config,
                vault,
                ports,
                event_bus: EventBus::default(),
                hashing: HashingQueues::default(),
                rate_limits: counts,
                stream_limit: ConcurrencyLimit::for_streams(),
                key_requests: RequestLog::default(),
                catalog: CatalogCache::default(),
                prices: Mutex::default(),
                last_checked_worker: Mutex::default(),
                next_keys_page: AtomicUsize::new(0),
            }),
        }
    }

    /// The database that everything is stored in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What the operator has configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Seals and opens secrets at rest.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// The clock, randomness, and the clients of outside services.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.inner.ports
    }

    /// Publishes changes to subscribers in this process.
    #[must_use]
    pub fn event_bus(&self) -> &EventBus {
        &self.inner.event_bus
    }

    pub(crate) fn hashing(&self) -> &HashingQueues {
        &self.inner.hashing
    }

    pub(crate) fn rate_limits(&self) -> &RateLimits {
        &self.inner.rate_limits
    }

    pub(crate) fn key_requests(&self) -> &RequestLog {
        &self.inner.key_requests
    }

    /// Limits how many event streams and long-polling requests an account holds open.
    #[must_use]
    pub fn stream_limit(&self) -> &ConcurrencyLimit<UserId> {
        &self.inner.stream_limit
    }

    pub(crate) fn catalog_cache(&self) -> &CatalogCache {
        &self.inner.catalog
    }

    pub(crate) fn price_cache(&self) -> MutexGuard<'_, KnownPrices> {
        self.inner.prices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last_checked_worker(&self) -> MutexGuard<'_, Option<AssistantId>> {
        self.inner.last_checked_worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_keys_page(&self) -> &AtomicUsize {
        &self.inner.next_keys_page
    }

    /// The current time of the injected clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.ports.clock.now()
    }

    /// Creates a version 7 UUID from the injected clock and randomness.
    #[must_use]
    pub fn new_uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.inner.ports.entropy.fill(&mut random);
        let ms = u64::try_from(self.now().unix_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    /// Random bytes as lowercase hexadecimal.
    #[must_use]
    pub(crate) fn random_hex<const BYTES: usize>(&self) -> String {
        let mut random = [0; BYTES];
        self.inner.ports.entropy.fill(&mut random);
        data_encoding::HEXLOWER.encode(&random)
    }

    /// Gets the caller's assistant. An assistant of another account is [`Error::NotFound`], so that ids cannot be
    /// probed.
    pub(crate) async fn get_owned_assistant(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: &str,
    ) -> Result<Assistant, Error> {
        let id = AssistantId::parse(id).ok_or(Error::NotFound)?;
        let found = tx.find_assistant(id).await?;
        authorize_owner(tx, caller, found).await
    }

    /// As [`Self::get_owned_assistant`], locked until the transaction ends.
    pub(crate) async fn lock_owned_assistant(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: AssistantId,
    ) -> Result<Assistant, Error> {
        let found = tx.lock_assistant(id).await?;
        authorize_owner(tx, caller, found).await
    }

    /// Checks the scope, then gets the caller's assistant in a transaction of its own.
    pub(crate) async fn authorize_assistant(
        &self,
        caller: &Caller,
        scope: Scope,
        id: &str,
    ) -> Result<Assistant, Error> {
        caller.require_scope(scope)?;
        let mut tx = self.store().read().await?;
        self.get_owned_assistant(&mut tx, caller, id).await
    }
}

/// Lets the caller's own assistants pass, and of those only the ones that the caller's key is granted.
async fn authorize_owner(tx: &mut Tx, caller: &Caller, found: Option<Assistant>) -> Result<Assistant, Error> {
    let assistant = found.filter(|assistant| assistant.user_id == caller.user_id).ok_or(Error::NotFound)?;
    match caller.grant() {
        Some(grant) if !tx.is_granted(grant, assistant.id).await? => Err(Error::NotFound),
        _ => Ok(assistant),
    }
}
