//! The services on a fresh database and on fakes, and the steps that most tests begin with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::input::ActivateInput;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_domain::{Assistant, State, Timestamp};
use reef_store::testing::TestStore;
use reef_store::{EventRow, UserRow};
use secrecy::{ExposeSecret as _, SecretString};

use super::SeededEntropy;
use super::polar::POLAR_SECRET;
use super::{
    FakeCallbacks, FakeClock, FakeMailer, FakeManagedKeys, FakeModels, FakePayments, FakeTelegram,
    FakeWorkerHost,
};
use crate::accounts::{code_now, from_base32};
use crate::jobs::Runner;
use crate::ports::Ports;
use crate::vault::{KEY_LENGTH, Vault};
use crate::{Caller, Config, Error, Services};

/// Where an activated assistant's callbacks go.
pub const CALLBACK_URL: &str = "https://callbacks.example.com/reef";
/// The model of an activated assistant.
pub const MODEL: &str = "claude-sonnet-5";

/// A well-formed token of the `number`-th bot.
#[must_use]
pub fn bot_token(number: u64) -> String {
    format!("{number}:telegram-secret-{number}-AAHdqTcvCH1vGWJxfSeofSAs0K5PA")
}

/// The model key that goes with the `number`-th bot.
#[must_use]
pub fn model_key(number: u64) -> String {
    format!("sk-ant-model-secret-{number}-5PALDsaw")
}

/// What an authenticator app with this secret shows at a moment.
///
/// # Panics
/// When the secret is not base32.
#[must_use]
pub fn totp_code(secret: &SecretString, now: Timestamp) -> SecretString {
    let key = from_base32(secret.expose_secret()).expect("base32");
    code_now(&key, now).into()
}

/// A good activation with the `number`-th bot and [`CALLBACK_URL`].
#[must_use]
pub fn activation(number: u64) -> ActivateInput {
    ActivateInput {
        name: format!("Assistant {number}"),
        model_provider: Some("anthropic".to_owned()),
        model_id: MODEL.to_owned(),
        telegram_bot_token: bot_token(number),
        model_api_key: Some(model_key(number)),
        callback_url: Some(CALLBACK_URL.to_owned()),
    }
}

/// The services, and every knob of the world around them.
pub struct TestServices {
    /// Where it is all kept.
    pub db: TestStore,
    /// What is tested.
    pub services: Services,
    /// The time.
    pub clock: Arc<FakeClock>,
    /// Polar.
    pub payments: Arc<FakePayments>,
    /// Telegram.
    pub telegram: Arc<FakeTelegram>,
    /// Model providers.
    pub models: Arc<FakeModels>,
    /// The worker host.
    pub workers: Arc<FakeWorkerHost>,
    /// OpenRouter's key management.
    pub managed_keys: Arc<FakeManagedKeys>,
    /// The customer's receiver.
    pub callbacks: Arc<FakeCallbacks>,
    /// The mail server, if there is one.
    pub mailer: Arc<FakeMailer>,
    runner: Runner,
    next: AtomicU64,
}

impl TestServices {
    /// With everything configured but mail.
    #[must_use]
    pub fn new(db: TestStore) -> Self {
        Self::with(db, |_| {})
    }

    /// With everything configured, mail too.
    #[must_use]
    pub fn with_mail(db: TestStore) -> Self {
        Self::built(db, |_| {}, true)
    }

    /// With a configuration of its own.
    ///
    /// # Panics
    /// Never: the key is a key.
    #[must_use]
    pub fn with(db: TestStore, change: impl FnOnce(&mut Config)) -> Self {
        Self::built(db, change, false)
    }

