//! What Polar says becomes what is: the contract's table of payments.

use reef_domain::assistant::{NotNow, Payment};
use reef_domain::state;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, Timestamp};

use super::event::Event;
use super::facts::{Standing, SubscriptionFacts};
use super::schedule::VERIFY_AFTER;
use crate::assistants::UNPAID_SHOWN_FOR;
use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;
use crate::work::Work;

/// Said in the timeline when a slot is paid for a second time.
const PAID_TWICE: &str = "A second subscription was paid for this slot. It pays for nothing and is being ended; the money does not go back by \
     itself.";

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
        let known = if replaces { None } else { work.tx.payment_as_of(before.id).await? };
        let outcome = change(&mut after, event, known)?;
        if outcome != LATE && event.as_of() > known {
            work.tx.set_payment_as_of(before.id, event.as_of()).await?;
        }
        // What Polar says when asked brings its credit by the orders it lists.
        if let (true, Source::Webhook, Some((order, period_end))) = (event.grants(), source, event.period()) {
            self.credit_period(work, &after, order, period_end).await?;
        }
        self.save_payment(work, &before, after, subscription).await?;
        Ok(outcome)
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
        let late = before.state != after.state && work.now.since(before.created_at) > UNPAID_SHOWN_FOR;
        if late && after.payment.status == PaymentStatus::Paid {
            tracing::info!(assistant_id = %before.id, "a payment arrived late");
        }
        let worker = before.state.run().map(|run| crate::assistants::worker_ref(before, run));
        let after = work.save(before, after).await?;
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

/// What came of an event that was overtaken by a newer one.
const LATE: &str = "late";

/// The change an event makes to the assistant whose subscription it is about. `known` is Polar's time of the newest
/// state that was applied: an older one changes nothing, except that money which has come always counts, and that an
/// end is for good, whenever it is heard of.
fn change(a: &mut Assistant, event: &Event, known: Option<Timestamp>) -> Result<&'static str, Error> {
    // What is over stays over: a subscription that was revoked or refunded never comes back, so an
    // older event that arrives late must not bring it back either.
    let is_over = a.payment.status.has_ended();
    let is_old =
        |as_of: Option<Timestamp>| as_of.is_some_and(|as_of| known.is_some_and(|known| as_of < known));
    let is_unpaid = a.state == state::State::PendingPayment;
    let overtaken = is_old(event.as_of()) && !(event.grants() && is_unpaid);
    match event {
        Event::Revoked(s) => {
            a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
            end(a, Some(&s.id), PaymentStatus::Canceled)
        }
        Event::OrderRefunded(order) if order.is_refunded_in_full => {
            end(a, order.subscription_id.as_ref(), PaymentStatus::Refunded)
        }
        Event::OrderRefunded(_) => Ok("refunded in part"),
        Event::State(s) if !overtaken => be_as(a, s, is_over),
        Event::Hint(_) | Event::Other => Ok("grants nothing"),
        _ if overtaken || is_over && !matches!(event, Event::Canceled(_)) => Ok(LATE),
        Event::OrderPaid(order) if order.is_paid => {
            // Paid before the newest state was: that state knows of it.
            let fails_since = a.payment.status == PaymentStatus::PastDue && is_old(order.as_of);
            let outcome = paid(a, order.subscription_id.as_ref(), order.current_period_end)?;
            if fails_since {
                a.payment.status = PaymentStatus::PastDue;
            }
            Ok(outcome)
        }
        Event::Active(s) if s.standing == Standing::Active => paid(a, Some(&s.id), s.current_period_end),
        Event::OrderPaid(_) | Event::Active(_) => Ok("grants nothing"),
        Event::Canceled(s) => {
            a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
            Ok("canceled")
        }
        Event::Uncanceled(_) => {
            a.payment.canceled_at = None;
            Ok("uncanceled")
        }
        Event::PastDue(_) if a.payment.status == PaymentStatus::Paid => {
            a.payment.status = PaymentStatus::PastDue;
            Ok("past due")
        }
        Event::PastDue(_) | Event::State(_) => Ok(LATE),
    }
}

/// Takes over all that Polar says of a subscription when it is asked.
fn be_as(a: &mut Assistant, s: &SubscriptionFacts, is_over: bool) -> Result<&'static str, Error> {
    let outcome = match s.standing {
        Standing::Ended => end(a, Some(&s.id), PaymentStatus::Canceled)?,
        _ if is_over => return Ok(LATE),
        Standing::Active => paid(a, Some(&s.id), s.current_period_end)?,
        Standing::PastDue => {
            paid(a, Some(&s.id), s.current_period_end)?;
            a.payment.status = PaymentStatus::PastDue;
            "past due"
        }
        Standing::Other => return Ok("grants nothing"),
    };
    a.payment.canceled_at = s.canceled_at;
    a.payment.current_period_end = s.current_period_end.or(a.payment.current_period_end);
    Ok(outcome)
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
