//! The assistant as an aggregate of state, payment and configuration, and the rules that need more than one of them.

use thiserror::Error;

use crate::failure::FailureCode;
use crate::ids::{AssistantId, UserId};
use crate::state::{Event, InvalidTransition, State};
use crate::timestamp::Timestamp;
use crate::wire::{ApiMode, AssistantRecord, ChannelType, PaymentStatus, Provider, Status};

/// Why a refunded assistant is stopped. The code is the same as for every other end of a subscription.
const REFUNDED: &str =
    "Your payment was refunded and your subscription has ended; create a new assistant to continue.";

/// The name of an assistant that its owner has not named yet.
pub const UNTITLED: &str = "Untitled assistant";

/// What Polar has reported about the subscription of an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Whether the subscription is paid, and if not, why.
    pub status: PaymentStatus,
    /// Polar's id of the subscription; `None` until Polar has reported one.
    pub subscription_id: Option<String>,
    /// When the paid billing period ends.
    pub current_period_end: Option<Timestamp>,
    /// When the customer canceled. The subscription stays paid until the period ends.
    pub canceled_at: Option<Timestamp>,
}

impl Payment {
    /// The payment of a new order, before Polar has reported anything.
    #[must_use]
    pub const fn pending() -> Self {
        Self {
            status: PaymentStatus::Pending,
            subscription_id: None,
            current_period_end: None,
            canceled_at: None,
        }
    }

    /// Whether the assistant may run: see [`PaymentStatus::can_run`].
    #[must_use]
    pub const fn can_run(&self) -> bool {
        self.status.can_run()
    }
}

/// The part of the configuration that customers can read back. Secrets are stored separately, sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The display name without surrounding spaces; `None` before activation.
    pub name: Option<String>,
    /// The provider of the model; `None` before activation in BYOK mode.
    pub provider: Option<Provider>,
    /// The provider's id of the model; `None` before activation.
    pub model_id: Option<String>,
    /// The endpoint that webhooks are sent to, if the customer has set one.
    pub callback_url: Option<String>,
}

/// An assistant from order to deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assistant {
    /// The id that v1 calls the deployment id.
    pub id: AssistantId,
    /// The user who owns the assistant.
    pub user_id: UserId,
    /// Whether the owner or Reef provides the model key.
    pub mode: ApiMode,
    /// The state of the deployment, with the data that exists only in it.
    pub state: State,
    /// What Polar has reported about the subscription.
    pub payment: Payment,
    /// The configuration that the owner has set.
    pub config: Config,
    /// Why the last change was undone; `None` after the next transition.
    pub undo_reason: Option<FailureCode>,
    /// The number of events recorded so far; the next one gets the number after it.
    pub sequence: i64,
    /// Grows with every write. An update names the version it read, so that concurrent writes are detected.
    pub version: i64,
    /// When the assistant was ordered.
    pub created_at: Timestamp,
    /// When a field of the public record last changed.
    pub updated_at: Timestamp,
}

/// Why an assistant rejects an action in its current state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ActionRejected {
    /// The status does not allow the action.
    #[error(transparent)]
    State(#[from] InvalidTransition),
    /// The status allows the action, but the subscription is not active: not paid, paused or ended.
    #[error("the subscription of this assistant is not active")]
    SubscriptionInactive {
        /// The payment status that blocks the action.
        payment: PaymentStatus,
        /// The current status of the assistant.
        from: Status,
        /// The statuses that allow the action while the subscription is active.
        allowed: &'static [Status],
    },
}

