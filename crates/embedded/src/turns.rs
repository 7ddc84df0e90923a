//! Works a chat off, one turn at a time, under a lease.

use std::pin::pin;
use std::time::Duration;

use reef_assistant::model::ModelError;
use reef_assistant::telegram::{TelegramError, parse_update};
use reef_assistant::{Provider, Renewal, Settings, TurnError, TurnOutcome, run_turn};
use reef_domain::Chain;
use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_store::{StoreError, UpdateRow, WorkerRow};

use crate::embedded::Embedded;
use crate::flood;
use crate::memory::TurnHost;
use crate::parts::PartGate;
use crate::sealed;
use crate::slots::TurnSlot;

/// For how long a process that is gone holds up a chat.
const LEASE: Duration = Duration::from_secs(30);

/// How often the lease is kept alive while a turn goes on.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long a turn may take: a model's two minutes, tried again, and the sending of many parts.
const TURN_MAX: Duration = Duration::from_secs(300);

/// How long the end of the process waits for Telegram to say that it has a part of an answer: less than the tasks are
/// waited for.
const LAST_PART: Duration = Duration::from_secs(3);

/// How often a turn is begun before its update is given up: with the waits between, over some 14 minutes.
const ATTEMPTS_MAX: i64 = 10;

/// The longest wait before a turn that failed is begun again.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// What has waited longer is not answered. Telegram itself keeps an update no longer than this.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How a turn ended.
enum End {
    /// The update is done with.
    Done,
    /// The worker was removed or replaced, the lease was lost, or the process stops: somebody else goes on.
    Stopped,
    /// It failed, and may succeed later.
    Failed,
    /// Telegram asked to wait before anything else is sent to the chat.
    Postponed {
        /// For how long.
        wait: Duration,
    },
    /// The bot may not write to the chat. What else waits there need not be answered either: it was written before.
    Blocked,
    /// Telegram does not know the bot any more: nothing of it will ever be answered.
    TokenRejected,
}

impl Embedded {
    /// Works off what waits in a chat, until nothing does, others need the slot, or there is an end to it.
    pub(crate) async fn work_off(&self, mut slot: TurnSlot) {
        let (assistant, chat) = slot.key;
        loop {
            match self.work_one_off(&slot).await {
                Ok(true) if self.has_to_go(&slot) => break,
                Ok(true) => {}
                Ok(false) if slot.release() => break,
                Ok(false) => {}
                Err(error) => {
                    let error = tracing::field::display(Chain(&error));
                    tracing::error!(%assistant, chat, error, "how a turn ended cannot be written down");
                    // The chat's next turn is for the next regular look, not at once.
                    return;
                }
            }
        }
        let has_to_go = self.has_to_go(&slot);
        drop(slot);
        if has_to_go {
            self.inner.look.notify_one();
        }
    }

    /// Whether a slot is to be given up although there may be more to do.
    fn has_to_go(&self, slot: &TurnSlot) -> bool {
        slot.cancel.is_cancelled()
            || self.inner.closing.is_cancelled()
            || self.inner.slots.should_yield(slot.key.0)
    }

    /// Runs the turn of the oldest waiting update of a chat; `false` when there is none to run now.
    async fn work_one_off(&self, slot: &TurnSlot) -> Result<bool, StoreError> {
        let inner = &self.inner;
        let (assistant, chat) = slot.key;
        let now = inner.clock.now();
        let mut tx = inner.store.begin().await?;
        let Some(worker) = tx.worker_of(assistant).await? else { return Ok(false) };
        let until = now.plus(LEASE);
        let Some(row) = tx.claim_update(assistant, chat, inner.token, now, until).await? else {
            return Ok(false);
        };
        tx.commit().await?;
        let end = self.turn(&worker, &row, slot).await;
        self.settle(&row, end).await?;
        Ok(true)
    }

