//! The services on a fresh database with fakes, and the steps that most tests begin with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use data_encoding::{BASE32_NOPAD, BASE64};
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::input::ActivateInput;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_domain::{Assistant, State, Timestamp};
use reef_store::testing::TestStore;
use reef_store::{EventRow, UserRow};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    FakeCallbacks, FakeClock, FakeMailer, FakeManagedKeys, FakeModels, FakePayments, FakeTelegram,
    FakeWorkerHost,
};
use crate::accounts::code_now;
use crate::jobs::{Runner, runner};
use crate::testing::SeededEntropy;
use crate::{Caller, Config, Error, Services};
use reef_ports::Ports;
use reef_vault::{KEY_LENGTH, Vault};

/// The secret that the fake Polar signs with.
pub const POLAR_SECRET: &str = "whsec_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK";

/// The callback URL of activated assistants.
pub const CALLBACK_URL: &str = "https://callbacks.example.com/reef";
/// The model of activated assistants.
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

/// The code that an authenticator app with this secret shows at a time.
///
/// # Panics
/// When the secret is not 20 bytes in base32.
#[must_use]
pub fn totp_code(secret: &SecretString, now: Timestamp) -> SecretString {
    let key = BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).expect("base32");
    code_now(&key.try_into().expect("20 bytes"), now).into()
}

/// A valid activation with the `number`-th bot and [`CALLBACK_URL`].
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

/// The services, and the fakes around them.
pub struct TestServices {
    /// The database of this test.
    pub db: TestStore,
    /// The services under test.
    pub services: Services,
    /// The clock, which stands still until it is moved.
    pub clock: Arc<FakeClock>,
    /// The fake of Polar.
    pub payments: Arc<FakePayments>,
    /// The fake of Telegram.
    pub telegram: Arc<FakeTelegram>,
    /// The fake of the model providers.
    pub models: Arc<FakeModels>,
    /// The fake of the worker host.
    pub workers: Arc<FakeWorkerHost>,
    /// The fake of OpenRouter's key management.
    pub managed_keys: Arc<FakeManagedKeys>,
    /// The fake of the customer's endpoint.
    pub callbacks: Arc<FakeCallbacks>,
    /// The fake of the mail server, which is only used if email is on.
    pub mailer: Arc<FakeMailer>,
    runner: Runner,
    next_number: AtomicU64,
}

impl TestServices {
    /// Services with everything configured but mail.
    #[must_use]
    pub fn new(db: TestStore) -> Self {
        Self::with_config(db, |_| {})
    }

    /// Services with everything configured, including mail.
    #[must_use]
    pub fn with_mail(db: TestStore) -> Self {
        Self::build(db, |_| {}, true)
    }

    /// Services with a changed configuration, without mail.
    ///
    /// # Panics
    /// Never, because the key is valid.
    #[must_use]
    pub fn with_config(db: TestStore, change: impl FnOnce(&mut Config)) -> Self {
        Self::build(db, change, false)
    }

