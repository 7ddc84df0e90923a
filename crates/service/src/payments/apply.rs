//! What Polar says becomes what is: the contract's table of payments.

use reef_domain::Assistant;
use reef_domain::assistant::Payment;
use reef_domain::state;
use reef_domain::wire::PaymentStatus;

use super::event::Event;
use super::judge::{Known, LATE, NOTHING, change};
use super::schedule::VERIFY_AFTER;
use crate::assistants::{UNPAID_SHOWN_FOR, is_paused};
use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;
use crate::work::Work;

/// Said in the timeline when a slot is paid for a second time.
const PAID_TWICE: &str = "A second subscription was paid for this slot. It pays for nothing and is being ended; the money does not go back by \
     itself.";

/// The timeline's entry about a refund that stops nothing, because nothing was running.
const REFUNDED: &str = "Your payment was refunded and your subscription has ended.";

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Polar has told it.
    Webhook,
    /// Polar has said it when it was asked.
    Answer,
}

impl Services {
    /// Carries one event out, and says in a word what came of it.
    ///
    /// A webhook is also a reason to ask Polar soon: it may have been overtaken by a newer one, or come without
    /// those that belong to it.
    pub(super) async fn apply_payment(
        &self,
        work: &mut Work<'_>,
        event: &Event,
        source: Source,
    ) -> Result<&'static str, Error> {
        if matches!(event, Event::Other) {
            return Ok("ignored");
        }
        let (slot, subscription) = event.about();
        let Some(before) = find(work, event).await? else {
            return match (slot, subscription) {
                // Paid for what was deleted meanwhile: the money must not go on.
                (Some(slot), Some(subscription)) if event.grants() && work.tx.is_tombstone(slot).await? => {
                    tracing::warn!(assistant_id = %slot, subscription_id = subscription, "paid after it was deleted");
                    work.revoke(slot, subscription, "late").await?;
                    Ok("revoking")
                }
                _ => Ok("unknown slot"),
            };
        };
        let mine = before.payment.subscription_id.as_deref();
        let is_other = matches!((mine, subscription), (Some(mine), Some(theirs)) if mine != theirs);
        // A slot whose only subscription ended before it ever paid is still to be had.
        let replaces = is_other && event.grants() && before.state == state::State::PendingPayment;
        if let (true, false, Some(theirs)) = (is_other, replaces, subscription) {
            if !event.grants() {
                return Ok("other subscription");
            }
            tracing::warn!(assistant_id = %before.id, subscription_id = theirs, "a slot is paid for twice");
            if work.revoke(before.id, theirs, "duplicate").await? {
                work.flag(before, PAID_TWICE).await?;
            }
            return Ok("revoking");
        }
        if source == Source::Webhook {
            work.tx.ask_soon(before.id, work.now.plus(VERIFY_AFTER), work.now).await?;
        }
        let mut after = before.clone();
        if replaces {
            after.payment = Payment::pending();
        }
        let known = self.known_of(work, &before, subscription, replaces).await?;
        let outcome = change(&mut after, event, &known)?;
        if !matches!(outcome, LATE | NOTHING) && event.as_of() > known.as_of {
            work.tx.set_payment_as_of(before.id, event.as_of()).await?;
        }
        // What Polar says when asked brings its credit by the orders it lists.
        if let (true, Source::Webhook, Some((order, period_end))) = (event.grants(), source, event.period()) {
            self.credit_period(work, &after, order, period_end).await?;
        }
        self.save_payment(work, &before, after, subscription).await?;
        Ok(outcome)
    }

    /// What is known of the payment when an event about it is judged.
    async fn known_of(
        &self,
        work: &mut Work<'_>,
        before: &Assistant,
        subscription: Option<&str>,
        is_new: bool,
    ) -> Result<Known, Error> {
        let as_of = if is_new { None } else { work.tx.payment_as_of(before.id).await? };
        let is_ended_by_reef = match subscription {
            Some(id) if before.payment.status.has_ended() => work.tx.revocation(id).await?.is_some(),
            _ => false,
        };
        let is_final = before.payment.status == PaymentStatus::Refunded || is_ended_by_reef;
        let deadline = work.now.plus(self.config().deploy_timeout);
        Ok(Known { as_of, is_final, deadline })
    }

    /// Writes what an event has changed, if anything, and what follows from it.
    async fn save_payment(
        &self,
        work: &mut Work<'_>,
        before: &Assistant,
        after: Assistant,
        subscription: Option<&str>,
    ) -> Result<(), Error> {
        if after == *before {
            return Ok(());
        }
        let ended = before.payment.entitles() && !after.payment.entitles();
        let is_refund = after.payment.status == PaymentStatus::Refunded
            && before.payment.status != PaymentStatus::Refunded
            && after.state != state::State::PendingPayment;
        let late = before.state != after.state && work.now.since(before.created_at) > UNPAID_SHOWN_FOR;
        if late && after.payment.status == PaymentStatus::Paid {
            tracing::info!(assistant_id = %before.id, "a payment arrived late");
        }
        let worker = before.state.run().map(|run| crate::assistants::worker_ref(before, run));
        let after = work.save(before, after).await?;
        if after.state.is_running() && !before.state.is_running() {
            tracing::info!(assistant_id = %after.id, "what a pause has stopped is deployed again");
            self.start_run(work, &after).await?;
        }
        // What has stopped with its subscription goes back to nothing, unless it is only a pause.
        if before.state.run().is_some() && !after.state.is_running() && !is_paused(&after) {
            work.drop_fallback(&after).await?;
        }
        if let (true, Some(worker)) = (ended, worker) {
            work.enqueue(Job::RemoveWorker {
                assistant_id: worker.assistant_id,
                worker_name: worker.worker_name,
                generation: worker.generation,
            })
            .await?;
        }
        // Money given back by the operator must not be asked for again next month.
        if let (PaymentStatus::Refunded, Some(id)) = (after.payment.status, subscription) {
            work.revoke(after.id, id, "refunded").await?;
        }
        // Where the status changes, its message says so.
        if is_refund && before.state.status() == after.state.status() {
            work.flag(after, REFUNDED).await?;
        }
        Ok(())
    }
}

/// The slot an event is about, locked: by its metadata, or else by the subscription.
async fn find(work: &mut Work<'_>, event: &Event) -> Result<Option<Assistant>, Error> {
    let (slot, subscription) = event.about();
    if let Some(slot) = slot {
        return Ok(work.tx.lock_assistant(slot).await?);
    }
    let Some(subscription) = subscription else { return Ok(None) };
    match work.tx.assistant_by_subscription(subscription).await? {
        Some(found) => Ok(work.tx.lock_assistant(found.id).await?),
        None => Ok(None),
    }
}
