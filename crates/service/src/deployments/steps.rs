//! The steps of a run. Each retries while its vendor is unavailable and fails with its own failure code.

use std::time::Duration;

use reef_domain::FailureCode;
use reef_domain::steps::Step;
use reef_domain::wire::{ApiMode, Provider};
use reef_store::BotRow;
use secrecy::SecretString;
use tokio::time::sleep;

use crate::deployments::run::{Deployment, RunError, is_run_of};
use reef_ports::{BotIdentity, ModelCheckError, TelegramError, WorkerRef, WorkerSpec};

/// The wait before a step is retried: short, because the owner is watching.
const STEP_RETRY: Duration = Duration::from_millis(700);
/// How often a worker that was started may fail its health check.
const HEALTH_ATTEMPTS: usize = 5;
/// Attempts to delete the webhook of a replaced bot.
const DISCONNECT_ATTEMPTS: usize = 3;

impl Deployment<'_> {
    /// Runs all steps and returns the worker's URL.
    pub(super) async fn steps(&self) -> Result<String, RunError> {
        self.record_step_start(Step::Token).await?;
        let bot = self.unless_superseded(self.check_bot()).await?;
        self.record_step_start(Step::Model).await?;
        let spec = self.check_model(&bot).await?;
        self.record_step_start(Step::Worker).await?;
        self.fence_old_worker().await?;
        let started = self.start_worker(&spec).await?;
        if let Some(url) = &started.webhook_url {
            self.record_step_start(Step::Webhook).await?;
            self.unless_superseded(self.set_webhook(url, &spec)).await?;
        }
        self.record_step_start(Step::Ready).await?;
        self.unless_superseded(self.check_health()).await?;
        Ok(started.worker_url)
    }

    /// Records that the next step begins, for the page to show, if this run is still current.
    async fn record_step_start(&self, step: Step) -> Result<(), RunError> {
        let generation = self.worker.generation;
        let mut work = self.services.unit_of_work().await?;
        let found = work.tx.lock_assistant(self.assistant.id).await?;
        let Some(a) = found.filter(|a| is_run_of(a, generation)) else { return Err(RunError::Superseded) };
        let now = work.now;
        work.tx.start_deployment_step(a.id, generation, step, now).await?;
        work.record_change(&a);
        Ok(work.commit(None).await?)
    }

    /// Runs a step and abandons it once the run is superseded, because a stop or a deletion may be waiting for its end.
    async fn unless_superseded<T>(
        &self,
        step: impl Future<Output = Result<T, RunError>> + Send,
    ) -> Result<T, RunError> {
        let (id, user) = (self.assistant.id, self.assistant.user_id);
        let mut changes = self.services.event_bus().subscribe(user, Some(id));
        tokio::pin!(step);
        loop {
            tokio::select! {
                done = &mut step => return done,
                () = changes.changed() => self.require_current().await?,
            }
        }
    }

    /// Identifies the bot and fails if another running assistant uses it.
    async fn check_bot(&self) -> Result<BotIdentity, RunError> {
        let telegram = &self.services.ports().telegram;
        let bot = loop {
            match telegram.get_me(&self.bot_token).await {
                Ok(bot) => break bot,
                Err(error) => self.handle_telegram_error(&error).await?,
            }
        };
        let fingerprint = self.secrets.bot_token_hash.clone().unwrap_or_default();
        let mut tx = self.services.store().read().await?;
        if tx.is_bot_taken(&fingerprint, self.assistant.id, None).await? {
            return Err(RunError::Failed(FailureCode::TelegramConflict));
        }
        drop(tx);
        let known = BotRow { bot_id: bot.id, bot_username: bot.username.clone() };
        let mut tx = self.services.store().begin().await?;
        tx.update_bot(self.assistant.id, self.worker.generation, &known).await?;
        tx.commit().await?;
        Ok(bot)
    }

    /// Checks that the key may use the model, and returns everything the worker needs.
    async fn check_model(&self, bot: &BotIdentity) -> Result<WorkerSpec, RunError> {
        let a = &self.assistant;
        let unavailable = || RunError::Failed(FailureCode::ModelUnavailable);
        let provider = a.config.provider.ok_or_else(unavailable)?;
        let model_id = a.config.model_id.clone().ok_or_else(unavailable)?;
        let (model_id, model_key) = match a.mode {
            ApiMode::Byok => {
                let key = self.services.open_model_key(a.id, &self.secrets)?;
                let key = key.ok_or(RunError::Failed(FailureCode::ModelKeyRejected))?;
                self.unless_superseded(self.check_model_key(provider, &model_id, &key)).await?;
                (model_id, key)
            }
            ApiMode::Managed => {
                let catalog = self.services.catalog().await?;
                // An OpenRouter id that has left the catalog may still work.
                let own = model_id.contains('/').then_some(model_id.as_str());
                let id = catalog.openrouter_id(&model_id).or(own).ok_or_else(unavailable)?.to_owned();
                let key = self.managed_key(&id).await?;
                (id, key)
            }
        };
        Ok(WorkerSpec {
            worker: self.worker.clone(),
            name: a.name().to_owned(),
            bot_token: self.bot_token.clone(),
            webhook_secret: self.services.webhook_secret(a.id, &self.secrets),
            bot_id: bot.id,
            bot_username: bot.username.clone(),
            provider,
            model_id,
            model_key,
        })
    }

    async fn check_model_key(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<(), RunError> {
        loop {
            match self.services.ports().models.check(provider, model_id, key).await {
                Ok(()) => return Ok(()),
                Err(ModelCheckError::KeyRejected) => {
                    return Err(RunError::Failed(FailureCode::ModelKeyRejected));
                }
                Err(ModelCheckError::ModelUnavailable) => {
                    return Err(RunError::Failed(FailureCode::ModelUnavailable));
                }
                Err(error @ ModelCheckError::Unavailable(_)) => {
                    self.wait_before_retry("model provider", &error).await?;
                }
            }
        }
    }

    /// Removes the worker of the previous run, so that the two never answer at the same time.
    async fn fence_old_worker(&self) -> Result<(), RunError> {
        let older = WorkerRef { generation: self.worker.generation - 1, ..self.worker.clone() };
        while let Err(error) = self.services.ports().workers.remove(&older).await {
            self.wait_before_retry("worker host", &error).await?;
        }
        self.disconnect_replaced_bot().await?;
        // Telegram refuses `getUpdates` while a webhook is set, so it goes before a worker that polls.
        loop {
            match self.services.ports().telegram.delete_webhook(&self.bot_token).await {
                Ok(()) => return Ok(()),
                Err(error) => match error {
                    // A later step sets the webhook, which replaces the old one.
                    TelegramError::Unavailable(_) => return Ok(()),
                    other => self.handle_telegram_error(&other).await?,
                },
            }
        }
    }

    /// Deletes the webhook of the bot that this run replaces, or that an undone change has tried. A webhook that remains can
    /// only call a worker that refuses it, so it is not worth failing for.
    async fn disconnect_replaced_bot(&self) -> Result<(), RunError> {
        let Some(bot) = self.services.replaced_bot(self.assistant.id, &self.secrets).await? else {
            return Ok(());
        };
        for _ in 0..DISCONNECT_ATTEMPTS {
            match self.services.disconnect_bot(&bot).await {
                Ok(()) => return Ok(()),
                Err(error) => self.wait_before_retry("telegram", &error).await?,
            }
        }
        tracing::warn!(assistant_id = %self.assistant.id, "webhook of a replaced bot may remain");
        Ok(())
    }

    async fn start_worker(&self, spec: &WorkerSpec) -> Result<reef_ports::StartedWorker, RunError> {
        let mut attempts = 0;
        loop {
            match self.services.ports().workers.start(spec).await {
                Ok(started) => return Ok(started),
                Err(error) if attempts + 1 < HEALTH_ATTEMPTS => {
                    attempts += 1;
                    self.wait_before_retry("worker host", &error).await?;
                }
                Err(error) => {
                    tracing::warn!(assistant_id = %self.assistant.id, error = %error, "worker start failed");
                    return Err(RunError::Failed(FailureCode::WorkerStartFailed));
                }
            }
        }
    }

    async fn set_webhook(&self, url: &str, spec: &WorkerSpec) -> Result<(), RunError> {
        let secret = secrecy::ExposeSecret::expose_secret(&spec.webhook_secret);
        loop {
            match self.services.ports().telegram.set_webhook(&self.bot_token, url, secret).await {
                Ok(()) => return Ok(()),
                Err(error) => self.handle_telegram_error(&error).await?,
            }
        }
    }

    async fn check_health(&self) -> Result<(), RunError> {
        for _ in 0..HEALTH_ATTEMPTS {
            match self.services.ports().workers.health(&self.worker).await {
                Ok(()) => return Ok(()),
                Err(error) => self.wait_before_retry("worker", &error).await?,
            }
        }
        Err(RunError::Failed(FailureCode::HealthCheckFailed))
    }

    /// Fails the run for an error that retrying does not fix, else waits before the next attempt.
    async fn handle_telegram_error(&self, error: &TelegramError) -> Result<(), RunError> {
        match error {
            TelegramError::TokenRejected => Err(RunError::Failed(FailureCode::TelegramTokenRejected)),
            TelegramError::Conflict => Err(RunError::Failed(FailureCode::TelegramConflict)),
            TelegramError::RateLimited { seconds } => {
                sleep(Duration::from_secs((*seconds).min(60))).await;
                self.require_current().await
            }
            TelegramError::Unavailable(_) => self.wait_before_retry("telegram", error).await,
        }
    }

    /// Waits before a step is retried, and fails if the run was superseded meanwhile.
    pub(super) async fn wait_before_retry(
        &self,
        vendor: &str,
        error: &(dyn std::error::Error + Sync),
    ) -> Result<(), RunError> {
        tracing::info!(assistant_id = %self.assistant.id, vendor, error = %error, "deployment step failed, retrying");
        sleep(STEP_RETRY).await;
        self.require_current().await
    }

    async fn require_current(&self) -> Result<(), RunError> {
        let current = self.services.current_run(self.assistant.id, self.worker.generation).await?;
        current.map(|_| ()).ok_or(RunError::Superseded)
    }
}
