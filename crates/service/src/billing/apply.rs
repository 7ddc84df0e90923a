//! Applying Polar's events to assistants, from webhooks and from payment checks alike.

use reef_domain::Assistant;
use reef_domain::assistant::Payment;
use reef_domain::state;
use reef_domain::wire::PaymentStatus;
use reef_ports::PaymentEvent;

use crate::assistants::{UNPAID_LISTED_FOR, is_paused};
use crate::billing::event::{grants, paid_period};
use crate::billing::outcome::EventOutcome;
use crate::billing::schedule::VERIFY_AFTER;
use crate::billing::transition::{Known, apply_event};
use crate::deployments::RemoveWorker;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// The timeline's entry about a second subscription for the same assistant.
const PAID_TWICE: &str = "This assistant was paid for twice. We are ending the duplicate subscription; its payment isn't refunded automatically, so \
     contact support.";

/// The timeline's entry about a refund that does not change the status.
const REFUNDED: &str = "Your payment was refunded and your subscription has ended.";

/// The origin of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Webhook,
    /// The answer to a payment check.
    Check,
}

impl Services {
    /// Applies one event and returns its outcome for the inbox and the log.
    ///
    /// A webhook also schedules a payment check, because a newer one may have arrived before it, or one that belongs to it may
    /// be missing.
    pub(super) async fn apply_payment(
        &self,
        work: &mut UnitOfWork<'_>,
        event: &PaymentEvent,
        source: Source,
    ) -> Result<EventOutcome, Error> {
        if matches!(event, PaymentEvent::Ignored) {
            return Ok(EventOutcome::Ignored);
        }
        let (assistant_id, subscription) = event.subject();
        let Some(before) = lock_assistant_of(work, event).await? else {
            return match (assistant_id, subscription) {
                // The assistant was deleted before the payment, so the subscription must not renew.
                (Some(assistant_id), Some(subscription))
                    if grants(event) && work.tx.is_assistant_deleted(assistant_id).await? =>
                {
                    tracing::warn!(%assistant_id, subscription_id = subscription, "payment for a deleted assistant, revoking");
                    work.enqueue_revocation(assistant_id, subscription, "late").await?;
                    Ok(EventOutcome::Revoking)
                }
                _ => Ok(EventOutcome::UnknownAssistant),
            };
        };
        let current = before.payment.subscription_id.as_deref();
        let is_other = matches!((current, subscription), (Some(mine), Some(other)) if mine != other);
        // A subscription that ended before it was paid leaves the assistant free for another one.
        let replaces = is_other && grants(event) && before.state == state::State::PendingPayment;
        if let (true, false, Some(duplicate)) = (is_other, replaces, subscription) {
            if !grants(event) {
                return Ok(EventOutcome::OtherSubscription);
            }
            tracing::warn!(assistant_id = %before.id, subscription_id = duplicate, "duplicate subscription, revoking");
            if work.enqueue_revocation(before.id, duplicate, "duplicate").await? {
                work.record_payment_flag(before, PAID_TWICE).await?;
            }
            return Ok(EventOutcome::Revoking);
        }
        if source == Source::Webhook {
            work.tx.schedule_payment_check(before.id, work.now.plus(VERIFY_AFTER), work.now).await?;
        }
        let mut after = before.clone();
        if replaces {
            after.payment = Payment::pending();
        }
        let known = self.find_known(work, &before, subscription, replaces).await?;
        let outcome = apply_event(&mut after, event, &known)?;
        if outcome.is_applied() && event.as_of() > known.as_of {
            work.tx.update_payment_as_of(before.id, event.as_of()).await?;
        }
        // A payment check adds credit by the orders that Polar lists.
        if let (true, Source::Webhook, Some((order, period_end))) =
            (grants(event), source, paid_period(event))
        {
            self.add_period_credit(work, &after, order, period_end).await?;
        }
        self.save_payment(work, &before, after, subscription).await?;
        Ok(outcome)
    }

    async fn find_known(
        &self,
        work: &mut UnitOfWork<'_>,
        before: &Assistant,
        subscription: Option<&str>,
        is_new: bool,
    ) -> Result<Known, Error> {
        let as_of = if is_new { None } else { work.tx.find_payment_as_of(before.id).await? };
        let is_ended_by_reef = match subscription {
            Some(id) if before.payment.status.has_ended() => work.tx.find_revocation(id).await?.is_some(),
            _ => false,
        };
        let is_final = before.payment.status == PaymentStatus::Refunded || is_ended_by_reef;
        let deadline = work.now.plus(self.config().deploy_timeout);
        Ok(Known { as_of, is_final, deadline })
    }

    /// Saves what an event has changed, if anything, and enqueues what follows from it.
    async fn save_payment(
        &self,
        work: &mut UnitOfWork<'_>,
        before: &Assistant,
        after: Assistant,
        subscription: Option<&str>,
    ) -> Result<(), Error> {
        if after == *before {
            return Ok(());
        }
        let ended = before.payment.can_run() && !after.payment.can_run();
        let is_refund = after.payment.status == PaymentStatus::Refunded
            && before.payment.status != PaymentStatus::Refunded
            && after.state != state::State::PendingPayment;
        let late = before.state != after.state && work.now.since(before.created_at) > UNPAID_LISTED_FOR;
        if late && after.payment.status == PaymentStatus::Paid {
            tracing::info!(assistant_id = %before.id, "late payment");
        }
        let worker = before.state.run().map(|run| crate::deployments::worker::worker_ref(before, run));
        let after = work.save(before, after).await?;
        if after.state.is_running() && !before.state.is_running() {
            tracing::info!(assistant_id = %after.id, "redeploying after a paused subscription was resumed");
            self.enqueue_run(work, &after).await?;
        }
        // An assistant that its subscription has stopped no longer undoes a change, unless the subscription is only
        // paused.
        if before.state.run().is_some() && !after.state.is_running() && !is_paused(&after) {
            work.discard_fallback(&after).await?;
        }
        if let (true, Some(worker)) = (ended, worker) {
            work.enqueue(RemoveWorker(worker)).await?;
        }
        // Polar does not end a subscription when its order is refunded, so it would renew next month.
        if let (PaymentStatus::Refunded, Some(id)) = (after.payment.status, subscription) {
            work.enqueue_revocation(after.id, id, "refunded").await?;
        }
        // An event about a changed status has the refund in its message.
        if is_refund && before.state.status() == after.state.status() {
            work.record_payment_flag(after, REFUNDED).await?;
        }
        Ok(())
    }
}

/// Locks the assistant that an event names in its metadata, or else the one with its subscription.
async fn lock_assistant_of(
    work: &mut UnitOfWork<'_>,
    event: &PaymentEvent,
) -> Result<Option<Assistant>, Error> {
    let (assistant_id, subscription) = event.subject();
    if let Some(assistant_id) = assistant_id {
        return Ok(work.tx.lock_assistant(assistant_id).await?);
    }
    let Some(subscription) = subscription else { return Ok(None) };
    match work.tx.find_assistant_by_subscription(subscription).await? {
        Some(found) => Ok(work.tx.lock_assistant(found.id).await?),
        None => Ok(None),
    }
}
