//! Implements the [`WorkerHost`] port: starting, checking and removing workers.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use reef_assistant::COMMANDS;
use reef_domain::ids::AssistantId;
use reef_ports::{
    ApiAnswer, ApiQuestion, OnText, StartedWorker, TalkError, WorkerHost, WorkerHostError, WorkerRef,
    WorkerSpec,
};
use reef_protocols::HttpRequest;
use reef_protocols::telegram::{Bot, read_response};
use reef_store::{StoreError, WorkerRow};
use secrecy::{ExposeSecret, SecretString};

use crate::embedded::config::UpdateSource;
use crate::embedded::host::Embedded;
use crate::embedded::sealed;

/// The timeout for setting the menu of a bot.
const MENU_TIMEOUT: Duration = Duration::from_secs(10);

#[async_trait]
impl WorkerHost for Embedded {
    async fn start(&self, spec: &WorkerSpec) -> Result<StartedWorker, WorkerHostError> {
        let inner = &self.inner;
        let settings =
            sealed::seal(&inner.vault, &*inner.entropy, spec).map_err(|error| host_error(&error))?;
        let row = WorkerRow {
            worker_name: spec.worker.worker_name.clone(),
            assistant_id: spec.worker.assistant_id,
            generation: spec.worker.generation,
            settings,
            polling: inner.config.update_source == UpdateSource::Polling,
            poll_offset: 0,
            started_at: inner.clock.now(),
        };
        if !self.store_worker(&row, spec.bot_id).await.map_err(|error| host_error(&error))? {
            return Err(WorkerHostError("a newer generation of the worker exists".to_owned()));
        }
        self.cancel_worker(&spec.worker);
        self.set_menu(spec.bot_token.clone());
        // A sweep answers waiting updates and starts polling without delay.
        inner.sweep.notify_one();
        let worker_url = format!("{}/workers/{}", inner.config.public_url, row.worker_name);
        Ok(StartedWorker { worker_url, webhook_url: self.webhook_url(&spec.worker) })
    }

    fn webhook_url(&self, worker: &WorkerRef) -> Option<String> {
        let config = &self.inner.config;
        let is_sent = config.update_source == UpdateSource::Webhook;
        is_sent.then(|| format!("{}/workers/{}/telegram", config.public_url, worker.worker_name))
    }

    async fn health(&self, worker: &WorkerRef) -> Result<(), WorkerHostError> {
        let found = async { self.inner.store.read().await?.find_worker(&worker.worker_name).await };
        match found.await.map_err(|error| host_error(&error))? {
            Some(row) if row.generation == worker.generation => {
                sealed::open(&self.inner.vault, &self.inner.config, &row)
                    .map_err(|error| host_error(&error))?;
                Ok(())
            }
            Some(_) => Err(WorkerHostError("the worker has another generation".to_owned())),
            None => Err(WorkerHostError("the worker does not exist".to_owned())),
        }
    }

    async fn remove(&self, worker: &WorkerRef) -> Result<(), WorkerHostError> {
        let removed = async {
            let mut tx = self.inner.store.begin().await?;
            let is_removed = tx.delete_worker(&worker.worker_name, worker.generation).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(is_removed)
        };
        if removed.await.map_err(|error| host_error(&error))? {
            self.cancel_worker(worker);
        }
        Ok(())
    }

    async fn missing(&self, workers: &[WorkerRef]) -> Result<Vec<WorkerRef>, WorkerHostError> {
        let names: Vec<_> = workers.iter().map(|worker| worker.worker_name.as_str()).collect();
        let found = async { self.inner.store.read().await?.list_worker_generations(&names).await };
        let there: HashMap<_, _> = found.await.map_err(|error| host_error(&error))?.into_iter().collect();
        let exists = |worker: &WorkerRef| there.get(&worker.worker_name) == Some(&worker.generation);
        Ok(workers.iter().filter(|worker| !exists(worker)).cloned().collect())
    }

    async fn forget(&self, assistant: AssistantId) -> Result<(), WorkerHostError> {
        let gone = self.delete_assistant(assistant).await.map_err(|error| host_error(&error))?;
        if let Some(worker) = gone {
            self.inner.polls.cancel(&worker.worker_name);
        }
        self.inner.slots.cancel(assistant);
        Ok(())
    }

    async fn talk(
        &self,
        worker: &WorkerRef,
        question: &ApiQuestion,
        on_text: OnText<'_>,
    ) -> Result<ApiAnswer, TalkError> {
        self.answer_question(worker, question, on_text).await
    }
}

impl Embedded {
    /// Stores the row of a worker. Returns `false` if there is one with a newer generation.
    async fn store_worker(&self, row: &WorkerRow, bot_id: i64) -> Result<bool, StoreError> {
        let mut tx = self.inner.store.begin().await?;
        if !tx.upsert_worker(row).await? {
            return Ok(false);
        }
        let dropped = tx.discard_updates_of_other_bots(row.assistant_id, bot_id, row.started_at).await?;
        tx.commit().await?;
        if dropped > 0 {
            let assistant = row.assistant_id;
            tracing::info!(assistant_id = %assistant, dropped, "updates of the previous bot dropped");
        }
        Ok(true)
    }

    /// Cancels the turns and the poll of an older generation in this process. Other processes stop when they renew
    /// their lease.
    fn cancel_worker(&self, worker: &WorkerRef) {
        self.inner.polls.cancel(&worker.worker_name);
        self.inner.slots.cancel(worker.assistant_id);
    }

    async fn delete_assistant(&self, assistant: AssistantId) -> Result<Option<WorkerRow>, StoreError> {
        let mut tx = self.inner.store.begin().await?;
        let worker = tx.find_worker_by_assistant(assistant).await?;
        if let Some(worker) = &worker {
            tx.delete_worker(&worker.worker_name, worker.generation).await?;
        }
        tx.delete_bot_updates(assistant).await?;
        tx.delete_conversations(assistant).await?;
        tx.delete_chat_migrations(assistant).await?;
        tx.commit().await?;
        Ok(worker)
    }

    /// Sets the bot's menu in a task of its own. The start does not wait for it, because a bot works without a menu.
    fn set_menu(&self, token: SecretString) {
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            let bot = Bot::new(&this.inner.config.telegram_url, token.expose_secret());
            let timeout_ms = u64::try_from(MENU_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
            let request = HttpRequest { timeout_ms, ..bot.set_my_commands(&COMMANDS) };
            let set = tokio::select! {
                () = this.inner.closing.cancelled() => return,
                set = this.inner.transport.send(request) => set,
            };
            let outcome = match set {
                Ok(answer) => read_response::<bool>(&answer).map(drop).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(reason) = outcome {
                tracing::warn!(reason, "bot menu could not be set");
            }
        });
    }
}

/// Logs an error with its sources and converts it. The service layer gets only the outermost message.
pub(super) fn host_error(error: &(dyn std::error::Error + 'static)) -> WorkerHostError {
    tracing::error!(error, "worker host call failed");
    WorkerHostError(error.to_string())
}
