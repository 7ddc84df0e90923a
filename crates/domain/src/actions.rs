//! What an owner can do with an assistant now, and what a refusal says: why not, and what would allow it.
//!
//! Pages show every action, also the refused ones. The rules are the state machine's and the payment's; a test compares
//! the two cell by cell.

use crate::failure::FailureCode;
use crate::wire::{AssistantRecord, PaymentStatus, Status};

/// What an owner can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Give a paid slot its name, model and bot.
    Activate,
    /// Change the configuration of one that does not run.
    Edit,
    /// Change it, running or not, and deploy what takes a deployment.
    Change,
    /// Deploy what is configured now.
    Redeploy,
    /// End the worker.
    Stop,
    /// Send a callback of type `assistant.test`.
    TestCallback,
    /// Delete for good.
    Delete,
}

/// Why something is not possible now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is in its way, as a sentence.
    pub why: &'static str,
    /// What would allow it, as a sentence.
    pub instead: &'static str,
}

const fn refusal(why: &'static str, instead: &'static str) -> Option<Refusal> {
    Some(Refusal { why, instead })
}

const UNPAID: Option<Refusal> = refusal("It has not been paid yet.", "Finish the checkout first.");
const NOT_ACTIVATED: Option<Refusal> = refusal("It has no bot and no model yet.", "Activate it first.");
const ENDED: Option<Refusal> =
    refusal("Its subscription has ended.", "Buy a new slot to run an assistant again.");
const PAUSED: Option<Refusal> =
    refusal("Your subscription is paused.", "Resume it under “Invoices and payment method”.");
const UNDER_WAY: Option<Refusal> =
    refusal("A deployment is under way.", "Wait until it has ended, or stop it.");

/// Why `action` is not possible with the assistant as it is; `None` when it is possible.
#[must_use]
pub fn refusal_of(record: &AssistantRecord, action: Action) -> Option<Refusal> {
    match action {
        Action::Delete => None,
        Action::Activate => activate(record.status, record.payment_status),
        Action::Edit => edit(record.status),
        Action::Change | Action::Redeploy => redeploy(record.status, record.payment_status),
        Action::Stop => stop(record),
        Action::TestCallback => test_callback(record),
    }
}

/// Whether the assistant starts again by itself once its subscription is resumed.
#[must_use]
pub fn starts_on_resume(record: &AssistantRecord) -> bool {
    let code = record.status_message.as_deref().and_then(FailureCode::of_message);
    record.status == Status::Stopped && code == Some(FailureCode::SubscriptionPaused)
}

/// What a slot that does not entitle says.
const fn inactive(payment: PaymentStatus) -> Option<Refusal> {
    if matches!(payment, PaymentStatus::Paused) { PAUSED } else { ENDED }
}

fn activate(status: Status, payment: PaymentStatus) -> Option<Refusal> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Purchased if payment.entitles() => None,
        Status::Purchased => inactive(payment),
        _ => refusal("It was activated already.", "Edit it, or redeploy it."),
    }
}

fn edit(status: Status) -> Option<Refusal> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Purchased | Status::Failed | Status::Stopped => None,
        Status::Deploying => UNDER_WAY,
        Status::Active => refusal("A running assistant is not changed.", "Stop it first."),
    }
}

/// A change of a running assistant ends with a redeployment: without one it would only stop it.
fn redeploy(status: Status, payment: PaymentStatus) -> Option<Refusal> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Deploying => UNDER_WAY,
        Status::Purchased | Status::Active | Status::Failed | Status::Stopped if !payment.entitles() => {
            inactive(payment)
        }
        Status::Purchased => NOT_ACTIVATED,
        Status::Active | Status::Failed | Status::Stopped => None,
    }
}

fn stop(record: &AssistantRecord) -> Option<Refusal> {
    match record.status {
        Status::PendingPayment | Status::Purchased => {
            refusal("Nothing runs yet.", "If you do not want it any more, delete it.")
        }
        Status::Stopped if starts_on_resume(record) => None,
        // The API takes it and changes nothing.
        Status::Stopped => refusal("It is stopped already.", "“Start” starts it again."),
        Status::Deploying | Status::Active | Status::Failed => None,
    }
}

