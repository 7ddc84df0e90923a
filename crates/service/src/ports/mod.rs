//! What the service layer needs from outside, each a trait because a second implementation exists.

mod callbacks;
mod clock;
mod entropy;
mod mailer;
mod managed_keys;
mod models;
mod payments;
mod telegram;
mod workers;

use std::sync::Arc;

pub use callbacks::{CallbackSender, Outgoing, SendError};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use mailer::{Mail, MailError, Mailer};
pub use managed_keys::{KEYS_PAGE, KeyInfo, ManagedKey, ManagedKeyError, ManagedKeys};
pub use models::{GreetError, ModelCheckError, ModelListError, ModelProviders};
pub use payments::{
    Checkout, CheckoutRefusal, Interval, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint,
};
pub use telegram::{BotIdentity, Picture, Telegram, TelegramError};
pub use workers::{HostError, Started, WorkerHost, WorkerRef, WorkerSpec};

/// The outside world.
#[derive(Clone)]
pub struct Ports {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Who takes the money.
    pub payments: Arc<dyn Payments>,
    /// Where workers run.
    pub workers: Arc<dyn WorkerHost>,
    /// Bots.
    pub telegram: Arc<dyn Telegram>,
    /// Model providers.
    pub models: Arc<dyn ModelProviders>,
    /// Model keys of managed assistants; absent when the operator has none to give.
    pub managed_keys: Option<Arc<dyn ManagedKeys>>,
    /// Customers' callback receivers.
    pub callbacks: Arc<dyn CallbackSender>,
    /// Mail to customers; absent when the operator has no mail server.
    pub mailer: Option<Arc<dyn Mailer>>,
}
