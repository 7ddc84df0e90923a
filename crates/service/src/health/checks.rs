//! Checking the assistants that are due. Any process does it; each check is claimed in the database, and no transaction is open
//! while a vendor is called.
//!
//! Each round claims no more checks than the rate allows. Models are claimed by provider, one check each, so that a provider
//! that answers slowly or not at all delays neither the others nor Telegram.

use std::time::Duration;

use reef_domain::health::HealthCode;
use reef_domain::ids::AssistantId;
use reef_domain::state::State;
use reef_domain::wire::{ApiMode, Provider};
use reef_domain::{Assistant, ErrorChain, Timestamp};
use reef_ports::{ModelCheckError, TelegramError, WebhookState};
use reef_store::{HealthClaim, HealthRow, Secrets};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::deployments::worker::worker_ref;
use crate::error::Error;
use crate::health::evaluation::{Claimed, Seen};
use crate::health::schedule::CALLS_PER_SECOND;
use crate::services::Services;

/// How often due checks are claimed: as many as may be made in this time.
const ROUND: Duration = Duration::from_secs(1);
/// How long a claim holds, which is longer than a check takes.
const CLAIM: Duration = Duration::from_secs(60);
/// How long a vendor may take to answer.
const TIMEOUT: Duration = Duration::from_secs(8);
/// What a check of a model calls: the provider about the key, and about the model.
const CALLS_OF_MODEL_CHECK: usize = 2;
/// How many assistants a round evaluates of which workers have seen something.
const SIGNALS_MAX: i64 = 100;
/// How recent a failed delivery has to be if updates wait.
const FAILED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// From how many updates on they pile up.
const WAITING_MAX: u64 = 100;

/// What a round does.
#[derive(Debug, Default)]
struct Round {
    telegram: Vec<HealthClaim>,
    models: Vec<HealthClaim>,
    signals: Vec<AssistantId>,
}

/// What a claim is about, read after it was claimed.
struct Target {
    assistant: Assistant,
    secrets: Secrets,
    row: HealthRow,
}