fn test_callback(record: &AssistantRecord) -> Option<Refusal> {
    const WHY: &str = "It has no callback URL.";
    if record.user_callback_url.is_some() {
        return None;
    }
    // A callback URL is saved without a deployment, whatever became of the subscription.
    if !record.is_prebuy {
        return refusal(WHY, "Add one under “Edit”.");
    }
    if record.status == Status::PendingPayment {
        return refusal(WHY, "Finish the checkout, then give it one.");
    }
    if record.payment_status == PaymentStatus::Paused {
        return refusal(WHY, "Resume your subscription, then give it one.");
    }
    if !record.payment_status.entitles() {
        return refusal(WHY, "It can be given none any more: its subscription has ended.");
    }
    refusal(WHY, "Give it one when you activate it.")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::assistant::Assistant;
    use crate::failure::FailureCode;
    use crate::ids::{AssistantId, UserId};
    use crate::state::{Event, Run, State};
    use crate::timestamp::Timestamp;
    use crate::wire::{ApiMode, PaymentStatus};

    const NOW: Timestamp = Timestamp::from_unix_ms(0);

    fn states() -> [State; 8] {
        let run = || Run { worker_name: "openclaw-00000000".to_owned(), generation: 1 };
        [
            State::PendingPayment,
            State::Purchased,
            State::Deploying { run: run(), deadline: NOW },
            State::Active { run: run(), worker_url: "https://w".to_owned() },
            State::Failed { run: run(), failure: FailureCode::DeployTimeout },
            State::Stopped { run: run(), reason: None },
            State::Stopped { run: run(), reason: Some(FailureCode::SubscriptionPaused) },
            State::Stopped { run: run(), reason: Some(FailureCode::SubscriptionEnded) },
        ]
    }

    /// Every state with every payment.
    fn all() -> Vec<Assistant> {
        let mut all = Vec::new();
        for state in states() {
            for &payment in PaymentStatus::ALL {
                let mut a = Assistant::ordered(
                    AssistantId::new(Uuid::nil()),
                    UserId::new(Uuid::nil()),
                    ApiMode::Byok,
                    NOW,
                );
                a.state = state.clone();
                a.payment.status = payment;
                all.push(a);
            }
        }
        all
    }

    #[test]
    fn what_is_refused_here_is_refused_by_the_state_machine_and_nothing_else() {
        let activate = Event::Activate { worker_name: "openclaw-00000000".to_owned(), deadline: NOW };
        let cases = [
            (Action::Activate, activate),
            (Action::Edit, Event::Patch),
            (Action::Redeploy, Event::Redeploy { deadline: NOW }),
            (Action::Stop, Event::Stop),
        ];
        for a in all() {
            for (action, event) in &cases {
                let is_possible = a.clone().apply(event.clone()).is_ok();
                // Stopping what is stopped is a success that changes nothing, so pages do not offer it; but what a
                // pause has stopped would start again by itself.
                let is_idle = *action == Action::Stop
                    && a.state.status() == Status::Stopped
                    && a.state.failure() != Some(FailureCode::SubscriptionPaused);
                let is_refused = refusal_of(&a.record(), *action).is_some();
                let about = (a.state.status(), a.payment.status, *action);
                assert_eq!(is_refused, !is_possible || is_idle, "{about:?}");
            }
        }
    }

    #[test]
    fn what_has_lost_its_subscription_is_told_to_buy_anew_and_nothing_that_cannot_be_done() {
        for a in all() {
            let ended = a.payment.status.has_ended();
            let status = a.state.status();
            if ended && matches!(status, Status::Purchased | Status::Failed | Status::Stopped) {
                assert_eq!(refusal_of(&a.record(), Action::Redeploy), ENDED, "{status:?}");
            }
        }
    }

    #[test]
    fn paused_subscription_refusals_say_how_to_resume() {
        for a in all().into_iter().filter(|a| a.payment.status == PaymentStatus::Paused) {
            let record = a.record();
            match a.state.status() {
                Status::Purchased => assert_eq!(refusal_of(&record, Action::Activate), PAUSED),
                Status::Failed | Status::Stopped => assert_eq!(refusal_of(&record, Action::Redeploy), PAUSED),
                _ => {}
            }
            let is_held = a.state.failure() == Some(FailureCode::SubscriptionPaused);
            assert_eq!(starts_on_resume(&record), is_held);
        }
    }

    #[test]
    fn a_change_is_offered_where_each_of_its_parts_will_be_possible() {
        for a in all() {
            let mut stopped = a.clone();
            let is_possible = stopped.apply(Event::Stop).is_ok()
                && stopped.apply(Event::Patch).is_ok()
                && stopped.apply(Event::Redeploy { deadline: NOW }).is_ok();
            let is_deploying = a.state.status() == Status::Deploying;
            let is_offered = refusal_of(&a.record(), Action::Change).is_none();
            assert_eq!(
                is_offered,
                is_possible && !is_deploying,
                "{:?}",
                (a.state.status(), a.payment.status)
            );
        }
    }

    #[test]
    fn every_refusal_says_why_and_what_then() {
        let actions = [
            Action::Activate,
            Action::Edit,
            Action::Change,
            Action::Redeploy,
            Action::Stop,
            Action::TestCallback,
            Action::Delete,
        ];
        for a in all() {
            for action in actions {
                if let Some(Refusal { why, instead }) = refusal_of(&a.record(), action) {
                    assert!(why.ends_with('.') && instead.ends_with('.'), "{action:?}");
                }
            }
            assert_eq!(refusal_of(&a.record(), Action::Delete), None);
            let with_url =
                AssistantRecord { user_callback_url: Some("https://a.example".to_owned()), ..a.record() };
            assert_eq!(refusal_of(&with_url, Action::TestCallback), None);
            assert!(refusal_of(&a.record(), Action::TestCallback).is_some());
        }
    }
}
