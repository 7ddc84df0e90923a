//! What an event means for the assistant whose subscription it is about. Nothing here asks or writes.

use reef_domain::assistant::NotNow;
use reef_domain::state;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, Timestamp};

use super::event::Event;
use super::facts::{OrderFacts, Standing, SubscriptionFacts};
use crate::error::Error;

/// What came of an event that was overtaken by a newer one.
pub(super) const LATE: &str = "late";
/// What came of an event that says nothing of how the slot is paid.
pub(super) const NOTHING: &str = "grants nothing";

/// What is known when an event is judged.
pub(super) struct Known {
    /// Polar's time of the newest state that was applied.
    pub as_of: Option<Timestamp>,
    /// Whether an end is final: all money went back, or Reef itself has ended the subscription.
    pub is_final: bool,
    /// When a run that a resumption starts must have ended.
    pub deadline: Timestamp,
}

/// The change an event makes to the assistant whose subscription it is about. One with an older state than the newest
/// that was applied changes nothing, except that money which has come always counts.
pub(super) fn change(a: &mut Assistant, event: &Event, known: &Known) -> Result<&'static str, Error> {
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
    let resumes = status == PaymentStatus::Paused && standing == Standing::Active;
    if is_answer || revives {
        a.payment.canceled_at = s.canceled_at;
    }
    // What starts again starts a period of its own, which may end before the one that was cut off.
    if is_answer || revives || resumes {
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