    #[tracing::instrument(name = "turn", skip_all, fields(assistant_id = %row.assistant_id))]
    async fn turn(&self, worker: &WorkerRow, row: &UpdateRow, slot: &TurnSlot) -> End {
        let inner = &self.inner;
        let (assistant, update_id) = (row.assistant_id, row.update_id);
        if inner.clock.now().since(row.received_at) > STALE_AFTER {
            tracing::info!(%assistant, update_id, "an update has waited too long and is not answered");
            return End::Done;
        }
        let mut opened = match sealed::open(&inner.vault, &inner.config, worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(%assistant, %error, "a worker's settings cannot be opened");
                return End::Failed;
            }
        };
        if let Err(error) = self.refresh(assistant, &mut opened.settings).await {
            let error = tracing::field::display(Chain(&error));
            tracing::error!(%assistant, error, "an assistant cannot be read");
            return End::Failed;
        }
        // An update of another bot was taken in while the assistant was given this one.
        let update = parse_update(row.body.as_bytes()).ok().filter(|_| row.bot_id == opened.bot_id);
        let Some(update) = update else { return End::Done };
        let parts = PartGate::default();
        let host = TurnHost { embedded: self, row, parts: &parts };
        let mut turn = pin!(run_turn(&host, &opened.settings, &update));
        let cut_off = tokio::select! {
            ended = &mut turn => return self.ended(row, &opened.settings, ended).await,
            () = slot.cancel.cancelled() => End::Stopped,
            () = self.hold(row, worker.generation) => End::Stopped,
            () = tokio::time::sleep(TURN_MAX) => {
                tracing::warn!(%assistant, update_id, "a turn took too long");
                End::Failed
            }
        };
        parts.close();
        tokio::select! {
            ended = &mut turn => self.ended(row, &opened.settings, ended).await,
            () = parts.wait_until_idle() => cut_off,
            () = self.no_time_left() => cut_off,
        }
    }

    /// Returns a few seconds after all turns were stopped, because the process is about to end.
    async fn no_time_left(&self) {
        self.inner.halt.cancelled().await;
        tokio::time::sleep(LAST_PART).await;
    }

    async fn ended(
        &self,
        row: &UpdateRow,
        settings: &Settings,
        ended: Result<TurnOutcome, TurnError>,
    ) -> End {
        self.note_refusal(row.assistant_id, settings, &ended).await;
        end_of(row, ended)
    }

    /// Brings up to date what may change while a worker runs: the name, and how the credit of a managed assistant is renewed.
    async fn refresh(&self, assistant: AssistantId, settings: &mut Settings) -> Result<(), StoreError> {
        let Some(found) = self.inner.store.read().await?.assistant(assistant).await? else { return Ok(()) };
        if found.mode == ApiMode::Managed {
            let renewal = match (found.payment.canceled_at, found.payment.current_period_end) {
                (Some(_), _) => Renewal::Never,
                (None, Some(end)) => Renewal::At(end.unix_ms()),
                (None, None) => Renewal::Sometime,
            };
            settings.credit = (settings.provider == Provider::OpenRouter).then_some(renewal);
        }
        if let Some(name) = found.config.name {
            settings.name = name;
        }
        Ok(())
    }

    /// Notes that a managed assistant was refused for lack of credit: its owner is told.
    async fn note_refusal(
        &self,
        assistant: AssistantId,
        settings: &Settings,
        ended: &Result<TurnOutcome, TurnError>,
    ) {
        let refused = TurnOutcome::Answered { model_error: Some(ModelError::OutOfCredit) };
        if settings.credit.is_none() || *ended != Ok(refused) {
            return;
        }
        let noted = async {
            let mut tx = self.inner.store.begin().await?;
            tx.note_credit_refused(assistant, self.inner.clock.now()).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            // The next refusal is noted, or the usage that is read back says the same.
            let error = tracing::field::display(Chain(&error));
            tracing::warn!(%assistant, error, "a refusal for lack of credit cannot be noted");
        }
    }

    /// Keeps the lease of a turn alive; returns when it is lost, or the worker is of another run.
    async fn hold(&self, row: &UpdateRow, generation: i64) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let until = self.inner.clock.now().plus(LEASE);
            let renewed = async {
                let mut tx = self.inner.store.begin().await?;
                let is_ours = tx.renew_update(row.id, self.inner.token, generation, until).await?;
                tx.commit().await?;
                Ok::<_, StoreError>(is_ours)
            };
            match renewed.await {
                Ok(true) => {}
                Ok(false) => return,
                // The turn's own writes say the same, and are refused if somebody else has it meanwhile.
                Err(error) => {
                    let error = tracing::field::display(Chain(&error));
                    tracing::warn!(error, "a turn's lease cannot be renewed");
                }
            }
        }
    }

    /// Writes down how a turn ended.
    async fn settle(&self, row: &UpdateRow, end: End) -> Result<(), StoreError> {
        let (now, token) = (self.inner.clock.now(), self.inner.token);
        let (assistant, update_id, attempts) = (row.assistant_id, row.update_id, row.attempts);
        let is_resting = matches!(end, End::Failed | End::Postponed { .. });
        let mut tx = self.inner.store.begin().await?;
        match end {
            End::Done => tx.finish_update(row.id, token, now).await?,
            End::Stopped => tx.hand_back_update(row.id, token).await?,
            End::Failed if attempts >= ATTEMPTS_MAX => {
                tracing::error!(%assistant, update_id, attempts, "an update is given up");
                tx.finish_update(row.id, token, now).await?;
            }
            End::Failed => tx.rest_update(row.id, token, now.plus(wait_after(attempts))).await?,
            // Kept in the database, so that neither a restart nor another replica writes too early.
            End::Postponed { wait } => tx.postpone_update(row.id, token, now.plus(wait)).await?,
            End::Blocked => {
                tx.finish_update(row.id, token, now).await?;
                let canceled = tx.cancel_chat_updates(assistant, row.bot_id, row.chat_id, now).await?;
                tracing::info!(%assistant, canceled, "what else waits in a chat that blocked the bot is not answered");
            }
            End::TokenRejected => {
                let dropped = tx.drop_updates_of_bot(assistant, row.bot_id, now).await?;
                tracing::warn!(%assistant, dropped, "Telegram refuses the bot token; what waits is not answered");
            }
        }
        tx.commit().await?;
        if is_resting {
            // It has to be back in time.
            self.inner.look.notify_one();
        }
        Ok(())
    }
}

