//! Where workers run.

use async_trait::async_trait;
use reef_domain::ids::AssistantId;
use reef_domain::wire::Provider;
use secrecy::SecretString;
use thiserror::Error;

/// Everything a worker needs, secrets included: the whole desired state goes out each time.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// Which worker, of which run.
    pub worker: WorkerRef,
    /// What the assistant is called.
    pub name: String,
    /// The bot it answers as.
    pub bot_token: SecretString,
    /// What Telegram proves itself with.
    pub webhook_secret: SecretString,
    /// Who bot is, as Telegram says.
    pub bot_id: i64,
    /// The bot's @name.
    pub bot_username: String,
    /// Whose model.
    pub provider: Provider,
    /// Which model, in the provider's own spelling.
    pub model_id: String,
    /// With which key.
    pub model_key: SecretString,
}

/// A worker of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRef {
    /// Whose memory it uses.
    pub assistant_id: AssistantId,
    /// Its name for life.
    pub worker_name: String,
    /// The run; a host never lets an older one touch a newer one's worker.
    pub generation: i64,
}

/// A worker that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Where it is.
    pub worker_url: String,
    /// Where Telegram is to send updates; `None` when the worker fetches them itself.
    pub webhook_url: Option<String>,
}

/// The host did not do it; trying again may help.
#[derive(Debug, Error)]
#[error("worker host: {0}")]
pub struct HostError(pub String);

/// Runs workers.
#[async_trait]
pub trait WorkerHost: Send + Sync {
    /// Starts a worker, in the place of an older run's.
    async fn start(&self, spec: &WorkerSpec) -> Result<Started, HostError>;

    /// Where Telegram is to send a worker's updates; `None` when it fetches them itself. As [`Started`] has it.
    fn webhook_url(&self, worker: &WorkerRef) -> Option<String>;

    /// Passes when the worker of exactly this run is up and answers.
    async fn health(&self, worker: &WorkerRef) -> Result<(), HostError>;

    /// Removes the worker of this or an older run. One that is not there is success.
    async fn remove(&self, worker: &WorkerRef) -> Result<(), HostError>;

    /// Which of these are not there.
    async fn missing(&self, workers: &[WorkerRef]) -> Result<Vec<WorkerRef>, HostError>;

    /// Destroys what the assistant remembers: it is being deleted.
    async fn forget(&self, assistant: AssistantId) -> Result<(), HostError>;
}
