//! Which actions an owner can take on an assistant, and for the others the reason and the way out.
//!
//! Pages show disabled actions together with the reason. The rules are those of the state machine and of the payment; a
//! test compares the two cell by cell.

use crate::failure::FailureCode;
use crate::wire::{AssistantRecord, PaymentStatus, Status};

/// An action that a page offers to the owner of an assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Configure a paid slot and deploy it for the first time.
    Activate,
    /// Change the configuration of an assistant that does not run.
    Edit,
    /// Change the configuration of an assistant, running or not, and redeploy it if the change needs a deployment.
    Change,
    /// Deploy the current configuration again.
    Redeploy,
    /// Delete the worker and keep the configuration.
    Stop,
    /// Send a webhook of type `assistant.test`.
    TestCallback,
    /// Delete the assistant, its secrets and its conversations permanently.
    Delete,
}

/// Why an action is not possible now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, as a full sentence.
    pub why: &'static str,
    /// What would make the action possible, as a full sentence.
    pub instead: &'static str,
}

const fn refusal(why: &'static str, instead: &'static str) -> Option<Refusal> {
    Some(Refusal { why, instead })
}

const UNPAID: Option<Refusal> = refusal("Awaiting payment.", "Finish the checkout first.");
const NOT_ACTIVATED: Option<Refusal> = refusal("This assistant isn’t set up yet.", "Activate it first.");
const ENDED: Option<Refusal> = refusal("Your subscription has ended.", "Create a new assistant to continue.");
const PAUSED: Option<Refusal> = refusal("Your subscription is paused.", "Resume it in the billing portal.");
const UNDER_WAY: Option<Refusal> =
    refusal("A deployment is in progress.", "Wait for it to finish, or stop it.");

/// Returns why `action` is not possible in the assistant's current state, or `None` if it is possible.
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

/// Whether resuming the subscription starts the assistant again, because only the pause stopped it.
#[must_use]
pub fn starts_on_resume(record: &AssistantRecord) -> bool {
    let code = record.status_message.as_deref().and_then(FailureCode::of_message);
    record.status == Status::Stopped && code == Some(FailureCode::SubscriptionPaused)
}

const fn inactive(payment: PaymentStatus) -> Option<Refusal> {
    if matches!(payment, PaymentStatus::Paused) { PAUSED } else { ENDED }
}

fn activate(status: Status, payment: PaymentStatus) -> Option<Refusal> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Purchased if payment.entitles() => None,
        Status::Purchased => inactive(payment),
        _ => refusal("This assistant is already activated.", "Edit or redeploy it instead."),
    }
}

fn edit(status: Status) -> Option<Refusal> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Purchased | Status::Failed | Status::Stopped => None,
        Status::Deploying => UNDER_WAY,
        Status::Active => refusal("A running assistant can’t be edited.", "Stop it first."),
    }
}

/// Also the rule for [`Action::EditAndRedeploy`]: a change stops a running assistant, so it must be able to redeploy
/// it.
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
            refusal("Not running yet.", "Delete it if you no longer need it.")
        }
        Status::Stopped if starts_on_resume(record) => None,
        // The API accepts this and changes nothing, so only pages disable it.
        Status::Stopped => refusal("Already stopped.", "Choose “Start” to run it again."),
        Status::Deploying | Status::Active | Status::Failed => None,
    }
}

fn test_callback(record: &AssistantRecord) -> Option<Refusal> {
    const WHY: &str = "No endpoint is set.";
    if record.user_callback_url.is_some() {
        return None;
    }
    // A callback URL is saved without a deployment, so it does not depend on the subscription.
    if !record.is_prebuy {
        return refusal(WHY, "Add one under “Edit” to send a test.");
    }
    if record.status == Status::PendingPayment {
        return refusal(WHY, "Finish the checkout, then add one.");
    }
    if record.payment_status == PaymentStatus::Paused {
        return refusal(WHY, "Resume your subscription, then add one.");
    }
    if !record.payment_status.entitles() {
        return refusal(WHY, "Your subscription has ended, so none can be added.");
    }
    refusal(WHY, "Add one when you activate the assistant.")
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

    /// Every state combined with every payment status.
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
                // Stopping a stopped assistant succeeds and changes nothing, so pages disable it. The exception is an
                // assistant that a pause stopped: stopping it cancels the automatic restart.
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