    fn build(db: TestStore, change: impl FnOnce(&mut Config), mail_is_on: bool) -> Self {
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
        let key = SecretString::from(BASE64.encode(&[7; KEY_LENGTH]));
        let vault = Arc::new(Vault::new(&key).expect("a key is 32 bytes"));
        let services = Services::new(db.store.clone(), config, vault, ports);
        let runner = runner(services.clone());
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
            next_number: next,
        }
    }

    /// A number that is new in this test.
    pub fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Creates a signed-in account. It has no password, because hashing one takes longer than most tests.
    ///
    /// # Panics
    /// When the account can't be created.
    pub async fn create_user(&self) -> Caller {
        let id = UserId::new(self.services.new_uuid());
        let row = UserRow {
            id,
            email: format!("user{}@example.com", self.next_number()),
            password_hash: String::new(),
            signing_secret: self.services.create_signing_secret(id).expect("the secret can be sealed"),
            previous_signing_secret: None,
            signing_secret_rotated_at: None,
            created_at: self.services.now(),
            email_confirmed_at: None,
        };
        let mut tx = self.db.store.begin().await.expect("begin should succeed");
        assert!(tx.insert_user(&row).await.expect("an account"));
        tx.commit().await.expect("commit should succeed");
        Caller::operator(id)
    }

    /// A new signing secret of a user, as it is stored.
    ///
    /// # Panics
    /// When it can't be sealed.
    #[must_use]
    pub fn seal_signing_secret(&self, user: UserId) -> Vec<u8> {
        self.services.create_signing_secret(user).expect("the secret can be sealed")
    }

    /// Orders an assistant, which is not paid yet.
    ///
    /// # Panics
    /// When it can't be ordered.
    pub async fn create_unpaid(&self, caller: &Caller) -> AssistantId {
        self.create_unpaid_with_plan(caller, ApiMode::Byok).await
    }

    /// Orders an assistant with a plan.
    ///
    /// # Panics
    /// When it can't be ordered.
    pub async fn create_unpaid_with_plan(&self, caller: &Caller, mode: ApiMode) -> AssistantId {
        self.services.purchase(caller, Ok(mode)).await.expect("a slot").id
    }

    /// Orders an assistant and pays for it with the subscription [`subscription_id`](Self::subscription_id).
    ///
    /// # Panics
    /// When it can't be ordered.
    pub async fn create_paid(&self, caller: &Caller) -> AssistantId {
        let id = self.create_unpaid(caller).await;
        self.pay(id).await;
        id
    }

    /// Pays for an assistant with Polar's webhooks.
    ///
    /// # Panics
    /// When a webhook is refused.
    pub async fn pay(&self, id: AssistantId) {
        self.receive_order_event(id, "order.paid").await;
        self.receive_subscription_event(id, "subscription.active").await;
        self.run_jobs().await;
    }

    /// Creates an active assistant with a bot of its own. Its callbacks so far are delivered.
    ///
    /// # Panics
    /// When the deployment fails.
    pub async fn create_active(&self, caller: &Caller) -> AssistantId {
        let id = self.create_paid(caller).await;
        self.activate(caller, id).await.expect("activation should succeed");
        self.run_jobs().await;
        assert_eq!(self.status(caller, id).await, Status::Active);
        id
    }

    /// Activates an assistant with a bot of its own.
    ///
    /// # Errors
    /// The error of the activation.
    pub async fn activate(&self, caller: &Caller, id: AssistantId) -> Result<AssistantRecord, Error> {
        self.services.activate(caller, &id.to_string(), Ok(activation(self.next_number()))).await
    }

    /// Gets the record of an assistant.
    ///
    /// # Panics
    /// When there is none.
    pub async fn record(&self, caller: &Caller, id: AssistantId) -> AssistantRecord {
        self.services.get_assistant(caller, &id.to_string()).await.expect("an assistant")
    }

    /// Gets an assistant as it is stored.
    ///
    /// # Panics
    /// When there is none.
    pub async fn get_stored(&self, id: AssistantId) -> Assistant {
        let mut tx = self.db.store.read().await.expect("begin should succeed");
        tx.find_assistant(id).await.expect("a readable row").expect("an assistant")
    }

    /// Gets the state of an assistant.
    ///
    /// # Panics
    /// When there is none.
    pub async fn state(&self, id: AssistantId) -> State {
        self.get_stored(id).await.state
    }

    /// Gets the status of an assistant.
    ///
    /// # Panics
    /// When there is none.
    pub async fn status(&self, caller: &Caller, id: AssistantId) -> Status {
        self.record(caller, id).await.status
    }

    /// Lists the events of an assistant, oldest first.
    ///
    /// # Panics
    /// When they can't be read.
    pub async fn events(&self, id: AssistantId) -> Vec<EventRow> {
        let mut tx = self.db.store.read().await.expect("begin should succeed");
        let mut events = tx.list_events(id, 1000).await.expect("a timeline");
        events.reverse();
        events
    }

    /// Runs all jobs that are due, and those that become due because of them. Returns how many ran.
    ///
    /// # Panics
    /// When the queue fails.
    pub async fn run_jobs(&self) -> usize {
        self.runner.run_due().await.expect("the jobs should run")
    }

    /// Advances the clock, then runs the jobs that are due.
    ///
    /// # Panics
    /// When the queue fails.
    pub async fn advance_and_run(&self, wait: Duration) -> usize {
        self.clock.advance(wait);
        self.run_jobs().await
    }

    /// Counts the jobs that wait or run, and the dead ones.
    ///
    /// # Panics
    /// When the queue fails.
    pub async fn count_jobs(&self) -> (i64, i64) {
        let mut tx = self.db.store.read().await.expect("begin should succeed");
        tx.count_open_and_dead_jobs().await.expect("a count")
    }

    /// Ends the test. No job may be left, whether waiting or dead.
    ///
    /// # Panics
    /// When a job is left.
    pub async fn finish(self) {
        assert_eq!(self.count_jobs().await, (0, 0), "jobs are left (waiting, dead)");
    }
}
