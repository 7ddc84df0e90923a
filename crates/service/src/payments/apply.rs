//! What Polar says becomes what is: the contract's table of payments.

use reef_domain::assistant::{NotNow, Payment};
use reef_domain::state;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, Timestamp};

use super::event::Event;
use crate::assistants::UNPAID_SHOWN_FOR;
use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;
use crate::work::Work;

impl Services {
    /// Carries one event out, and says in a word what came of it.
    pub(super) async fn apply_payment(
        &self,
        work: &mut Work<'_>,
        event: &Event,
    ) -> Result<&'static str, Error> {
        if matches!(event, Event::Other) {
            return Ok("ignored");
        }
        let (slot, subscription) = event.about();
        let Some(before) = find(work, event).await? else {
            return match (slot, subscription) {
                // Paid for what was deleted meanwhile: the money must not go on.
                (Some(slot), Some(subscription)) if grants(event) && work.tx.is_tombstone(slot).await? => {
                    self.give_back(work, subscription, "the slot was deleted").await
                }
                _ => Ok("unknown slot"),
            };
        };
        let mine = before.payment.subscription_id.as_deref();
        let is_other = matches!((mine, subscription), (Some(mine), Some(theirs)) if mine != theirs);
        // A slot whose only subscription ended before it ever paid is still to be had.
        let replaces = is_other && grants(event) && before.state == state::State::PendingPayment;
        if let (true, false, Some(theirs)) = (is_other, replaces, subscription) {
            return if grants(event) {
                self.give_back(work, theirs, "the slot has a subscription already").await
            } else {
                Ok("other subscription")
            };
        }
        let mut after = before.clone();
        if replaces {
            after.payment = Payment::pending();
        }
        let outcome = change(&mut after, event)?;
        if grants(event) {
            let (order, period_end) = event.period();
            self.credit_period(work, &after, order, period_end).await?;
        }
        if after == before {
            return Ok(outcome);
        }
        let ended = before.payment.entitles() && !after.payment.entitles();
        let late = before.state != after.state && work.now.since(before.created_at) > UNPAID_SHOWN_FOR;
        if late && after.payment.status == PaymentStatus::Paid {
            tracing::info!(assistant_id = %before.id, "a payment arrived late");
        }
        let worker = before.state.run().map(|run| crate::assistants::worker_ref(&before, run));
        let after = work.save(&before, after).await?;
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
            work.enqueue(Job::RevokeSubscription { subscription_id: id.to_owned() }).await?;
        }
        Ok(outcome)
    }

    async fn give_back(
        &self,
        work: &mut Work<'_>,
        subscription: &str,
        why: &str,
    ) -> Result<&'static str, Error> {
        tracing::warn!(subscription_id = subscription, why, "a subscription pays for nothing and is revoked");
        work.enqueue(Job::RevokeSubscription { subscription_id: subscription.to_owned() }).await?;
        Ok("revoking")
    }
}

/// Whether the event, by itself, entitles.
fn grants(event: &Event) -> bool {
    match event {
        Event::OrderPaid(order) => order.is_paid,
        Event::Active(subscription) => subscription.is_active,
        _ => false,
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

/// The change an event makes to the assistant whose subscription it is about.
fn change(a: &mut Assistant, event: &Event) -> Result<&'static str, Error> {
    // What is over stays over: a subscription that was revoked or refunded never comes back, so an
    // older event that arrives late must not bring it back either.
    let is_over = matches!(a.payment.status, PaymentStatus::Canceled | PaymentStatus::Refunded);
    match event {
        Event::OrderPaid(_) | Event::Active(_) if is_over => Ok("late"),
        Event::OrderPaid(order) if order.is_paid => {
            paid(a, order.subscription_id.as_ref(), order.current_period_end)
        }
        Event::Active(s) if s.is_active => paid(a, Some(&s.id), s.current_period_end),
        Event::OrderPaid(_) | Event::Active(_) | Event::Other => Ok("grants nothing"),
        Event::Canceled(s) => {
            a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
            Ok("canceled")
        }
        Event::Uncanceled(_) if is_over => Ok("late"),
        Event::Uncanceled(_) => {
            a.payment.canceled_at = None;
            Ok("uncanceled")
        }
        Event::PastDue(_) if a.payment.status == PaymentStatus::Paid => {
            a.payment.status = PaymentStatus::PastDue;
            Ok("past due")
        }
        Event::PastDue(_) => Ok("late"),
        Event::Revoked(s) => {
            a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
            end(a, Some(&s.id), PaymentStatus::Canceled)
        }
        Event::OrderRefunded(order) if order.is_refunded_in_full => {
            end(a, order.subscription_id.as_ref(), PaymentStatus::Refunded)
        }
        Event::OrderRefunded(_) => Ok("refunded in part"),
    }
}

fn paid(
    a: &mut Assistant,
    subscription: Option<&String>,
    period_end: Option<Timestamp>,
) -> Result<&'static str, Error> {
    if let Some(id) = subscription {
        a.payment.subscription_id = Some(id.clone());
    }
    a.payment.status = PaymentStatus::Paid;
    // Events of one payment come in any order; a period only ever ends later.
    a.payment.current_period_end = a.payment.current_period_end.max(period_end);
    if a.state == state::State::PendingPayment {
        a.apply(state::Event::PaymentConfirmed).map_err(impossible)?;
        return Ok("purchased");
    }
    Ok("paid")
}

fn end(
    a: &mut Assistant,
    subscription: Option<&String>,
    status: PaymentStatus,
) -> Result<&'static str, Error> {
    // A refund says more than the revocation that follows it.
    if a.payment.status != PaymentStatus::Refunded {
        a.payment.status = status;
    }
    if a.state == state::State::PendingPayment {
        // The end has overtaken the beginning: kept, so that the beginning is known as late when it comes.
        a.payment.subscription_id = a.payment.subscription_id.take().or_else(|| subscription.cloned());
        return Ok("ended before it was paid");
    }
    a.apply(state::Event::SubscriptionRevoked).map_err(impossible)?;
    Ok("ended")
}

/// The table has these cells.
fn impossible(refusal: NotNow) -> Error {
    Error::internal(refusal)
}
