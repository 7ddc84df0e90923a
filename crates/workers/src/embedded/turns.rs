//! Processes the updates of a chat, one turn at a time, under a lease.

use std::pin::pin;
use std::time::Duration;

use reef_assistant::{CreditRenewal, Settings, TurnError, TurnOutcome, run_turn};
use reef_domain::ids::AssistantId;
use reef_domain::wire::{ApiMode, Provider};
use reef_domain::{Assistant, ErrorChain};
use reef_jobs::Backoff;
use reef_protocols::model::ModelError;
use reef_protocols::telegram::{TelegramError, parse_update};
use reef_store::{BotUpdateRow, StoreError, WorkerRow};

use crate::embedded::flood_wait;
use crate::embedded::host::Embedded;
use crate::embedded::part_gate::PartGate;
use crate::embedded::sealed;
use crate::embedded::turn_host::{Finished, Progress, TurnHost};
use crate::embedded::turn_slots::TurnSlot;

/// The lease of an update. If the process dies, the chat waits until it expires.
const LEASE: Duration = Duration::from_secs(30);

/// How often the lease is renewed during a turn.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);

/// The maximum duration of a turn: two minutes for the model, a retry, and sending many parts.
const TURN_MAX: Duration = Duration::from_secs(300);

/// How long a shutdown waits until Telegram confirms a part that is being sent. It is shorter than the wait for
/// canceled turns.
const LAST_PART_TIMEOUT: Duration = Duration::from_secs(3);

/// How many attempts a turn has before its update is given up. With the waits between them, they take about 14 minutes.
const ATTEMPTS_MAX: i64 = 10;

/// The waits before a failed turn is run again.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(300));

/// Updates that have waited longer are not answered. Telegram does not keep updates for longer, either.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How a turn ended.
enum TurnEnd {
    /// The update needs no further processing.
    Done,
    /// As [`TurnEnd::Done`], and this is stored already.
    Finished(Finished),
    /// The worker was removed or replaced, the lease was lost, or the process stops. The turn continues elsewhere.
    Stopped,
    /// The turn failed and may succeed later.
    Failed,
    /// Telegram requested a flood wait for the chat.
    FloodWait {
        /// How long to wait.
        wait: Duration,
    },
    /// The bot may not write to the chat. Other waiting updates of the chat are older than the block and not answered
    /// either.
    Blocked,
    /// Telegram rejects the bot token, so no update of the bot can be answered.
    TokenRejected,
}

/// What a chat may have after one of its updates was processed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remaining {
    /// No update that is due, unless one has arrived since.
    Nothing,
    /// Perhaps another update.
    Unknown,
}

impl Embedded {
    /// Processes the waiting updates of a chat until there are none, other chats need the slot, or the slot is
    /// canceled.
    pub(crate) async fn process_updates(&self, mut slot: TurnSlot) {
        let (assistant, chat) = slot.key;
        loop {
            match self.process_next_update(&slot).await {
                Ok(Remaining::Unknown) if self.must_release(&slot) => break,
                Ok(Remaining::Nothing) if slot.release() => break,
                Ok(_) => {}
                Err(error) => {
                    let error = tracing::field::display(ErrorChain(&error));
                    tracing::error!(assistant_id = %assistant, chat, error, "outcome of a turn could not be stored");
                    // The next turn of the chat waits for the regular sweep, because an immediate one would likely
                    // fail.
                    return;
                }
            }
        }
        let must_release = self.must_release(&slot);
        drop(slot);
        if must_release {
            self.inner.sweep.notify_one();
        }
    }

    /// Whether a slot must be released although there may be more updates.
    fn must_release(&self, slot: &TurnSlot) -> bool {
        slot.cancel.is_cancelled()
            || self.inner.closing.is_cancelled()
            || self.inner.slots.should_yield(slot.key.0)
    }

    /// Runs the turn of the oldest waiting update of a chat, if one is due.
    async fn process_next_update(&self, slot: &TurnSlot) -> Result<Remaining, StoreError> {
        let inner = &self.inner;
        let (assistant, chat) = slot.key;
        let now = inner.clock.now();
        let mut tx = inner.store.begin().await?;
        let Some(worker) = tx.find_worker_by_assistant(assistant).await? else {
            return Ok(Remaining::Nothing);
        };
        let until = now.plus(LEASE);
        let Some(row) = tx.claim_bot_update(assistant, chat, inner.lease_holder, now, until).await? else {
            return Ok(Remaining::Nothing);
        };
        let found = match tx.find_assistant(assistant).await {
            // A failed attempt, so that the update is given up in the end.
            Err(error @ StoreError::Corrupt { .. }) => Err(error),
            found => Ok(found?),
        };
        // Nothing leaves because of the lease alone: the reply is saved, and synced, before it is sent.
        tx.commit_without_sync().await?;
        match self.run_update(&worker, found, &row, slot).await {
            TurnEnd::Finished(Finished { has_more: false }) => Ok(Remaining::Nothing),
            TurnEnd::Finished(Finished { has_more: true }) => Ok(Remaining::Unknown),
            end => {
                self.store_end(&row, end).await?;
                Ok(Remaining::Unknown)
            }
        }
    }