    fn built(db: TestStore, change: impl FnOnce(&mut Config), mail_is_on: bool) -> Self {
        let mut config = Config {
            public_url: "https://reef.example".to_owned(),
            product_byok: Some("product-byok".to_owned()),
            product_managed: Some("product-managed".to_owned()),
            payments_configured: true,
            polar_webhook_secret: Some(POLAR_SECRET.into()),
            deploy_timeout: Duration::from_secs(300),
            signups_open: true,
            rate_limit_per_minute: 600,
            auth_failures_per_minute: 120,
            managed_credit_usd: 5.0,
        };
        change(&mut config);
        let clock = Arc::new(FakeClock::default());
        let payments = Arc::new(FakePayments::default());
        let telegram = Arc::new(FakeTelegram::default());
        let models = Arc::new(FakeModels::default());
        let workers = Arc::new(FakeWorkerHost::default());
        let managed_keys = Arc::new(FakeManagedKeys::default());
        let callbacks = Arc::new(FakeCallbacks::default());
        let mailer = Arc::new(FakeMailer::default());
        let ports = Ports {
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SeededEntropy::new(1)),
            payments: Arc::clone(&payments) as _,
            workers: Arc::clone(&workers) as _,
            telegram: Arc::clone(&telegram) as _,
            models: Arc::clone(&models) as _,
            managed_keys: Some(Arc::clone(&managed_keys) as _),
            callbacks: Arc::clone(&callbacks) as _,
            mailer: mail_is_on.then(|| Arc::clone(&mailer) as _),
        };
        let key = SecretString::from(BASE64_STANDARD.encode([7; KEY_LENGTH]));
        let vault = Arc::new(Vault::new(&key).expect("32 bytes are a key"));
        let services = Services::new(db.store.clone(), config, vault, ports);
        let runner = Runner::new(services.clone());
        let next = AtomicU64::new(1);
        Self {
            db,
            services,
            clock,
            payments,
            telegram,
            models,
            workers,
            managed_keys,
            callbacks,
            mailer,
            runner,
            next,
        }
    }

    /// A number nobody had before in this test.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A new account, signed in; without a password, for hashing one takes longer than most tests.
    ///
    /// # Panics
    /// When it can't be opened.
    pub async fn user(&self) -> Caller {
        let id = UserId::new(self.services.new_uuid());
        let row = UserRow {
            id,
            email: format!("user{}@example.com", self.number()),
            password_hash: String::new(),
            callback_secret: self.services.new_callback_secret(id).expect("a secret"),
            callback_secret_previous: None,
            callback_secret_rotated: None,
            created_at: self.services.now(),
            email_confirmed_at: None,
        };
        let mut tx = self.db.store.begin().await.expect("a transaction");
        assert!(tx.insert_user(&row).await.expect("an account"));
        tx.commit().await.expect("a commit");
        Caller::session(id)
    }

    /// An ordered slot.
    ///
    /// # Panics
    /// When it can't be ordered.
    pub async fn slot(&self, caller: &Caller) -> AssistantId {
        self.slot_of(caller, ApiMode::Byok).await
    }

    /// An ordered slot of a mode.
    ///
    /// # Panics
    /// When it can't be ordered.
    pub async fn slot_of(&self, caller: &Caller, mode: ApiMode) -> AssistantId {
        self.services.purchase(caller, Ok(mode)).await.expect("a slot").id
    }

    /// A slot that [`subscription_of`](Self::subscription_of) pays for.
    ///
    /// # Panics
    /// When it can't be had.
    pub async fn paid(&self, caller: &Caller) -> AssistantId {
        let id = self.slot(caller).await;
        self.pay(id).await;
        id
    }

    /// Pays for a slot, as Polar tells it.
    ///
    /// # Panics
    /// When the webhook is not taken.
    pub async fn pay(&self, id: AssistantId) {
        self.order(id, "order.paid").await;
        self.subscription(id, "subscription.active").await;
        self.run().await;
    }

    /// An active assistant with a bot of its own; its callbacks up to here are delivered.
    ///
    /// # Panics
    /// When it can't be had.
    pub async fn active(&self, caller: &Caller) -> AssistantId {
        let id = self.paid(caller).await;
        self.activate(caller, id).await.expect("activation");
        self.run().await;
        assert_eq!(self.status(caller, id).await, Status::Active);
        id
    }

    /// Activates a slot with a bot of its own.
    ///
    /// # Errors
    /// What the services say.
    pub async fn activate(&self, caller: &Caller, id: AssistantId) -> Result<AssistantRecord, Error> {
        self.services.activate(caller, &id.to_string(), Ok(activation(self.number()))).await
    }

    /// The record.
    ///
    /// # Panics
    /// When there is none.
    pub async fn record(&self, caller: &Caller, id: AssistantId) -> AssistantRecord {
        self.services.assistant(caller, &id.to_string()).await.expect("an assistant")
    }

    /// The assistant as it is stored.
    ///
    /// # Panics
    /// When there is none.
    pub async fn stored(&self, id: AssistantId) -> Assistant {
        let mut tx = self.db.store.read().await.expect("a transaction");
        tx.assistant(id).await.expect("a readable row").expect("an assistant")
    }

    /// Its state.
    ///
    /// # Panics
    /// When there is none.
    pub async fn state(&self, id: AssistantId) -> State {
        self.stored(id).await.state
    }

    /// The status.
    ///
    /// # Panics
    /// When there is none.
    pub async fn status(&self, caller: &Caller, id: AssistantId) -> Status {
        self.record(caller, id).await.status
    }

    /// The timeline, oldest first.
    ///
    /// # Panics
    /// When it can't be read.
    pub async fn events(&self, id: AssistantId) -> Vec<EventRow> {
        let mut tx = self.db.store.read().await.expect("a transaction");
        let mut events = tx.events_of(id, 1000).await.expect("a timeline");
        events.reverse();
        events
    }

    /// Runs every job that is due, and what becomes due by it; gives how many ran.
    ///
    /// # Panics
    /// When the queue can't be used.
    pub async fn run(&self) -> usize {
        self.runner.run_due().await.expect("the queue")
    }

    /// Moves the clock on, then runs what is due.
    ///
    /// # Panics
    /// When the queue can't be used.
    pub async fn run_after(&self, wait: Duration) -> usize {
        self.clock.advance(wait);
        self.run().await
    }

    /// How many jobs wait or run, and how many were given up.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn jobs(&self) -> (i64, i64) {
        let mut tx = self.db.store.read().await.expect("a transaction");
        tx.count_jobs().await.expect("a count")
    }

    /// Ends the test: no job may be left over, waiting or given up.
    ///
    /// # Panics
    /// When there is one.
    pub async fn finish(self) {
        assert_eq!(self.jobs().await, (0, 0), "jobs are left over (waiting, given up)");
    }
}
