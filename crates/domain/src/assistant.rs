//! An assistant: its state, its payment and its configuration, and what may be done with them together.

use thiserror::Error;

use crate::failure::FailureCode;
use crate::ids::{AssistantId, UserId};
use crate::state::{Event, InvalidTransition, State};
use crate::timestamp::Timestamp;
use crate::wire::{ApiMode, AssistantRecord, ChannelType, PaymentStatus, Provider, Status};

/// What an assistant is called before its owner names it.
pub const UNTITLED: &str = "Untitled assistant";

/// How the subscription behind an assistant stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Where the payment stands.
    pub status: PaymentStatus,
    /// Polar's subscription, once one has been seen.
    pub subscription_id: Option<String>,
    /// End of the paid period.
    pub current_period_end: Option<Timestamp>,
    /// When the customer canceled; still paid until the period's end.
    pub canceled_at: Option<Timestamp>,
}

impl Payment {
    /// Nothing paid yet.
    #[must_use]
    pub const fn pending() -> Self {
        Self {
            status: PaymentStatus::Pending,
            subscription_id: None,
            current_period_end: None,
            canceled_at: None,
        }
    }

    /// Whether the slot may run: paid, or a renewal still being tried.
    #[must_use]
    pub const fn entitles(&self) -> bool {
        self.status.entitles()
    }
}

/// The configuration customers see; secrets live elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Display name, trimmed.
    pub name: Option<String>,
    /// Model provider.
    pub provider: Option<Provider>,
    /// Model.
    pub model_id: Option<String>,
    /// Where callbacks go.
    pub callback_url: Option<String>,
}

/// One assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assistant {
    /// Its id.
    pub id: AssistantId,
    /// Its owner.
    pub user_id: UserId,
    /// Whose model key it uses.
    pub mode: ApiMode,
    /// Where it stands.
    pub state: State,
    /// How its payment stands.
    pub payment: Payment,
    /// Its configuration.
    pub config: Config,
    /// Why the last change was undone; `None` once something else was done.
    pub undone: Option<FailureCode>,
    /// How many events its timeline has.
    pub sequence: i64,
    /// Grows with every write; a write names the version it was made from.
    pub version: i64,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When a public field last changed.
    pub updated_at: Timestamp,
}

/// Why something can't be done with an assistant now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotNow {
    /// Its status does not allow it.
    #[error(transparent)]
    State(#[from] InvalidTransition),
    /// Its subscription is not active: not paid, paused or ended.
    #[error("the subscription of this slot is not active")]
    Unpaid {
        /// Where the payment stands.
        payment: PaymentStatus,
        /// Where it stands.
        from: Status,
        /// In which statuses it would be allowed were it paid.
        allowed: &'static [Status],
    },
}