    #[tracing::instrument(name = "turn", skip_all, fields(assistant_id = %row.assistant_id))]
    async fn run_update(
        &self,
        worker: &WorkerRow,
        found: Result<Option<Assistant>, StoreError>,
        row: &BotUpdateRow,
        slot: &TurnSlot,
    ) -> TurnEnd {
        let inner = &self.inner;
        let (assistant, update_id) = (row.assistant_id, row.update_id);
        if inner.clock.now().since(row.received_at) > STALE_AFTER {
            tracing::info!(assistant_id = %assistant, update_id, "stale update skipped");
            return TurnEnd::Done;
        }
        let mut opened = match sealed::open(&inner.vault, &inner.config, worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(assistant_id = %assistant, %error, "worker settings could not be opened");
                return TurnEnd::Failed;
            }
        };
        match found {
            Ok(Some(found)) => refresh_settings(found, &mut opened.settings),
            Ok(None) => {}
            Err(error) => {
                let error = tracing::field::display(ErrorChain(&error));
                tracing::error!(assistant_id = %assistant, error, "assistant could not be read");
                return TurnEnd::Failed;
            }
        }
        // The update may be for a previous bot, if it was received while the assistant was given another one.
        let update = parse_update(row.body.as_bytes()).ok().filter(|_| row.bot_id == opened.bot_id);
        let Some(update) = update else { return TurnEnd::Done };
        let parts = PartGate::default();
        let host = TurnHost { embedded: self, row, parts: &parts, progress: Progress::default() };
        let mut turn = pin!(run_turn(&host, &opened.settings, &update));
        let interrupted = tokio::select! {
            ended = &mut turn => return self.finish_turn(&host, worker, &opened.settings, ended).await,
            () = slot.cancel.cancelled() => TurnEnd::Stopped,
            () = self.renew_lease(row, worker.generation) => TurnEnd::Stopped,
            () = tokio::time::sleep(TURN_MAX) => {
                tracing::warn!(assistant_id = %assistant, update_id, "turn timed out");
                TurnEnd::Failed
            }
        };
        parts.close();
        tokio::select! {
            ended = &mut turn => self.finish_turn(&host, worker, &opened.settings, ended).await,
            () = parts.wait_until_idle() => interrupted,
            () = self.last_part_timeout() => interrupted,
        }
    }

    /// Waits until a few seconds after all turns were canceled, when the process is about to end.
    async fn last_part_timeout(&self) {
        self.inner.halt.cancelled().await;
        tokio::time::sleep(LAST_PART_TIMEOUT).await;
    }

    async fn finish_turn(
        &self,
        host: &TurnHost<'_>,
        worker: &WorkerRow,
        settings: &Settings,
        ended: Result<TurnOutcome, TurnError>,
    ) -> TurnEnd {
        self.record_turn_health(worker, host.progress.model(), &ended).await;
        self.record_exhausted_credit(host.row.assistant_id, settings, &ended).await;
        if let (Some(conversation), Ok(_)) = (host.progress.summary_due(), &ended) {
            self.start_summary(host.row, settings.clone(), conversation);
        }
        let end = turn_end(host.row, ended);
        host.progress.finished().map_or(end, TurnEnd::Finished)
    }

    /// Records that a managed assistant ran out of credit, so that its owner is notified.
    async fn record_exhausted_credit(
        &self,
        assistant: AssistantId,
        settings: &Settings,
        ended: &Result<TurnOutcome, TurnError>,
    ) {
        let refused = TurnOutcome::Answered { model_error: Some(ModelError::OutOfCredit) };
        if settings.credit.is_none() || *ended != Ok(refused) {
            return;
        }
        let recorded = async {
            let mut tx = self.inner.store.begin().await?;
            tx.record_credit_refusal(assistant, self.inner.clock.now()).await?;
            tx.commit().await
        };
        if let Err(error) = recorded.await {
            // The next rejection is recorded, or the usage that is read from the provider shows the same.
            let error = tracing::field::display(ErrorChain(&error));
            tracing::warn!(assistant_id = %assistant, error, "exhausted credit could not be recorded");
        }
    }

    /// Renews the lease of a turn. Returns when the lease is lost, or the worker has another generation.
    async fn renew_lease(&self, row: &BotUpdateRow, generation: i64) {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            let until = self.inner.clock.now().plus(LEASE);
            let renewed = async {
                let mut tx = self.inner.store.begin().await?;
                let is_renewed =
                    tx.renew_bot_update_lease(row.id, self.inner.lease_holder, generation, until).await?;
                tx.commit_without_sync().await?;
                Ok::<_, StoreError>(is_renewed)
            };
            match renewed.await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease may still be held. If it is lost, the turn's own writes fail.
                Err(error) => {
                    let error = tracing::field::display(ErrorChain(&error));
                    tracing::warn!(error, "lease of a turn could not be renewed");
                }
            }
        }
    }

    /// Stores the outcome of a turn.
    async fn store_end(&self, row: &BotUpdateRow, end: TurnEnd) -> Result<(), StoreError> {
        let (now, token) = (self.inner.clock.now(), self.inner.lease_holder);
        let (assistant, update_id, attempts) = (row.assistant_id, row.update_id, row.attempts);
        let is_delayed = matches!(end, TurnEnd::Failed | TurnEnd::FloodWait { .. });
        let mut tx = self.inner.store.begin().await?;
        match end {
            TurnEnd::Finished(_) => return Ok(()),
            TurnEnd::Done => tx.finish_bot_update(row.id, token, now).await?,
            TurnEnd::Stopped => tx.release_bot_update(row.id, token).await?,
            TurnEnd::Failed if attempts >= ATTEMPTS_MAX => {
                tracing::error!(assistant_id = %assistant, update_id, attempts, "update given up");
                tx.finish_bot_update(row.id, token, now).await?;
            }
            TurnEnd::Failed => {
                tx.retry_bot_update(row.id, token, now.plus(BACKOFF.wait_after(attempts))).await?;
            }
            // The wait is stored, so that neither a restart nor another process sends too early.
            TurnEnd::FloodWait { wait } => tx.postpone_bot_update(row.id, token, now.plus(wait)).await?,
            TurnEnd::Blocked => {
                tx.finish_bot_update(row.id, token, now).await?;
                let canceled = tx.cancel_chat_updates(assistant, row.bot_id, row.chat_id, now).await?;
                tracing::info!(assistant_id = %assistant, canceled, "updates of a blocked chat canceled");
            }
            TurnEnd::TokenRejected => {
                let dropped = tx.discard_updates_of_bot(assistant, row.bot_id, now).await?;
                tracing::warn!(
                    assistant_id = %assistant,
                    dropped,
                    "updates dropped because Telegram rejected the bot token"
                );
            }
        }
        tx.commit().await?;
        if is_delayed {
            // The sweep loop has to compute again when the next chat is due.
            self.inner.sweep.notify_one();
        }
        Ok(())
    }
}

