//! Which actions an owner can take on an assistant, and for the others the reason and the way out.
//!
//! Pages show disabled actions together with the reason. The rules are those of the state machine and of the payment; a
//! test compares the two cell by cell.

use crate::failure::FailureCode;
use crate::wire::{AssistantRecord, PaymentStatus, Status};

/// An action that a page offers to the owner of an assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Configure a paid assistant and deploy it for the first time.
    Activate,
    /// Change the configuration of an assistant that does not run.
    Edit,
    /// Change the configuration of an assistant, running or not, and redeploy it if the change needs a deployment.
    EditAndRedeploy,
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
pub struct DisabledReason {
    /// The reason, as a full sentence.
    pub reason: &'static str,
    /// What would make the action possible, as a full sentence.
    pub hint: &'static str,
}

const fn disabled(why: &'static str, instead: &'static str) -> Option<DisabledReason> {
    Some(DisabledReason { reason: why, hint: instead })
}

const UNPAID: Option<DisabledReason> = disabled("Awaiting payment.", "Finish the checkout first.");
const NOT_ACTIVATED: Option<DisabledReason> =
    disabled("This assistant isn’t set up yet.", "Activate it first.");
const ENDED: Option<DisabledReason> =
    disabled("Your subscription has ended.", "Create a new assistant to continue.");
const PAUSED: Option<DisabledReason> =
    disabled("Your subscription is paused.", "Resume it in the billing portal.");
const DEPLOYING: Option<DisabledReason> =
    disabled("A deployment is in progress.", "Wait for it to finish, or stop it.");

/// Returns why `action` is not possible in the assistant's current state, or `None` if it is possible.
#[must_use]
pub fn disabled_reason(record: &AssistantRecord, action: Action) -> Option<DisabledReason> {
    match action {
        Action::Delete => None,
        Action::Activate => activate(record.status, record.payment_status),
        Action::Edit => edit(record.status),
        Action::EditAndRedeploy | Action::Redeploy => redeploy(record.status, record.payment_status),
        Action::Stop => stop(record),
        Action::TestCallback => test_callback(record),
    }
}

/// Whether resuming the subscription starts the assistant again, because only the pause stopped it.
#[must_use]
pub fn restarts_on_resume(record: &AssistantRecord) -> bool {
    let code = record.status_message.as_deref().and_then(FailureCode::from_message);
    record.status == Status::Stopped && code == Some(FailureCode::SubscriptionPaused)
}

const fn subscription_inactive(payment: PaymentStatus) -> Option<DisabledReason> {
    if matches!(payment, PaymentStatus::Paused) { PAUSED } else { ENDED }
}

fn activate(status: Status, payment: PaymentStatus) -> Option<DisabledReason> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Purchased if payment.can_run() => None,
        Status::Purchased => subscription_inactive(payment),
        _ => disabled("This assistant is already activated.", "Edit or redeploy it instead."),
    }
}

fn edit(status: Status) -> Option<DisabledReason> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Purchased | Status::Failed | Status::Stopped => None,
        Status::Deploying => DEPLOYING,
        Status::Active => disabled("A running assistant can’t be edited.", "Stop it first."),
    }
}

/// Also the rule for [`Action::EditAndRedeploy`]: a change stops a running assistant, so it must be able to redeploy
/// it.
fn redeploy(status: Status, payment: PaymentStatus) -> Option<DisabledReason> {
    match status {
        Status::PendingPayment => UNPAID,
        Status::Deploying => DEPLOYING,
        Status::Purchased | Status::Active | Status::Failed | Status::Stopped if !payment.can_run() => {
            subscription_inactive(payment)
        }
        Status::Purchased => NOT_ACTIVATED,
        Status::Active | Status::Failed | Status::Stopped => None,
    }
}

fn stop(record: &AssistantRecord) -> Option<DisabledReason> {
    match record.status {
        Status::PendingPayment | Status::Purchased => {
            disabled("Not running yet.", "Delete this assistant if you no longer need it.")
        }
        Status::Stopped if restarts_on_resume(record) => None,
        // The API accepts this and changes nothing, so only pages disable it.
        Status::Stopped => disabled("Already stopped.", "Choose “Start” to run it again."),
        Status::Deploying | Status::Active | Status::Failed => None,
    }
}