impl Assistant {
    /// A slot that was just ordered.
    #[must_use]
    pub fn ordered(id: AssistantId, user_id: UserId, mode: ApiMode, now: Timestamp) -> Self {
        let provider = matches!(mode, ApiMode::Managed).then_some(Provider::Openrouter);
        Self {
            id,
            user_id,
            mode,
            state: State::PendingPayment,
            payment: Payment::pending(),
            config: Config { provider, ..Config::default() },
            undone: None,
            sequence: 0,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Moves the state on.
    ///
    /// # Errors
    /// [`NotNow::State`] when the table has no such cell; [`NotNow::Unpaid`] when an activation or
    /// redeployment is asked for a slot that is not paid.
    pub fn apply(&mut self, event: Event) -> Result<(), NotNow> {
        // These go on with what was begun, or take nothing up.
        let keeps_undone = matches!(
            event,
            Event::WorkerReady { .. }
                | Event::DeployFailed { .. }
                | Event::Patch
                | Event::SubscriptionPaused
                | Event::SubscriptionResumed { .. }
        );
        let starts_a_run = matches!(event, Event::Activate { .. } | Event::Redeploy { .. });
        let allowed = event.allowed();
        let from = self.state.status();
        let next = self.state.clone().apply(event)?;
        if starts_a_run && !self.payment.entitles() {
            return Err(NotNow::Unpaid { payment: self.payment.status, from, allowed });
        }
        if !keeps_undone {
            self.undone = None;
        }
        self.state = next;
        Ok(())
    }

    /// Goes back to the provider and model from before a change whose run has failed, as a new run. What an owner changes
    /// without a deployment stays changed.
    ///
    /// # Errors
    /// [`NotNow`] when it has not failed, or is not paid.
    pub fn undo_change(
        &mut self,
        provider: Option<Provider>,
        model_id: Option<String>,
        deadline: Timestamp,
    ) -> Result<(), NotNow> {
        let State::Failed { failure, .. } = self.state else {
            let from = self.state.status();
            let refusal = InvalidTransition { from, event: "undo a change", allowed: &[Status::Failed] };
            return Err(NotNow::State(refusal));
        };
        self.apply(Event::Redeploy { deadline })?;
        self.config.provider = provider;
        self.config.model_id = model_id;
        self.undone = Some(failure);
        Ok(())
    }

    /// What there is to say about the status: `CODE: one plain sentence with the way out`.
    #[must_use]
    pub fn status_message(&self) -> Option<String> {
        match (&self.state, self.undone) {
            (State::Deploying { .. } | State::Active { .. }, Some(code)) => {
                Some(format!("{}: {}", code.as_str(), code.undone_sentence()))
            }
            (State::Failed { failure, .. }, Some(_)) => Some(format!(
                "{failure} Your previous settings could not be deployed again after your last change failed."
            )),
            (state, _) => state.failure().map(|failure| failure.to_string()),
        }
    }

    /// The name customers see.
    #[must_use]
    pub fn name(&self) -> &str {
        self.config.name.as_deref().unwrap_or(UNTITLED)
    }

    /// What the API shows.
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
        Assistant::ordered(AssistantId::new(Uuid::nil()), UserId::new(Uuid::nil()), mode, now)
    }

    #[test]
    fn the_record_before_activation() {
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
    fn an_unpaid_slot_starts_no_run() {
        let mut slot = ordered(ApiMode::Byok);
        slot.apply(Event::PaymentConfirmed).unwrap();
        slot.payment.status = PaymentStatus::Canceled;
        let activate = Event::Activate {
            worker_name: "openclaw-00000000".to_owned(),
            deadline: Timestamp::from_unix_ms(1),
        };
        assert!(matches!(slot.apply(activate.clone()), Err(NotNow::Unpaid { from: Status::Purchased, .. })));
        slot.payment.status = PaymentStatus::Paused;
        assert!(matches!(
            slot.apply(activate.clone()),
            Err(NotNow::Unpaid { payment: PaymentStatus::Paused, .. })
        ));
        slot.payment.status = PaymentStatus::PastDue;
        assert_eq!(slot.apply(activate), Ok(()));
        assert!(!slot.record().is_prebuy);
    }

    /// A deployment whose run has failed after a change.
    fn failed_change() -> Assistant {
        let mut a = ordered(ApiMode::Byok);
        a.payment.status = PaymentStatus::Paid;
        a.config.model_id = Some("new".to_owned());
        let run = Run { worker_name: "openclaw-00000000".to_owned(), generation: 4 };
        a.state = State::Failed { run, failure: FailureCode::ModelKeyRejected };
        a
    }

    fn undo(a: &mut Assistant) -> Result<(), NotNow> {
        a.undo_change(Some(Provider::Anthropic), Some("old".to_owned()), Timestamp::from_unix_ms(9))
    }

    fn code_of(a: &Assistant) -> Option<FailureCode> {
        FailureCode::of_message(&a.status_message()?)
    }

    #[test]
    fn undo_of_a_failed_change_deploys_again_and_keeps_the_reason() {
        let mut a = failed_change();
        undo(&mut a).unwrap();
        assert_eq!(a.state.run().map(|run| run.generation), Some(5));
        assert_eq!(a.config.model_id.as_deref(), Some("old"));
        assert_eq!(code_of(&a), Some(FailureCode::ModelKeyRejected));
        a.apply(Event::WorkerReady { generation: 5, worker_url: "https://w".to_owned() }).unwrap();
        let message = a.record().status_message.unwrap();
        assert!(message.starts_with("MODEL_KEY_REJECTED: Your change was undone"), "{message}");
        // The next thing that is done has nothing to do with it.
        for event in [
            Event::Redeploy { deadline: Timestamp::from_unix_ms(9) },
            Event::Stop,
            Event::WorkerVanished { generation: 5 },
        ] {
            let mut next = a.clone();
            next.apply(event).unwrap();
            assert_eq!(next.undone, None);
        }
    }

    #[test]
    fn undo_that_fails_too_says_so() {
        for failure in FailureCode::ALL {
            let mut a = failed_change();
            undo(&mut a).unwrap();
            a.apply(Event::DeployFailed { generation: 5, failure }).unwrap();
            let message = a.status_message().unwrap();
            assert!(
                message.starts_with(failure.as_str()) && message.contains("after your last change failed")
            );
            assert!(message.chars().count() <= 500 && message.ends_with('.'));
            // Nobody undoes it again.
            assert_eq!(a.state.status(), Status::Failed);
        }
    }

    #[test]
    fn undo_needs_a_failure_and_a_subscription() {
        let mut unpaid = failed_change();
        unpaid.payment.status = PaymentStatus::Canceled;
        assert!(matches!(undo(&mut unpaid), Err(NotNow::Unpaid { .. })));
        assert_eq!((unpaid.undone, unpaid.config.model_id.as_deref()), (None, Some("new")));
        let run = Run { worker_name: "openclaw-00000000".to_owned(), generation: 4 };
        for state in [State::PendingPayment, State::Stopped { run, reason: None }] {
            let mut other = failed_change();
            other.state = state;
            assert!(matches!(undo(&mut other), Err(NotNow::State(_))));
        }
    }
}
