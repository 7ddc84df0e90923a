//! The hosts that workers run on.

use async_trait::async_trait;
use reef_domain::Usd;
use reef_domain::ids::{AssistantId, ConversationId};
use reef_domain::wire::Provider;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// Everything that a worker needs, including secrets. A host gets all of it with every start.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// The worker, and the run it belongs to.
    pub worker: WorkerRef,
    /// The name of the assistant.
    pub name: String,
    /// The token of the bot it answers as.
    pub bot_token: SecretString,
    /// The secret by which the worker recognizes Telegram.
    pub webhook_secret: SecretString,
    /// The bot's id, according to Telegram.
    pub bot_id: i64,
    /// The bot's username, without the `@`.
    pub bot_username: String,
    /// The provider of the model.
    pub provider: Provider,
    /// The model, in the provider's own spelling.
    pub model_id: String,
    /// The key for the model.
    pub model_key: SecretString,
}

/// A worker of one run. Jobs store it as JSON, because the worker outlives the row of a deleted assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRef {
    /// The assistant that the worker answers for.
    pub assistant_id: AssistantId,
    /// The name that the assistant's workers have for life.
    pub worker_name: String,
    /// The number of the run. A host never lets an older run touch the worker of a newer one.
    pub generation: i64,
}

/// A worker that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedWorker {
    /// The URL of the worker.
    pub worker_url: String,
    /// Where Telegram has to send updates; `None` when the worker fetches them itself.
    pub webhook_url: Option<String>,
}

/// The host did not carry out a request. Trying again may help.
#[derive(Debug, Error)]
#[error("worker host: {0}")]
pub struct WorkerHostError(pub String);

/// A question that comes through the API.
#[derive(Clone, Debug)]
pub struct ApiQuestion {
    /// The conversation that it belongs to; `None` for a new one.
    pub conversation_id: Option<ConversationId>,
    /// The question.
    pub text: String,
}

/// The answer to a question that came through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAnswer {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The answer's own id.
    pub message_id: Uuid,
    /// The answer, in Markdown.
    pub text: String,
    /// How many tokens the model has read.
    pub input_tokens: i64,
    /// How many tokens the model has written.
    pub output_tokens: i64,
    /// What it has cost; `None` if the price is not known.
    pub cost: Option<Usd>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum TalkError {
    /// The assistant has no such conversation.
    #[error("the conversation does not exist")]
    UnknownConversation,
    /// A question in the same conversation is being answered.
    #[error("the conversation is being answered")]
    Busy,
    /// The allowance is used up.
    #[error("the allowance is used up")]
    AllowanceReached,
    /// The model did not answer.
    #[error("the model failed: {0:?}")]
    Model(ModelFailure),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] WorkerHostError),
}

/// Why a model did not answer, as far as it matters to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFailure {
    /// The provider rejects the key.
    KeyRejected,
    /// There is no credit left.
    NoCredit,
    /// There were too many requests.
    RateLimited,
    /// Anything else: the model does not exist, is overloaded, or did not give an answer.
    Unavailable,
}

/// Takes an answer while it is written, piece by piece.
pub type OnText<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A host that runs workers.
#[async_trait]
pub trait WorkerHost: Send + Sync {
    /// Starts a worker in place of the worker of an older run.
    async fn start(&self, spec: &WorkerSpec) -> Result<StartedWorker, WorkerHostError>;

    /// The URL that Telegram has to send a worker's updates to, as in [`StartedWorker`].
    fn webhook_url(&self, worker: &WorkerRef) -> Option<String>;

    /// Checks that the worker of exactly this run is up and answers.
    async fn health(&self, worker: &WorkerRef) -> Result<(), WorkerHostError>;

    /// Removes the worker of this or an older run. A worker that does not exist counts as removed.
    async fn remove(&self, worker: &WorkerRef) -> Result<(), WorkerHostError>;

    /// Lists those of the workers that do not exist.
    async fn missing(&self, workers: &[WorkerRef]) -> Result<Vec<WorkerRef>, WorkerHostError>;

    /// Deletes what an assistant remembers, because the assistant is deleted.
    async fn forget(&self, assistant: AssistantId) -> Result<(), WorkerHostError>;

    /// Asks the assistant of a worker something, and passes the answer on while it is written. The question and the answer
    /// become part of the conversation.
    async fn talk(
        &self,
        worker: &WorkerRef,
        question: &ApiQuestion,
        on_text: OnText<'_>,
    ) -> Result<ApiAnswer, TalkError>;
}
