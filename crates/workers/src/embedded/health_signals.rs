//! What turns and polls see of the model and of Telegram, recorded for the health of the assistant.

use std::time::Duration;

use reef_assistant::{TurnError, TurnOutcome};
use reef_domain::ErrorChain;
use reef_domain::health::HealthCode;
use reef_ports::WorkerRef;
use reef_protocols::model::ModelError;
use reef_protocols::telegram::TelegramError;
use reef_store::{HealthSignal, StoreError, WorkerRow};

use crate::embedded::health::Source;
use crate::embedded::host::Embedded;

/// When Telegram is checked at the latest after somebody has used the assistant. A fault has to be noticed within two minutes,
/// in two checks.
const CHECK_WITHIN: Duration = Duration::from_secs(50);
/// What the answer of a model means; `None` if it says nothing about the model's health.
const fn model_code(error: Option<ModelError>) -> HealthCode {
    match error {
        // The model has answered, or would answer other questions.
        None
        | Some(
            ModelError::Declined
            | ModelError::ContextTooLong
            | ModelError::ThinkingOnly
            | ModelError::EmptyAnswer,
        ) => HealthCode::Ok,
        Some(ModelError::KeyRejected) => HealthCode::KeyRejected,
        Some(ModelError::OutOfCredit) => HealthCode::NoCredit,
        Some(ModelError::ModelNotFound) => HealthCode::ModelNotFound,
        Some(ModelError::RateLimited { .. } | ModelError::LimitReached { .. }) => HealthCode::RateLimited,
        Some(ModelError::Overloaded | ModelError::Unavailable) => HealthCode::ProviderUnavailable,
        Some(ModelError::UnexpectedResponse) => HealthCode::UnexpectedResponse,
    }
}

/// What an error of a poll means.
const fn poll_code(error: Option<TelegramError>) -> Option<HealthCode> {
    match error {
        None => Some(HealthCode::Ok),
        Some(TelegramError::Unauthorized | TelegramError::NotFound) => Some(HealthCode::TokenRejected),
        Some(TelegramError::Conflict) => Some(HealthCode::PollingConflict),
        Some(TelegramError::RateLimited { .. }) => Some(HealthCode::TelegramRateLimited),
        // Checks find out whether Telegram answers at all.
        Some(_) => None,
    }
}

impl Embedded {
    /// Records what a turn has seen. `model` is whether the model has answered, or why not, if it was asked.
    pub(crate) async fn record_turn_health(
        &self,
        worker: &WorkerRow,
        model: Option<Option<ModelError>>,
        ended: &Result<TurnOutcome, TurnError>,
    ) {
        let is_rejected = ended.as_ref().is_err_and(|error| !error.is_retryable());
        let signal = HealthSignal {
            assistant_id: worker.assistant_id,
            generation: worker.generation,
            telegram: is_rejected.then_some(HealthCode::TokenRejected),
            model: model.map(model_code),
            is_use: true,
        };
        // A command that the model has no part in shows nothing.
        if signal.telegram.is_some() || signal.model.is_some() {
            self.record_health(signal, Source::Turn).await;
        }
    }

    /// Records whether the model has answered a question that came through the API, or why not.
    pub(crate) async fn record_talk_health(&self, worker: &WorkerRef, error: Option<ModelError>) {
        let signal = HealthSignal {
            assistant_id: worker.assistant_id,
            generation: worker.generation,
            telegram: None,
            model: Some(model_code(error)),
            is_use: true,
        };
        self.record_health(signal, Source::Turn).await;
    }

    /// Records what a poll has seen.
    pub(crate) async fn record_poll_health(&self, worker: &WorkerRow, error: Option<TelegramError>) {
        let Some(code) = poll_code(error) else { return };
        let signal = HealthSignal {
            assistant_id: worker.assistant_id,
            generation: worker.generation,
            telegram: Some(code),
            model: None,
            is_use: false,
        };
        self.record_health(signal, Source::Poll).await;
    }

    async fn record_health(&self, signal: HealthSignal, source: Source) {
        let inner = &self.inner;
        let now = inner.clock.now();
        let is_ok = |code: Option<HealthCode>| code.is_none_or(|code| code == HealthCode::Ok);
        let is_fine = is_ok(signal.telegram) && is_ok(signal.model);
        if !inner.recorded_health.admit(signal.assistant_id, source, is_fine, now) {
            return;
        }
        let recorded = async {
            let mut tx = inner.store.begin().await?;
            tx.record_health_signal(signal, now, now.plus(CHECK_WITHIN)).await?;
            // What is lost in a power cut is seen again.
            tx.commit_without_sync().await?;
            Ok::<_, StoreError>(())
        };
        if let Err(error) = recorded.await {
            let error = tracing::field::display(ErrorChain(&error));
            tracing::warn!(assistant_id = %signal.assistant_id, error, "health of an assistant could not be recorded");
        }
    }
}
