//! The effect of an event on the assistant of its subscription, as pure functions without I/O.

use reef_domain::assistant::ActionRejected;
use reef_domain::state;
use reef_domain::wire::PaymentStatus;
use reef_domain::{Assistant, Timestamp};
use reef_ports::{OrderFacts, PaymentEvent, SubscriptionFacts, SubscriptionStatus};

use crate::billing::event::{grants, subscription_status};
use crate::billing::outcome::EventOutcome;
use crate::error::Error;

/// The stored facts that an event is compared with.
pub(super) struct Known {
    /// Polar's time of the newest applied state.
    pub as_of: Option<Timestamp>,
    /// Whether the end is final, because of a full refund or because Reef has revoked the subscription.
    pub is_final: bool,
    /// The deadline of a run that a resumed subscription starts.
    pub deadline: Timestamp,
}

/// Applies an event to the assistant of its subscription and returns the outcome. An event that is older than the applied
/// state changes nothing, except that a first payment always counts.
pub(super) fn apply_event(
    a: &mut Assistant,
    event: &PaymentEvent,
    known: &Known,
) -> Result<EventOutcome, Error> {
    let is_old =
        |as_of: Option<Timestamp>| as_of.is_some_and(|as_of| known.as_of.is_some_and(|known| as_of < known));
    let is_unpaid = a.state == state::State::PendingPayment;
    if is_old(event.as_of()) && !(grants(event) && is_unpaid) {
        return Ok(EventOutcome::Late);
    }
    let outcome = match event {
        PaymentEvent::OrderRefunded(order) if order.is_refunded_in_full => {
            mark_ended(a, order.subscription_id.as_ref(), PaymentStatus::Refunded)
        }
        PaymentEvent::OrderRefunded(_) => EventOutcome::RefundedInPart,
        PaymentEvent::OrderPaid(order) if order.is_paid => apply_paid_order(a, order, is_old(order.as_of))?,
        PaymentEvent::SubscriptionCanceled(s) => {
            a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
            EventOutcome::Canceled
        }
        PaymentEvent::SubscriptionUncanceled(_) if !a.payment.status.has_ended() => {
            a.payment.canceled_at = None;
            EventOutcome::Uncanceled
        }
        _ => match event.subscription() {
            Some(s) => apply_subscription(a, event, s, known)?,
            None => EventOutcome::NoEffect,
        },
    };
    if outcome.is_applied() {
        // After a first payment `mark_paid` has made it purchased, which no event of `align_state` changes.
        align_state(a, known.deadline)?;
    }
    Ok(outcome)
}

/// Applies a paid order. It does not make a paused or ended subscription active, because an old order may be paid long after.
fn apply_paid_order(a: &mut Assistant, order: &OrderFacts, is_old: bool) -> Result<EventOutcome, Error> {
    let before = a.payment.status;
    if before.has_ended() {
        return Ok(EventOutcome::Late);
    }
    let outcome = mark_paid(a, order.subscription_id.as_ref(), order.current_period_end)?;
    // The applied state is newer than the payment and already includes it.
    if before == PaymentStatus::Paused || before == PaymentStatus::PastDue && is_old {
        a.payment.status = before;
    }
    Ok(outcome)
}

