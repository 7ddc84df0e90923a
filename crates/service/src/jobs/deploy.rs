//! A deployment run: step by step, each step safe to repeat, until the worker answers or the run has failed.
//!
//! The job may be run again from the start after a crash: every step brings about the same thing twice.
//! A run that is no longer the current one takes away what it may have created.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::state::{Event, State};
use reef_domain::wire::{ApiMode, Provider};
use reef_domain::{Assistant, FailureCode, Timestamp, catalog};
use reef_store::Secrets;
use secrecy::SecretString;
use tokio::time::{sleep, timeout};

use super::{Job, JobError};
use crate::error::Error;
use crate::ports::{BotIdentity, ModelCheckError, TelegramError, WorkerRef, WorkerSpec};
use crate::services::Services;

/// Between two tries of a step whose vendor did not answer: short, for somebody is waiting.
const STEP_RETRY: Duration = Duration::from_millis(700);
/// How often a worker that was started may fail its health check.
const HEALTH_TRIES: usize = 5;

/// Why a run stops.
enum Halt {
    /// It has failed for good.
    Failed(FailureCode),
    /// It is not the current run any more.
    Stale,
    /// Something inside went wrong; the job is tried again.
    Broken(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl From<reef_store::StoreError> for Halt {
    fn from(error: reef_store::StoreError) -> Self {
        Self::Broken(error.into())
    }
}

/// One run under way.
struct Deployment<'a> {
    services: &'a Services,
    assistant: Assistant,
    worker: WorkerRef,
    secrets: Secrets,
    bot_token: SecretString,
}

impl Services {
    /// Brings a run to its end. `Ok` when there is nothing more to do for it.
    pub(super) async fn run_deployment(&self, worker: &WorkerRef) -> Result<(), JobError> {
        let (id, generation) = (worker.assistant_id, worker.generation);
        let Some((assistant, deadline)) = self.current_run(id, generation).await? else {
            return self.clean_up_stale(worker).await;
        };
        let remaining = deadline.since(self.now());
        let secrets = {
            let mut tx = self.store().read().await?;
            tx.secrets(id).await?
        };
        let Some(bot_token) = self.open_bot_token(id, &secrets)? else {
            return Err(JobError::Fail("a deployment without a bot token".to_owned()));
        };
        let deployment = Deployment { services: self, worker: worker.clone(), assistant, secrets, bot_token };
        let over = || Err(Halt::Failed(FailureCode::DeployTimeout));
        let ended = if remaining.is_zero() {
            // A time-out of nothing still lets through what is quick.
            over()
        } else {
            timeout(remaining, deployment.steps()).await.unwrap_or_else(|_| over())
        };
        match ended {
            Ok(worker_url) => {
                if !self.end_run(id, Event::WorkerReady { generation, worker_url }).await? {
                    deployment.clean_up().await?;
                }
                Ok(())
            }
            Err(Halt::Failed(failure)) => {
                tracing::warn!(assistant_id = %id, generation, failure = failure.as_str(), "deployment failed");
                let cleaned = deployment.clean_up().await;
                self.end_run(id, Event::DeployFailed { generation, failure }).await?;
                // The status is told at once; what could not be taken away is tried again by this job.
                cleaned
            }
            Err(Halt::Stale) => deployment.clean_up().await,
            Err(Halt::Broken(error)) => Err(error.into()),
        }
    }

    /// The assistant, when exactly this run is under way.
    async fn current_run(
        &self,
        id: AssistantId,
        generation: i64,
    ) -> Result<Option<(Assistant, Timestamp)>, Error> {
        let mut tx = self.store().read().await?;
        let Some(assistant) = tx.assistant(id).await? else { return Ok(None) };
        Ok(match assistant.state.clone() {
            State::Deploying { run, deadline } if run.generation == generation => Some((assistant, deadline)),
            _ => None,
        })
    }

    /// Commits the end of a run; `false` when it was not the current one any more.
    pub(super) async fn end_run(&self, id: AssistantId, event: Event) -> Result<bool, Error> {
        let mut work = self.work().await?;
        let Some(before) = work.tx.lock_assistant(id).await? else { return Ok(false) };
        let mut after = before.clone();
        if after.apply(event).is_err() {
            return Ok(false);
        }
        work.save(&before, after).await?;
        work.commit().await?;
        Ok(true)
    }