fn test_callback(record: &AssistantRecord) -> Option<DisabledReason> {
    const NO_ENDPOINT: &str = "No endpoint is set.";
    if record.user_callback_url.is_some() {
        return None;
    }
    // A callback URL is saved without a deployment, so it does not depend on the subscription.
    if !record.is_prebuy {
        return disabled(NO_ENDPOINT, "Add one under “Edit” to send a test.");
    }
    if record.status == Status::PendingPayment {
        return disabled(NO_ENDPOINT, "Finish the checkout, then add one.");
    }
    if record.payment_status == PaymentStatus::Paused {
        return disabled(NO_ENDPOINT, "Resume your subscription, then add one.");
    }
    if !record.payment_status.can_run() {
        return disabled(NO_ENDPOINT, "Your subscription has ended, so none can be added.");
    }
    disabled(NO_ENDPOINT, "Add one when you activate the assistant.")
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
    fn all_assistants() -> Vec<Assistant> {
        let mut all = Vec::new();
        for state in states() {
            for &payment in PaymentStatus::ALL {
                let mut a = Assistant::new(
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
    fn disabled_actions_match_state_machine() {
        let activate = Event::Activate { worker_name: "openclaw-00000000".to_owned(), deadline: NOW };
        let cases = [
            (Action::Activate, activate),
            (Action::Edit, Event::Update),
            (Action::Redeploy, Event::Redeploy { deadline: NOW }),
            (Action::Stop, Event::Stop),
        ];
        for a in all_assistants() {
            for (action, event) in &cases {
                let is_possible = a.clone().apply(event.clone()).is_ok();
                // Stopping a stopped assistant succeeds and changes nothing, so pages disable it. The exception is an
                // assistant that a pause stopped: stopping it cancels the automatic restart.
                let is_idle = *action == Action::Stop
                    && a.state.status() == Status::Stopped
                    && a.state.failure() != Some(FailureCode::SubscriptionPaused);
                let is_refused = disabled_reason(&a.record(), *action).is_some();
                let about = (a.state.status(), a.payment.status, *action);
                assert_eq!(is_refused, !is_possible || is_idle, "{about:?}");
            }
        }
    }

    #[test]
    fn redeploy_after_subscription_ended_says_so() {
        for a in all_assistants() {
            let ended = a.payment.status.has_ended();
            let status = a.state.status();
            if ended && matches!(status, Status::Purchased | Status::Failed | Status::Stopped) {
                assert_eq!(disabled_reason(&a.record(), Action::Redeploy), ENDED, "{status:?}");
            }
        }
    }

    #[test]
    fn actions_while_paused_say_how_to_resume() {
        for a in all_assistants().into_iter().filter(|a| a.payment.status == PaymentStatus::Paused) {
            let record = a.record();
            match a.state.status() {
                Status::Purchased => assert_eq!(disabled_reason(&record, Action::Activate), PAUSED),
                Status::Failed | Status::Stopped => {
                    assert_eq!(disabled_reason(&record, Action::Redeploy), PAUSED);
                }
                _ => {}
            }
            let is_held = a.state.failure() == Some(FailureCode::SubscriptionPaused);
            assert_eq!(restarts_on_resume(&record), is_held);
        }
    }

    #[test]
    fn change_is_enabled_where_all_its_parts_are() {
        for a in all_assistants() {
            let mut stopped = a.clone();
            let is_possible = stopped.apply(Event::Stop).is_ok()
                && stopped.apply(Event::Update).is_ok()
                && stopped.apply(Event::Redeploy { deadline: NOW }).is_ok();
            let is_deploying = a.state.status() == Status::Deploying;
            let is_offered = disabled_reason(&a.record(), Action::EditAndRedeploy).is_none();
            assert_eq!(
                is_offered,
                is_possible && !is_deploying,
                "{:?}",
                (a.state.status(), a.payment.status)
            );
        }
    }

    #[test]
    fn disabled_reasons_are_full_sentences() {
        let actions = [
            Action::Activate,
            Action::Edit,
            Action::EditAndRedeploy,
            Action::Redeploy,
            Action::Stop,
            Action::TestCallback,
            Action::Delete,
        ];
        for a in all_assistants() {
            for action in actions {
                if let Some(DisabledReason { reason: why, hint: instead }) =
                    disabled_reason(&a.record(), action)
                {
                    assert!(why.ends_with('.') && instead.ends_with('.'), "{action:?}");
                }
            }
            assert_eq!(disabled_reason(&a.record(), Action::Delete), None);
            let with_url =
                AssistantRecord { user_callback_url: Some("https://a.example".to_owned()), ..a.record() };
            assert_eq!(disabled_reason(&with_url, Action::TestCallback), None);
            assert!(disabled_reason(&a.record(), Action::TestCallback).is_some());
        }
    }
}