/// Sets the payment status to that of the event's subscription.
fn apply_subscription(
    a: &mut Assistant,
    event: &PaymentEvent,
    s: &SubscriptionFacts,
    known: &Known,
) -> Result<EventOutcome, Error> {
    let new_status = subscription_status(event);
    let status = a.payment.status;
    let is_answer = matches!(event, PaymentEvent::SubscriptionChecked(_));
    match (event, new_status) {
        (_, SubscriptionStatus::Other) => return Ok(EventOutcome::NoEffect),
        // Polar sends it along with a more specific event.
        (PaymentEvent::SubscriptionUpdated(_), SubscriptionStatus::Active)
            if status != PaymentStatus::Paused =>
        {
            return Ok(EventOutcome::NoEffect);
        }
        (PaymentEvent::SubscriptionUpdated(_), SubscriptionStatus::Paused) if !status.can_run() => {
            return Ok(EventOutcome::NoEffect);
        }
        _ => {}
    }
    let revives = status.has_ended() && new_status != SubscriptionStatus::Ended;
    if new_status == SubscriptionStatus::Ended && !is_answer {
        a.payment.canceled_at = a.payment.canceled_at.or(s.canceled_at);
        return Ok(mark_ended(a, Some(&s.id), PaymentStatus::Canceled));
    }
    if revives && !can_revive(s, is_answer, known) {
        return Ok(EventOutcome::Late);
    }
    if a.state == state::State::PendingPayment && new_status != SubscriptionStatus::Ended && !grants(event) {
        // Only a granting event makes it paid, and a payment check is scheduled.
        return Ok(EventOutcome::NoEffect);
    }
    let outcome = match new_status {
        SubscriptionStatus::Ended => mark_ended(a, Some(&s.id), PaymentStatus::Canceled),
        _ => mark_paid(a, Some(&s.id), s.current_period_end)?,
    };
    let resumes = status == PaymentStatus::Paused && new_status == SubscriptionStatus::Active;
    if is_answer || revives {
        a.payment.canceled_at = s.canceled_at;
    }
    // A resumed subscription starts a new billing period, which may end before the interrupted one.
    if is_answer || revives || resumes {
        a.payment.current_period_end = s.current_period_end.or(a.payment.current_period_end);
    }
    Ok(match new_status {
        SubscriptionStatus::PastDue => {
            a.payment.status = PaymentStatus::PastDue;
            EventOutcome::PastDue
        }
        SubscriptionStatus::Paused => {
            a.payment.status = PaymentStatus::Paused;
            EventOutcome::Paused
        }
        _ => outcome,
    })
}

/// Whether an ended subscription may become active, because Polar reinstates subscriptions. A webhook has to be newer than the
/// end, since older ones may arrive late; the answer to a payment check is always current.
fn can_revive(s: &SubscriptionFacts, is_answer: bool, known: &Known) -> bool {
    let is_newer = matches!((s.as_of, known.as_of), (Some(as_of), Some(known)) if as_of > known);
    !known.is_final && (is_answer || is_newer)
}

/// Makes the status follow the payment: an unpaid assistant is stopped, and one that a pause has stopped is deployed again.
fn align_state(a: &mut Assistant, deadline: Timestamp) -> Result<(), Error> {
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
    a.apply(event).map_err(unexpected_refusal)
}

fn mark_paid(
    a: &mut Assistant,
    subscription: Option<&String>,
    period_end: Option<Timestamp>,
) -> Result<EventOutcome, Error> {
    if let Some(id) = subscription {
        a.payment.subscription_id = Some(id.clone());
    }
    a.payment.status = PaymentStatus::Paid;
    // The events of one payment arrive in any order, and the end of a period only moves forward.
    a.payment.current_period_end = a.payment.current_period_end.max(period_end);
    if a.state == state::State::PendingPayment {
        a.apply(state::Event::PaymentConfirmed).map_err(unexpected_refusal)?;
        return Ok(EventOutcome::Purchased);
    }
    Ok(EventOutcome::Paid)
}

fn mark_ended(a: &mut Assistant, subscription: Option<&String>, status: PaymentStatus) -> EventOutcome {
    // The revocation after a refund must not hide the refund.
    if a.payment.status != PaymentStatus::Refunded {
        a.payment.status = status;
    }
    if a.state == state::State::PendingPayment {
        // The end arrived before the payment. The id is stored, so that the payment is recognized as late.
        a.payment.subscription_id = a.payment.subscription_id.take().or_else(|| subscription.cloned());
        return EventOutcome::EndedUnpaid;
    }
    EventOutcome::Ended
}

/// The state machine allows these transitions, so a refusal is a bug.
fn unexpected_refusal(refusal: ActionRejected) -> Error {
    Error::internal(refusal)
}