    /// After a crash, a run that has been overtaken is found here: its worker goes, if it is still its.
    async fn clean_up_stale(&self, worker: &WorkerRef) -> Result<(), JobError> {
        let (assistant, secrets) = {
            let mut tx = self.store().read().await?;
            (tx.assistant(worker.assistant_id).await?, tx.secrets(worker.assistant_id).await?)
        };
        // A deleted assistant's bot is not known any more; its worker is.
        let state = assistant.map(|a| a.state);
        let is_its_worker_active = matches!(
            &state,
            Some(State::Active { run, .. }) if run.generation == worker.generation
        );
        if is_its_worker_active {
            return Ok(());
        }
        let token = if state.is_some_and(|state| state.is_running()) {
            None
        } else {
            self.bot_to_release(worker.assistant_id, &secrets).await?
        };
        self.take_down(worker, token.as_ref()).await.map_err(|error| JobError::Retry(error.into()))
    }
}

impl Deployment<'_> {
    /// The steps, each with its failure code; gives the worker's URL.
    async fn steps(&self) -> Result<String, Halt> {
        let bot = self.check_bot().await?;
        let spec = self.check_model(&bot).await?;
        self.still_current().await?;
        self.fence_old_worker().await?;
        let started = self.start_worker(&spec).await?;
        self.still_current().await?;
        if let Some(url) = &started.webhook_url {
            self.set_webhook(url, &spec).await?;
        }
        self.check_health().await?;
        Ok(started.worker_url)
    }

    /// Whose bot it is, and that no other running assistant answers as it.
    async fn check_bot(&self) -> Result<BotIdentity, Halt> {
        let telegram = &self.services.ports().telegram;
        let bot = loop {
            match telegram.get_me(&self.bot_token).await {
                Ok(bot) => break bot,
                Err(error) => self.telegram_says(&error).await?,
            }
        };
        let fingerprint = self.secrets.bot_fingerprint.clone().unwrap_or_default();
        let mut tx = self.services.store().read().await?;
        if tx.bot_is_taken(&fingerprint, self.assistant.id, None).await? {
            return Err(Halt::Failed(FailureCode::TelegramConflict));
        }
        Ok(bot)
    }

    /// That the key opens the model; gives everything the worker needs.
    async fn check_model(&self, bot: &BotIdentity) -> Result<WorkerSpec, Halt> {
        let a = &self.assistant;
        let unavailable = || Halt::Failed(FailureCode::ModelUnavailable);
        let provider = a.config.provider.ok_or_else(unavailable)?;
        let model_id = a.config.model_id.clone().ok_or_else(unavailable)?;
        let (model_id, model_key) = match a.mode {
            ApiMode::Byok => (model_id, self.services.open_model_key(a.id, &self.secrets)?),
            ApiMode::Managed => {
                let id = catalog::openrouter_id(&model_id).ok_or_else(unavailable)?;
                (id.to_owned(), Some(self.managed_key().await?))
            }
        };
        let model_key = model_key.ok_or(Halt::Failed(FailureCode::ModelKeyRejected))?;
        self.try_model(provider, &model_id, &model_key).await?;
        let secret_of = format!(
            "{}/{}",
            a.id,
            crate::vault::hex(self.secrets.bot_fingerprint.as_deref().unwrap_or_default())
        );
        Ok(WorkerSpec {
            worker: self.worker.clone(),
            name: a.name().to_owned(),
            bot_token: self.bot_token.clone(),
            // The same for every run with this bot, so that a late call of an old run changes nothing.
            webhook_secret: self.services.vault().derive("telegram webhook secret", &secret_of).into(),
            bot_id: bot.id,
            bot_username: bot.username.clone(),
            provider,
            model_id,
            model_key,
        })
    }

    async fn try_model(&self, provider: Provider, model_id: &str, key: &SecretString) -> Result<(), Halt> {
        loop {
            match self.services.ports().models.check(provider, model_id, key).await {
                Ok(()) => return Ok(()),
                Err(ModelCheckError::KeyRejected) => return Err(Halt::Failed(FailureCode::ModelKeyRejected)),
                Err(ModelCheckError::ModelUnavailable) => {
                    return Err(Halt::Failed(FailureCode::ModelUnavailable));
                }
                Err(error @ ModelCheckError::Unavailable(_)) => {
                    self.wait_and_see("model provider", &error).await?;
                }
            }
        }
    }

    /// The managed assistant's own key: the one it has, or a new one, kept before it is used.
    async fn managed_key(&self) -> Result<SecretString, Halt> {
        let id = self.assistant.id;
        if let Some(key) = self.services.open_model_key(id, &self.secrets)? {
            return Ok(key);
        }
        let keys =
            self.services.ports().managed_keys.as_ref().ok_or(Halt::Failed(FailureCode::ModelUnavailable))?;
        let made = loop {
            match keys.create(&format!("reef-{id}"), self.services.config().managed_credit_usd).await {
                Ok(made) => break made,
                Err(error) => self.wait_and_see("managed keys", &error).await?,
            }
        };
        let mut secrets =
            self.services.seal_secrets(id, None, Some(secrecy::ExposeSecret::expose_secret(&made.key)))?;
        let mut work = self.services.work().await?;
        if work.tx.lock_assistant(id).await?.is_none() {
            // It was deleted meanwhile: nobody else knows of this key.
            work.enqueue(Job::DeleteManagedKey { hash: made.hash }).await?;
            work.commit().await?;
            return Err(Halt::Stale);
        }
        secrets.managed_key_hash = Some(made.hash);
        work.tx.set_secrets(id, &secrets).await?;
        work.commit().await?;
        Ok(made.key)
    }