/// Updates the settings that can change while a worker runs: the name, and when a managed assistant's credit is renewed.
pub(super) fn refresh_settings(found: Assistant, settings: &mut Settings) {
    if found.mode == ApiMode::Managed {
        let renewal = match (found.payment.canceled_at, found.payment.current_period_end) {
            (Some(_), _) => CreditRenewal::Never,
            (None, Some(end)) => CreditRenewal::At(end.unix_ms()),
            (None, None) => CreditRenewal::Unknown,
        };
        settings.credit = (settings.provider == Provider::Openrouter).then_some(renewal);
    }
    if let Some(name) = found.config.name {
        settings.name = name;
    }
}

fn turn_end(row: &BotUpdateRow, ended: Result<TurnOutcome, TurnError>) -> TurnEnd {
    let (assistant, update) = (row.assistant_id, row.update_id);
    let outcome = match &ended {
        Ok(TurnOutcome::Ignored) => "ignored",
        Ok(TurnOutcome::Answered { model_error: None }) => "answered",
        Ok(TurnOutcome::Answered { model_error: Some(_) }) => "apologized",
        Ok(TurnOutcome::Undeliverable(_)) => "undeliverable",
        Err(error) if error.is_retryable() => "failed",
        Err(_) => "token_rejected",
    };
    metrics::counter!("reef_turns_total", "outcome" => outcome).increment(1);
    match ended {
        Ok(TurnOutcome::Ignored | TurnOutcome::Answered { model_error: None }) => TurnEnd::Done,
        Ok(TurnOutcome::Answered { model_error: Some(error) }) => {
            tracing::warn!(assistant_id = %assistant, update_id = update, %error, "model failed, apology sent");
            TurnEnd::Done
        }
        Ok(TurnOutcome::Undeliverable(reason)) => {
            tracing::info!(assistant_id = %assistant, update_id = update, %reason, "reply could not be delivered");
            if reason == TelegramError::Blocked { TurnEnd::Blocked } else { TurnEnd::Done }
        }
        Err(error) if error.is_retryable() => {
            tracing::warn!(assistant_id = %assistant, update_id = update, %error, attempts = row.attempts, "turn failed");
            match error.retry_after_s() {
                Some(seconds) => TurnEnd::FloodWait { wait: flood_wait::clamp_wait(seconds) },
                None => TurnEnd::Failed,
            }
        }
        Err(_) => TurnEnd::TokenRejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_maximum() {
        let waits = [1, 2, 3, 8, 9, 10, i64::MAX].map(|attempts| BACKOFF.wait_after(attempts).as_secs());
        assert_eq!(waits, [2, 4, 8, 256, 300, 300, 300]);
    }
}
