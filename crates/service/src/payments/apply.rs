//! What Polar says becomes what is: the contract's table of payments.

use reef_domain::assistant::{NotNow, Payment};
use reef_domain::state;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, Timestamp};

use super::event::Event;
use super::facts::{OrderFacts, Standing, SubscriptionFacts};
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
/// What came of an event that says nothing of how the slot is paid.
const NOTHING: &str = "grants nothing";

/// What is known when an event is judged.
struct Known {
    /// Polar's time of the newest state that was applied.
    as_of: Option<Timestamp>,
    /// Whether an end is final: all money went back, or Reef itself has ended the subscription.
    is_final: bool,
    /// When a run that a resumption starts must have ended.
    deadline: Timestamp,
}

/// The change an event makes to the assistant whose subscription it is about. One with an older state than the newest
/// that was applied changes nothing, except that money which has come always counts.
fn change(a: &mut Assistant, event: &Event, known: &Known) -> Result<&'static str, Error> {
    let is_old =
        |as_of: Option<Timestamp>| as_of.is_some_and(|as_of| known.as_of.is_some_and(|known| as_of < known));
    let is_unpaid = a.state == state::State::PendingPayment;
    if is_old(event.as_of()) && !(event.grants() && is_unpaid) {
        return Ok(LATE);
    }
    let outcome = match event {
        Event::OrderRefunded(order) if order.is_refunded_in_full => {
            end(a, order.subscription_id.as_ref(), PaymentStatus::Refunded)
        }
        Event::OrderRefunded(_) => "refunded in part",
        Event::OrderPaid(order) if order.is_paid => order_paid(a, order, is_old(order.as_of))?,
        Event::Canceled(s) => {
            a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
            "canceled"
        }
        Event::Uncanceled(_) if !a.payment.status.has_ended() => {
            a.payment.canceled_at = None;
            "uncanceled"
        }
        _ => match event.subscription() {
            Some(s) => stand(a, event, s, known)?,
            None => NOTHING,
        },
    };
    if !matches!(outcome, LATE | NOTHING) {
        follow(a, known.deadline)?;
    }
    Ok(outcome)
}

/// An order was paid. Whether its subscription is active again after a pause or an end is not for an order to say: the
/// last one may be paid long after.
fn order_paid(a: &mut Assistant, order: &OrderFacts, is_old: bool) -> Result<&'static str, Error> {
    let before = a.payment.status;
    if before.has_ended() {
        return Ok(LATE);
    }
    let outcome = paid(a, order.subscription_id.as_ref(), order.current_period_end)?;
    // Paid before the newest state was: that state knows of it.
    if before == PaymentStatus::Paused || before == PaymentStatus::PastDue && is_old {
        a.payment.status = before;
    }
    Ok(outcome)
}

/// Makes the payment stand as the event says.
fn stand(
    a: &mut Assistant,
    event: &Event,
    s: &SubscriptionFacts,
    known: &Known,
) -> Result<&'static str, Error> {
    let standing = event.standing();
    let status = a.payment.status;
    let is_answer = matches!(event, Event::State(_));
    match (event, standing) {
        (_, Standing::Other) => return Ok(NOTHING),
        // It is sent with every other event, which says more.
        (Event::Updated(_), Standing::Active) if status != PaymentStatus::Paused => return Ok(NOTHING),
        (Event::Updated(_), Standing::Paused) if !status.entitles() => return Ok(NOTHING),
        _ => {}
    }
    let revives = status.has_ended() && standing != Standing::Ended;
    if standing == Standing::Ended && !is_answer {
        a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
        return Ok(end(a, Some(&s.id), PaymentStatus::Canceled));
    }
    if revives && !may_revive(s, is_answer, known) {
        return Ok(LATE);
    }
    if a.state == state::State::PendingPayment && standing != Standing::Ended && !event.grants() {
        // Whether it was paid is for others to say; Polar is asked soon.
        return Ok(NOTHING);
    }
    let outcome = match standing {
        Standing::Ended => end(a, Some(&s.id), PaymentStatus::Canceled),
        _ => paid(a, Some(&s.id), s.current_period_end)?,
    };
    if is_answer || revives {
        a.payment.canceled_at = s.canceled_at;
        a.payment.current_period_end = s.current_period_end.or(a.payment.current_period_end);
    }
    Ok(match standing {
        Standing::PastDue => {
            a.payment.status = PaymentStatus::PastDue;
            "past due"
        }
        Standing::Paused => {
            a.payment.status = PaymentStatus::Paused;
            "paused"
        }
        _ => outcome,
    })
}

/// Whether what has ended goes on: Polar reinstates subscriptions. A webhook has to be strictly newer than the end, for
/// those from before it may arrive late; an answer is how things stand now.
fn may_revive(s: &SubscriptionFacts, is_answer: bool, known: &Known) -> bool {
    let is_newer = matches!((s.as_of, known.as_of), (Some(as_of), Some(known)) if as_of > known);
    !known.is_final && (is_answer || is_newer)
}

/// The state follows the payment: what is not paid does not run, and what a pause has stopped goes on after it.
fn follow(a: &mut Assistant, deadline: Timestamp) -> Result<(), Error> {
    if a.state == state::State::PendingPayment {
        return Ok(());
    }
    let event = match a.payment.status {
        PaymentStatus::Pending => return Ok(()),
        PaymentStatus::Paused => state::Event::SubscriptionPaused,
        PaymentStatus::Canceled | PaymentStatus::Refunded => state::Event::SubscriptionRevoked,
        PaymentStatus::Paid | PaymentStatus::PastDue if a.state.is_running() => return Ok(()),
        PaymentStatus::Paid | PaymentStatus::PastDue => state::Event::SubscriptionResumed { deadline },
    };
    a.apply(event).map_err(impossible)
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

fn end(a: &mut Assistant, subscription: Option<&String>, status: PaymentStatus) -> &'static str {
    // A refund says more than the revocation that follows it.
    if a.payment.status != PaymentStatus::Refunded {
        a.payment.status = status;
    }
    if a.state == state::State::PendingPayment {
        // The end has overtaken the beginning: kept, so that the beginning is known as late when it comes.
        a.payment.subscription_id = a.payment.subscription_id.take().or_else(|| subscription.cloned());
        return "ended before it was paid";
    }
    "ended"
}

/// The table has these cells.
fn impossible(refusal: NotNow) -> Error {
    Error::internal(refusal)
}
