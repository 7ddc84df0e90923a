//! What Reef needs from outside: one trait for each outside service, and the vendor-neutral types that the traits speak in.
//!
//! The real implementations are in `reef-outbound` and the worker hosts, the fakes in the module `testing` of `reef-service`.

mod callbacks;
mod clock;
mod entropy;
mod mailer;
mod managed_keys;
mod models;
mod payment_event;
mod payment_facts;
mod payments;
mod telegram;
mod workers;

use std::sync::Arc;

pub use callbacks::{CallbackError, CallbackRequest, CallbackSender};
pub use clock::Clock;
pub use entropy::Entropy;
pub use mailer::{Mail, MailError, Mailer};
pub use managed_keys::{KEYS_PAGE_SIZE, ManagedKey, ManagedKeyError, ManagedKeyInfo, ManagedKeys};
pub use models::{GreetError, ModelCheckError, ModelListError, ModelProviders};
pub use payment_event::PaymentEvent;
pub use payment_facts::{CheckoutFacts, CheckoutStatus, OrderFacts, SubscriptionFacts, SubscriptionStatus};
pub use payments::{
    Checkout, CheckoutRefusal, Interval, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint,
};
pub use telegram::{BotIdentity, Picture, Telegram, TelegramError, WebhookState};
pub use workers::{
    ApiAnswer, ApiQuestion, ModelFailure, OnText, StartedWorker, TalkError, WorkerHost, WorkerHostError,
    WorkerRef, WorkerSpec,
};

/// The clock, randomness, and the clients of outside services.
#[derive(Clone)]
pub struct Ports {
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The payment provider, Polar.
    pub payments: Arc<dyn Payments>,
    /// The host that workers run on.
    pub workers: Arc<dyn WorkerHost>,
    /// The Bot API of Telegram.
    pub telegram: Arc<dyn Telegram>,
    /// The providers of models.
    pub models: Arc<dyn ModelProviders>,
    /// The model keys of managed assistants; `None` when the operator has not configured them.
    pub managed_keys: Option<Arc<dyn ManagedKeys>>,
    /// The sender of callbacks to customers' servers.
    pub callbacks: Arc<dyn CallbackSender>,
    /// The mail server; `None` when the operator has not configured one.
    pub mailer: Option<Arc<dyn Mailer>>,
}