impl Services {
    /// Runs due checks until `stop`.
    pub async fn run_health_checks(&self, stop: CancellationToken) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Checks that are not done are aborted at the end, and run again when their claim expires.
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => {}
            }
            while running.try_join_next().is_some() {}
            if let Err(error) = self.start_round(&mut running).await {
                tracing::error!(error = %ErrorChain(&error), "due health checks could not be claimed");
            }
        }
    }

    /// Runs one round of checks to its end, and returns how many checks and evaluations that were.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn check_health_once(&self) -> Result<usize, Error> {
        let mut running = JoinSet::new();
        let count = self.start_round(&mut running).await?;
        while running.join_next().await.is_some() {}
        Ok(count)
    }

    async fn start_round(&self, running: &mut JoinSet<()>) -> Result<usize, Error> {
        let Round { telegram, models, signals } = self.claim_round().await?;
        let count = telegram.len() + models.len() + signals.len();
        for claim in telegram {
            let this = self.clone();
            running.spawn(async move { log_failure(claim.assistant_id, this.check_telegram(claim).await) });
        }
        for claim in models {
            let this = self.clone();
            running.spawn(async move { log_failure(claim.assistant_id, this.check_model(claim).await) });
        }
        let this = self.clone();
        running.spawn(async move {
            for id in signals {
                log_failure(id, this.evaluate_health(id, None, Seen::default()).await);
            }
        });
        Ok(count)
    }

    /// Claims what is due, within the calls that a round may make.
    async fn claim_round(&self) -> Result<Round, Error> {
        let now = self.now();
        // Nothing is due most of the time, which a read finds out without a lock.
        if !self.store().read().await?.has_due_health(now).await? {
            return Ok(Round::default());
        }
        let until = now.plus(CLAIM);
        let mut round = Round::default();
        let mut tx = self.store().begin().await?;
        for provider in Provider::ALL {
            round.models.extend(tx.claim_model_checks(*provider, now, until, 1).await?);
        }
        let left = CALLS_PER_SECOND.saturating_sub(round.models.len() * CALLS_OF_MODEL_CHECK);
        let left = i64::try_from(left).map_err(Error::internal)?;
        round.telegram = tx.claim_telegram_checks(now, until, left).await?;
        round.signals = tx.list_health_signals(SIGNALS_MAX).await?;
        // A lost claim only repeats a check.
        tx.commit_without_sync().await?;
        Ok(round)
    }

    async fn find_target(&self, id: AssistantId) -> Result<Option<Target>, Error> {
        let mut tx = self.store().read().await?;
        let Some(row) = tx.find_health(id).await? else { return Ok(None) };
        let Some(assistant) = tx.find_assistant(id).await? else { return Ok(None) };
        Ok(Some(Target { secrets: tx.get_secrets(id).await?, assistant, row }))
    }

    /// Checks that the worker runs and that Telegram sends it the bot's updates.
    async fn check_telegram(&self, claim: HealthClaim) -> Result<(), Error> {
        let Some(target) = self.find_target(claim.assistant_id).await? else { return Ok(()) };
        let mut seen = Seen { generation: Some(target.row.generation), ..Seen::default() };
        if let State::Active { run, .. } = &target.assistant.state {
            let worker = worker_ref(&target.assistant, run);
            let missing = self.ports().workers.missing(std::slice::from_ref(&worker)).await;
            seen.worker = Some(match missing {
                Ok(missing) if missing.is_empty() => HealthCode::Ok,
                Ok(_) => HealthCode::WorkerMissing,
                Err(_) => HealthCode::WorkerUnreachable,
            });
            if let Some(token) = self.open_bot_token(target.assistant.id, &target.secrets)? {
                let asked = timeout(TIMEOUT, self.ports().telegram.get_webhook(&token)).await;
                let expected = self.ports().workers.webhook_url(&worker);
                (seen.telegram, seen.asked_wait) = match asked {
                    Ok(Ok(webhook)) => (Some(judge(&webhook, expected.as_deref(), self.now())), None),
                    Ok(Err(TelegramError::TokenRejected)) => (Some(HealthCode::TokenRejected), None),
                    Ok(Err(TelegramError::RateLimited { seconds })) => {
                        (Some(HealthCode::TelegramRateLimited), Some(Duration::from_secs(seconds)))
                    }
                    Ok(Err(TelegramError::Conflict | TelegramError::Unavailable(_))) | Err(_) => {
                        (Some(HealthCode::TelegramUnavailable), None)
                    }
                };
            }
        }
        let claimed = Claimed::Telegram { until: claim.claimed_until };
        self.evaluate_health(claim.assistant_id, Some(claimed), seen).await
    }

    /// Checks that the provider accepts the key and offers the model. Nothing is generated.
    async fn check_model(&self, claim: HealthClaim) -> Result<(), Error> {
        let Some(target) = self.find_target(claim.assistant_id).await? else { return Ok(()) };
        let (a, provider) = (&target.assistant, target.row.provider);
        let key = self.open_model_key(a.id, &target.secrets)?;
        let mut seen = Seen { generation: Some(target.row.generation), ..Seen::default() };
        if let (Some(key), Some(model)) = (key, a.config.model_id.as_deref()) {
            let catalog = self.catalog().await?;
            let model = match a.mode {
                ApiMode::Managed => catalog.openrouter_id(model).unwrap_or(model),
                ApiMode::Byok => model,
            };
            let checked = timeout(TIMEOUT, self.ports().models.check(provider, model, &key)).await;
            seen.model = Some(match checked {
                Ok(Ok(())) => HealthCode::Ok,
                Ok(Err(ModelCheckError::KeyRejected)) => HealthCode::KeyRejected,
                Ok(Err(ModelCheckError::ModelUnavailable)) => HealthCode::ModelNotFound,
                Ok(Err(ModelCheckError::Unavailable(_))) | Err(_) => HealthCode::ProviderUnavailable,
            });
        }
        let claimed = Claimed::Model { until: claim.claimed_until };
        self.evaluate_health(claim.assistant_id, Some(claimed), seen).await
    }
}

fn log_failure(id: AssistantId, checked: Result<(), Error>) {
    if let Err(error) = checked {
        tracing::error!(assistant_id = %id, error = %ErrorChain(&error), "health check failed");
    }
}

/// What the state of a bot's webhook means. `expected` is the URL of the assistant, `None` if it fetches its updates.
fn judge(webhook: &WebhookState, expected: Option<&str>, now: Timestamp) -> HealthCode {
    match (webhook.url.as_deref(), expected) {
        (Some(url), Some(expected)) if url == expected => {}
        (Some(_), _) => return HealthCode::OtherWebhook,
        (None, Some(_)) => return HealthCode::WebhookMissing,
        (None, None) => {}
    }
    let has_failed = webhook.failed_at.is_some_and(|at| now.since(at) < FAILED_WITHIN);
    // Telegram keeps the last failure after it has delivered everything.
    if expected.is_some() && has_failed && webhook.waiting > 0 {
        HealthCode::WebhookFailing
    } else if webhook.waiting > WAITING_MAX {
        HealthCode::UpdatesDelayed
    } else {
        HealthCode::Ok
    }
}