    /// An older run's worker must not answer beside the new one.
    async fn fence_old_worker(&self) -> Result<(), Halt> {
        let older = WorkerRef { generation: self.worker.generation - 1, ..self.worker.clone() };
        while let Err(error) = self.services.ports().workers.remove(&older).await {
            self.wait_and_see("worker host", &error).await?;
        }
        // Where the new worker fetches its updates itself, a webhook would be in its way.
        loop {
            match self.services.ports().telegram.delete_webhook(&self.bot_token).await {
                Ok(()) => return Ok(()),
                Err(error) => match error {
                    // Deploying sets the webhook anew anyway; refusing to forget the old one is no obstacle.
                    TelegramError::Unavailable(_) => return Ok(()),
                    other => self.telegram_says(&other).await?,
                },
            }
        }
    }

    async fn start_worker(&self, spec: &WorkerSpec) -> Result<crate::ports::Started, Halt> {
        let mut tries = 0;
        loop {
            match self.services.ports().workers.start(spec).await {
                Ok(started) => return Ok(started),
                Err(error) if tries + 1 < HEALTH_TRIES => {
                    tries += 1;
                    self.wait_and_see("worker host", &error).await?;
                }
                Err(error) => {
                    tracing::warn!(assistant_id = %self.assistant.id, error = %error, "worker could not be started");
                    return Err(Halt::Failed(FailureCode::WorkerStartFailed));
                }
            }
        }
    }

    async fn set_webhook(&self, url: &str, spec: &WorkerSpec) -> Result<(), Halt> {
        let secret = secrecy::ExposeSecret::expose_secret(&spec.webhook_secret);
        loop {
            match self.services.ports().telegram.set_webhook(&self.bot_token, url, secret).await {
                Ok(()) => return Ok(()),
                Err(error) => self.telegram_says(&error).await?,
            }
        }
    }

    async fn check_health(&self) -> Result<(), Halt> {
        for _ in 0..HEALTH_TRIES {
            match self.services.ports().workers.health(&self.worker).await {
                Ok(()) => return Ok(()),
                Err(error) => self.wait_and_see("worker", &error).await?,
            }
        }
        Err(Halt::Failed(FailureCode::HealthCheckFailed))
    }

    /// What a refusal of Telegram means: the end, or another try after a while.
    async fn telegram_says(&self, error: &TelegramError) -> Result<(), Halt> {
        match error {
            TelegramError::TokenRejected => Err(Halt::Failed(FailureCode::TelegramTokenRejected)),
            TelegramError::Conflict => Err(Halt::Failed(FailureCode::TelegramConflict)),
            TelegramError::RateLimited { seconds } => {
                sleep(Duration::from_secs((*seconds).min(60))).await;
                self.still_current().await
            }
            TelegramError::Unavailable(_) => self.wait_and_see("telegram", error).await,
        }
    }

    /// Waits a little before a step is tried again, unless the run has been overtaken meanwhile.
    async fn wait_and_see(&self, who: &str, error: &(dyn std::error::Error + Sync)) -> Result<(), Halt> {
        tracing::info!(assistant_id = %self.assistant.id, who, error = %error, "a deployment step is tried again");
        sleep(STEP_RETRY).await;
        self.still_current().await
    }

    async fn still_current(&self) -> Result<(), Halt> {
        let current = self.services.current_run(self.assistant.id, self.worker.generation).await?;
        current.map(|_| ()).ok_or(Halt::Stale)
    }

    /// Takes away what this run may have created. The bot is only let go of when no newer run uses it.
    async fn clean_up(&self) -> Result<(), JobError> {
        let now = {
            let mut tx = self.services.store().read().await?;
            tx.assistant(self.assistant.id).await?
        };
        let overtaken = now.is_some_and(|a| {
            a.state.is_running() && a.state.run().is_some_and(|run| run.generation > self.worker.generation)
        });
        let token = if overtaken {
            None
        } else {
            self.services.bot_to_release(self.assistant.id, &self.secrets).await?
        };
        let gone = self.services.take_down(&self.worker, token.as_ref()).await;
        gone.map_err(|error| JobError::Retry(error.into()))
    }
}