/// 2 s, 4 s, 8 s … after the first, second, third attempt.
fn wait_after(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16)).unwrap_or(16);
    Duration::from_secs(1 << doublings).min(WAIT_MAX)
}

fn end_of(row: &UpdateRow, ended: Result<TurnOutcome, TurnError>) -> End {
    let (assistant, update) = (row.assistant_id, row.update_id);
    let outcome = match &ended {
        Ok(TurnOutcome::Ignored) => "ignored",
        Ok(TurnOutcome::Answered { model_error: None }) => "answered",
        Ok(TurnOutcome::Answered { model_error: Some(_) }) => "apologised",
        Ok(TurnOutcome::Undeliverable(_)) => "undeliverable",
        Err(error) if error.is_retryable() => "failed",
        Err(_) => "token_rejected",
    };
    metrics::counter!("reef_turns_total", "outcome" => outcome).increment(1);
    match ended {
        Ok(TurnOutcome::Ignored | TurnOutcome::Answered { model_error: None }) => End::Done,
        Ok(TurnOutcome::Answered { model_error: Some(error) }) => {
            tracing::warn!(%assistant, update, %error, "an answer was an apology");
            End::Done
        }
        Ok(TurnOutcome::Undeliverable(reason)) => {
            tracing::info!(%assistant, update, %reason, "an answer cannot be delivered");
            if reason == TelegramError::Blocked { End::Blocked } else { End::Done }
        }
        Err(error) if error.is_retryable() => {
            tracing::warn!(%assistant, update, %error, attempts = row.attempts, "a turn failed");
            match error.retry_after_s() {
                Some(seconds) => End::Postponed { wait: flood::wait(seconds) },
                None => End::Failed,
            }
        }
        Err(_) => End::TokenRejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_ceiling() {
        let waits: Vec<_> =
            [1, 2, 3, 8, 9, 10, i64::MAX].map(|attempts| wait_after(attempts).as_secs()).into();
        assert_eq!(waits, [2, 4, 8, 256, 300, 300, 300]);
    }
}
