//! Periodic maintenance. Each task is idempotent and works from the stored state, so it does not matter which process runs it.

mod figures;
mod reseal;
mod timers;

use std::time::Duration;

use reef_domain::ErrorChain;
use reef_jobs::Job as _;
use reef_store::MAIL_LIMIT_PERIOD_MAX;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::accounts::CONFIRM_TIMEOUT;
use crate::assistants::RECEIPT_KEPT_FOR;
use crate::error::Error;
use crate::idempotency::RETENTION;
use crate::mail::{LINK_LIFETIME, SendMail};
use crate::messages::CONVERSATIONS_KEPT_FOR;
use crate::services::Services;
use crate::usage::CALLS_KEPT_FOR;

pub use figures::{ConnectionPool, Figures, JobFigures, Waiting};

const OVERDUE_EVERY: Duration = Duration::from_secs(1);
const MISSING_EVERY: Duration = Duration::from_secs(15);
const PRUNE_EVERY: Duration = Duration::from_secs(600);
const REFUSED_EVERY: Duration = Duration::from_secs(5);
const TIMERS_EVERY: Duration = Duration::from_secs(15);
/// How long finished deliveries, inbound webhooks, emails and the requests of revoked keys are kept.
const LOG_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long the ids of a bot's updates are kept to recognize repeats. Telegram repeats for a day.
const UPDATES_RETENTION: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long a share of an assistant is kept that is not used anymore. It has when its person was last informed that it is used up.
const SHARES_RETENTION: Duration = Duration::from_secs(2 * 24 * 3600);
const TIMELINE_RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

impl Services {
    /// Runs all maintenance tasks until `stop`.
    pub async fn run_maintenance(&self, stop: CancellationToken) {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut overdue, mut missing, mut prune) =
            (every(OVERDUE_EVERY), every(MISSING_EVERY), every(PRUNE_EVERY));
        let (mut refused, mut timers) = (every(REFUSED_EVERY), every(TIMERS_EVERY));
        loop {
            let done = tokio::select! {
                () = stop.cancelled() => return,
                _ = overdue.tick() => self.fail_overdue_deployments().await,
                _ = missing.tick() => self.fail_missing_workers().await,
                _ = prune.tick() => self.prune().await,
                _ = refused.tick() => self.record_credit_refusals().await,
                _ = timers.tick() => self.enqueue_periodic_jobs().await,
            };
            if let Err(error) = done {
                tracing::error!(
                    error = %ErrorChain(&error),
                    "maintenance failed"
                );
            }
        }
    }

    /// Prunes rows that are past their retention.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn prune(&self) -> Result<(), Error> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let sessions = tx.prune_sessions(now).await?;
        let deliveries = tx.prune_deliveries(now.minus(LOG_RETENTION)).await?;
        let webhooks = tx.prune_polar_webhooks(now.minus(LOG_RETENTION)).await?;
        let updates = tx.prune_bot_updates(now.minus(UPDATES_RETENTION)).await?;
        let requests = tx.prune_idempotency_keys(now.minus(RETENTION)).await?;
        let events = tx.prune_events(now.minus(TIMELINE_RETENTION)).await?;
        let limits = tx.prune_limits(now).await?;
        let payment_checks = tx.prune_payment_checks().await?;
        let shares = tx.prune_turn_shares(now.minus(SHARES_RETENTION)).await?;
        let replaced = tx.prune_replaced_configurations().await?;
        let receipts = tx.prune_receipts(now.minus(RECEIPT_KEPT_FOR)).await?;
        let revocations = tx.prune_revocations(now.minus(TIMELINE_RETENTION)).await?;
        let flashes = tx.prune_flashes(now).await?;
        let totp = tx.prune_totp(now.minus(CONFIRM_TIMEOUT)).await?;
        let key_requests = tx.prune_api_key_requests(now.minus(LOG_RETENTION)).await?;
        let mails = tx.prune_mails(now, now.minus(LINK_LIFETIME), now.minus(LOG_RETENTION)).await?;
        let recipient_mails = tx.prune_mail_requests(now.minus(MAIL_LIMIT_PERIOD_MAX)).await?;
        let mail_jobs = tx.prune_dead_jobs(SendMail::KIND, now.minus(LOG_RETENTION)).await?;
        let conversations = tx.prune_api_conversations(now.minus(CONVERSATIONS_KEPT_FOR)).await?;
        let model_calls = tx.prune_model_calls(now.minus(CALLS_KEPT_FOR)).await?;
        tx.commit().await?;
        tracing::debug!(
            sessions,
            deliveries,
            webhooks,
            updates,
            requests,
            events,
            limits,
            payment_checks,
            shares,
            replaced,
            receipts,
            revocations,
            flashes,
            totp,
            key_requests,
            mails,
            recipient_mails,
            mail_jobs,
            conversations,
            model_calls,
            "old rows pruned"
        );
        Ok(())
    }
}