impl Assistant {
    /// Creates an assistant that was just ordered: not paid, not configured, with `now` as the time of order.
    #[must_use]
    pub fn new(id: AssistantId, user_id: UserId, mode: ApiMode, now: Timestamp) -> Self {
        let provider = matches!(mode, ApiMode::Managed).then_some(Provider::Openrouter);
        Self {
            id,
            user_id,
            mode,
            state: State::PendingPayment,
            payment: Payment::pending(),
            config: Config { provider, ..Config::default() },
            undo_reason: None,
            sequence: 0,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Applies an event: moves the assistant to the next state.
    ///
    /// # Errors
    /// [`ActionRejected::State`] if the current state does not accept the event,
    /// [`ActionRejected::SubscriptionInactive`] if the event starts a deployment and the subscription is not active.
    /// The assistant is unchanged then.
    pub fn apply(&mut self, event: Event) -> Result<(), ActionRejected> {
        // These events continue the deployment that undid the change, or do not deploy anything, so the reason still
        // explains what the owner sees.
        let keeps_undo_reason = matches!(
            event,
            Event::WorkerReady { .. }
                | Event::DeployFailed { .. }
                | Event::Update
                | Event::SubscriptionPaused
                | Event::SubscriptionResumed { .. }
        );
        let starts_run = matches!(event, Event::Activate { .. } | Event::Redeploy { .. });
        let allowed = event.allowed_statuses();
        let from = self.state.status();
        let next = self.state.clone().apply(event)?;
        if starts_run && !self.payment.can_run() {
            return Err(ActionRejected::SubscriptionInactive { payment: self.payment.status, from, allowed });
        }
        if !keeps_undo_reason {
            self.undo_reason = None;
        }
        self.state = next;
        Ok(())
    }

    /// Restores the provider and model from before a change whose deployment failed, and starts a new run with them.
    /// Settings that an owner changes without a deployment keep their new values.
    ///
    /// # Errors
    /// [`ActionRejected`] if the assistant is not `failed`, or its subscription is not active.
    pub fn undo_change(
        &mut self,
        provider: Option<Provider>,
        model_id: Option<String>,
        deadline: Timestamp,
    ) -> Result<(), ActionRejected> {
        let State::Failed { failure, .. } = self.state else {
            let from = self.state.status();
            let invalid = InvalidTransition { from, event: "undo a change", allowed: &[Status::Failed] };
            return Err(ActionRejected::State(invalid));
        };
        self.apply(Event::Redeploy { deadline })?;
        self.config.provider = provider;
        self.config.model_id = model_id;
        self.undo_reason = Some(failure);
        Ok(())
    }

    /// Returns the `statusMessage` of the API: `CODE: what happened and the way out`, or `None` if the status needs no
    /// explanation.
    #[must_use]
    pub fn status_message(&self) -> Option<String> {
        match (&self.state, self.undo_reason) {
            (State::Deploying { .. } | State::Active { .. }, Some(code)) => {
                Some(format!("{}: {}", code.as_str(), code.undo_sentence(self.mode)))
            }
            (State::Failed { failure, .. }, Some(_)) => {
                Some(format!("{failure} This happened while your last change was being undone."))
            }
            (state, _) => state.failure().map(|failure| match (failure, self.payment.status) {
                (FailureCode::SubscriptionEnded, PaymentStatus::Refunded) => {
                    format!("{}: {REFUNDED}", failure.as_str())
                }
                _ => failure.to_string(),
            }),
        }
    }

    /// The display name, or [`UNTITLED`] before activation.
    #[must_use]
    pub fn name(&self) -> &str {
        self.config.name.as_deref().unwrap_or(UNTITLED)
    }

    /// The public record as v1 of the API returns it.
    #[must_use]
    pub fn record(&self) -> AssistantRecord {
        AssistantRecord {
            id: self.id.to_string(),
            user_id: self.user_id.to_string(),
            organization_id: None,
            name: self.name().to_owned(),
            model_provider: self.config.provider,
            model_id: self.config.model_id.clone(),
            channel_type: ChannelType::Telegram,
            api_mode: self.mode,
            worker_name: self.state.run().map(|run| run.worker_name.clone()),
            worker_url: self.state.worker_url().map(str::to_owned),
            status: self.state.status(),
            status_message: self.status_message(),
            payment_status: self.payment.status,
            polar_subscription_id: self.payment.subscription_id.clone(),
            current_period_end: self.payment.current_period_end,
            canceled_at: self.payment.canceled_at,
            is_prebuy: self.state.is_prebuy(),
            user_callback_url: self.config.callback_url.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::state::Run;

    fn ordered(mode: ApiMode) -> Assistant {
        let now = Timestamp::from_unix_ms(0);
        Assistant::new(AssistantId::new(Uuid::nil()), UserId::new(Uuid::nil()), mode, now)
    }

    #[test]
    fn record_before_activation_has_every_field() {
        let record = serde_json::to_value(ordered(ApiMode::Byok).record()).unwrap();
        let keys: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys.join(", "),
            "id, userId, organizationId, name, modelProvider, modelId, channelType, apiMode, workerName, workerUrl, \
             status, statusMessage, paymentStatus, polarSubscriptionId, currentPeriodEnd, canceledAt, isPrebuy, \
             userCallbackUrl, createdAt, updatedAt"
        );
        assert_eq!(record["name"], UNTITLED);
        assert_eq!(record["modelProvider"], serde_json::Value::Null);
        assert_eq!(ordered(ApiMode::Managed).record().model_provider, Some(Provider::Openrouter));
    }

    #[test]
    fn run_without_active_subscription_is_rejected() {
        let mut assistant = ordered(ApiMode::Byok);
        assistant.apply(Event::PaymentConfirmed).unwrap();
        assistant.payment.status = PaymentStatus::Canceled;
        let activate = Event::Activate {
            worker_name: "openclaw-00000000".to_owned(),
            deadline: Timestamp::from_unix_ms(1),
        };
        assert!(matches!(
            assistant.apply(activate.clone()),
            Err(ActionRejected::SubscriptionInactive { from: Status::Purchased, .. })
        ));
        assistant.payment.status = PaymentStatus::Paused;
        assert!(matches!(
            assistant.apply(activate.clone()),
            Err(ActionRejected::SubscriptionInactive { payment: PaymentStatus::Paused, .. })
        ));
        assistant.payment.status = PaymentStatus::PastDue;
        assert_eq!(assistant.apply(activate), Ok(()));
        assert!(!assistant.record().is_prebuy);
    }

    /// An assistant whose run failed after its model was changed to `new`.
    fn failed_change() -> Assistant {
        let mut a = ordered(ApiMode::Byok);
        a.payment.status = PaymentStatus::Paid;
        a.config.model_id = Some("new".to_owned());
        let run = Run { worker_name: "openclaw-00000000".to_owned(), generation: 4 };
        a.state = State::Failed { run, failure: FailureCode::ModelKeyRejected };
        a
    }

    fn undo(a: &mut Assistant) -> Result<(), ActionRejected> {
        a.undo_change(Some(Provider::Anthropic), Some("old".to_owned()), Timestamp::from_unix_ms(9))
    }

    fn code_of(a: &Assistant) -> Option<FailureCode> {
        FailureCode::from_message(&a.status_message()?)
    }

    #[test]
    fn undo_of_failed_change_redeploys_and_keeps_reason() {
        let mut a = failed_change();
        undo(&mut a).unwrap();
        assert_eq!(a.state.run().map(|run| run.generation), Some(5));
        assert_eq!(a.config.model_id.as_deref(), Some("old"));
        assert_eq!(code_of(&a), Some(FailureCode::ModelKeyRejected));
        a.apply(Event::WorkerReady { generation: 5, worker_url: "https://w".to_owned() }).unwrap();
        let message = a.record().status_message.unwrap();
        assert!(message.starts_with("MODEL_KEY_REJECTED: Your change was undone"), "{message}");
        // The next action of the owner is unrelated to the undone change.
        for event in [
            Event::Redeploy { deadline: Timestamp::from_unix_ms(9) },
            Event::Stop,
            Event::WorkerVanished { generation: 5 },
        ] {
            let mut next = a.clone();
            next.apply(event).unwrap();
            assert_eq!(next.undo_reason, None);
        }
    }

    #[test]
    fn failed_undo_is_reported() {
        for failure in FailureCode::ALL {
            let mut a = failed_change();
            undo(&mut a).unwrap();
            a.apply(Event::DeployFailed { generation: 5, failure }).unwrap();
            let message = a.status_message().unwrap();
            assert!(
                message.starts_with(failure.as_str())
                    && message.contains("while your last change was being undone")
            );
            assert!(message.chars().count() <= 500 && message.ends_with('.'));
            // A failed undo is not followed by another one.
            assert_eq!(a.state.status(), Status::Failed);
        }
    }

    #[test]
    fn undo_without_failure_or_subscription_is_rejected() {
        let mut unpaid = failed_change();
        unpaid.payment.status = PaymentStatus::Canceled;
        assert!(matches!(undo(&mut unpaid), Err(ActionRejected::SubscriptionInactive { .. })));
        assert_eq!((unpaid.undo_reason, unpaid.config.model_id.as_deref()), (None, Some("new")));
        let run = Run { worker_name: "openclaw-00000000".to_owned(), generation: 4 };
        for state in [State::PendingPayment, State::Stopped { run, reason: None }] {
            let mut other = failed_change();
            other.state = state;
            assert!(matches!(undo(&mut other), Err(ActionRejected::State(_))));
        }
    }
}
