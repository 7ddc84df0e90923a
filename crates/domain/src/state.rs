//! The state machine of an assistant.
//!
//! A state carries the data that exists only in it. Applying an event consumes the state and returns the next one, or
//! an error that names the status and the event. Every run has a generation: a result of an older generation is an
//! invalid transition, which callers drop. Which actions a page offers, and why not the others, is in [`crate::actions`].

use thiserror::Error;

use crate::failure::FailureCode;
use crate::timestamp::Timestamp;
use crate::wire::Status;

/// A deployment of an assistant: its worker and its generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `openclaw-` and 8 hex digits, chosen at activation and never changed.
    pub worker_name: String,
    /// Grows by one with every run and with every stop, so that late results of older runs can be recognized.
    pub generation: i64,
}

impl Run {
    fn next(self) -> Self {
        Self { generation: self.generation + 1, ..self }
    }
}

/// The state of an assistant, with the data that exists only in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The assistant is ordered but not paid.
    PendingPayment,
    /// The assistant is paid but not activated.
    Purchased,
    /// A run is in progress.
    Deploying {
        /// The run in progress.
        run: Run,
        /// When the run fails if it is not done by then.
        deadline: Timestamp,
    },
    /// The worker is running and answered its health check.
    Active {
        /// The run that started the worker.
        run: Run,
        /// The URL of the worker, as the worker host reports it.
        worker_url: String,
    },
    /// The last run failed, or the worker vanished.
    Failed {
        /// The run that failed.
        run: Run,
        /// Why the run failed, or the worker vanished.
        failure: FailureCode,
    },
    /// The worker was deleted on purpose; the configuration is kept.
    Stopped {
        /// The run that was stopped.
        run: Run,
        /// Why the assistant was stopped; `None` if its owner did it.
        reason: Option<FailureCode>,
    },
}

/// An event that can change the state of an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Polar confirms a paid order or an active subscription.
    PaymentConfirmed,
    /// The owner configures a purchased assistant, which starts the first run.
    Activate {
        /// The name that the worker keeps through all runs.
        worker_name: String,
        /// When the run fails if it is not done by then.
        deadline: Timestamp,
    },
    /// The owner changes the configuration without a deployment.
    Update,
    /// A run has started its worker.
    WorkerReady {
        /// The generation of the run.
        generation: i64,
        /// The URL of the worker, as the worker host reports it.
        worker_url: String,
    },
    /// A run has failed or missed its deadline.
    DeployFailed {
        /// The generation of the run.
        generation: i64,
        /// Why the run failed.
        failure: FailureCode,
    },
    /// The worker of an active assistant does not exist on its host.
    WorkerVanished {
        /// The generation of the run that started the worker.
        generation: i64,
    },
    /// The owner requests a new run.
    Redeploy {
        /// When the run fails if it is not done by then.
        deadline: Timestamp,
    },
    /// The owner stops the assistant. The worker is already deleted.
    Stop,
    /// The subscription has ended.
    SubscriptionRevoked,
    /// The subscription is paused and charges nothing until it is resumed.
    SubscriptionPaused,
    /// The subscription is paid again after a pause or an end.
    SubscriptionResumed {
        /// When the run fails that restarts an assistant which the pause stopped.
        deadline: Timestamp,
    },
}

impl Event {
    /// The name of the event, for error messages and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PaymentConfirmed => "payment confirmed",
            Self::Activate { .. } => "activate",
            Self::Update => "update",
            Self::WorkerReady { .. } => "worker ready",
            Self::DeployFailed { .. } => "deploy failed",
            Self::WorkerVanished { .. } => "worker vanished",
            Self::Redeploy { .. } => "redeploy",
            Self::Stop => "stop",
            Self::SubscriptionRevoked => "subscription revoked",
            Self::SubscriptionPaused => "subscription paused",
            Self::SubscriptionResumed { .. } => "subscription resumed",
        }
    }

    /// The statuses in which the event is allowed, for messages such as the `allowedStatuses` of the API; [`State::apply`]
    /// decides.
    #[must_use]
    pub const fn allowed_statuses(&self) -> &'static [Status] {
        use Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
        match self {
            Self::PaymentConfirmed => &[PendingPayment, Purchased],
            Self::Activate { .. } => &[Purchased],
            Self::Update => &[Purchased, Stopped, Failed],
            Self::WorkerReady { .. } | Self::DeployFailed { .. } => &[Deploying],
            Self::WorkerVanished { .. } => &[Active],
            Self::Redeploy { .. } => &[Active, Failed, Stopped],
            Self::Stop => &[Deploying, Active, Failed, Stopped],
            Self::SubscriptionRevoked | Self::SubscriptionPaused => {
                &[Purchased, Deploying, Active, Failed, Stopped]
            }
            Self::SubscriptionResumed { .. } => &[Purchased, Failed, Stopped],
        }
    }
}

/// The current state does not accept the event, or the event comes from an older run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{event} is not possible while {from}")]
pub struct InvalidTransition {
    /// The status when the event was applied.
    pub from: Status,
    /// The name of the event.
    pub event: &'static str,
    /// The statuses that accept the event.
    pub allowed: &'static [Status],
}

impl State {
    /// Returns the state after `event`.
    ///
    /// # Errors
    /// [`InvalidTransition`] if this state does not accept the event, or the event's generation is not the current one.
    pub fn apply(self, event: Event) -> Result<Self, InvalidTransition> {
        use State::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
        let from = self.status();
        let (name, allowed) = (event.name(), event.allowed_statuses());
        let invalid = InvalidTransition { from, event: name, allowed };
        Ok(match (self, event) {
            (PendingPayment | Purchased, Event::PaymentConfirmed) => Purchased,

            (Purchased, Event::Activate { worker_name, deadline }) => {
                Deploying { run: Run { worker_name, generation: 1 }, deadline }
            }

            // An update never changes the status.
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::Update) => state,

            // Results count only if they come from the current run.
            (Deploying { run, .. }, Event::WorkerReady { generation, worker_url })
                if run.generation == generation =>
            {
                Active { run, worker_url }
            }
            (Deploying { run, .. }, Event::DeployFailed { generation, failure })
                if run.generation == generation =>
            {
                Failed { run, failure }
            }
            (Active { run, .. }, Event::WorkerVanished { generation }) if run.generation == generation => {
                Failed { run, failure: FailureCode::WorkerMissing }
            }

            (Active { run, .. } | Failed { run, .. } | Stopped { run, .. }, Event::Redeploy { deadline }) => {
                Deploying { run: run.next(), deadline }
            }

            (Deploying { run, .. } | Active { run, .. } | Failed { run, .. }, Event::Stop) => {
                Stopped { run: run.next(), reason: None }
            }
            // Stopping an assistant that a pause stopped cancels its automatic restart.
            (Stopped { run, reason: Some(FailureCode::SubscriptionPaused) }, Event::Stop) => {
                Stopped { run, reason: None }
            }
            (state @ Stopped { .. }, Event::Stop) => state,

            // The end of a subscription also cancels the automatic restart after a pause.
            (Deploying { run, .. } | Active { run, .. }, Event::SubscriptionRevoked) => {
                Stopped { run: run.next(), reason: Some(FailureCode::SubscriptionEnded) }
            }
            (Stopped { run, reason: Some(FailureCode::SubscriptionPaused) }, Event::SubscriptionRevoked) => {
                Stopped { run, reason: Some(FailureCode::SubscriptionEnded) }
            }
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::SubscriptionRevoked) => state,

            // The reason records that the pause stopped the assistant, so that resuming restarts it.
            (Deploying { run, .. } | Active { run, .. }, Event::SubscriptionPaused) => {
                Stopped { run: run.next(), reason: Some(FailureCode::SubscriptionPaused) }
            }
            // Polar can turn an ended subscription into a paused one. The pause did not stop the assistant, so resuming
            // must not restart it.
            (Stopped { run, reason: Some(FailureCode::SubscriptionEnded) }, Event::SubscriptionPaused) => {
                Stopped { run, reason: None }
            }
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::SubscriptionPaused) => state,

            // Resuming restarts only what a pause stopped. After an end, the owner starts the assistant.
            (
                Stopped { run, reason: Some(FailureCode::SubscriptionPaused) },
                Event::SubscriptionResumed { deadline },
            ) => Deploying { run: run.next(), deadline },
            (
                Stopped { run, reason: Some(FailureCode::SubscriptionEnded) },
                Event::SubscriptionResumed { .. },
            ) => Stopped { run, reason: None },
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::SubscriptionResumed { .. }) => {
                state
            }

            _ => return Err(invalid),
        })
    }

    /// Returns a `deploying` state with the next generation, so that late results of its current run are dropped. Other
    /// states are returned unchanged.
    #[must_use]
    pub fn with_next_generation(self) -> Self {
        match self {
            Self::Deploying { run, deadline } => Self::Deploying { run: run.next(), deadline },
            other => other,
        }
    }

    /// The status as the API shows it.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::PendingPayment => Status::PendingPayment,
            Self::Purchased => Status::Purchased,
            Self::Deploying { .. } => Status::Deploying,
            Self::Active { .. } => Status::Active,
            Self::Failed { .. } => Status::Failed,
            Self::Stopped { .. } => Status::Stopped,
        }
    }

    /// The current or last run; `None` before activation.
    #[must_use]
    pub const fn run(&self) -> Option<&Run> {
        match self {
            Self::PendingPayment | Self::Purchased => None,
            Self::Deploying { run, .. }
            | Self::Active { run, .. }
            | Self::Failed { run, .. }
            | Self::Stopped { run, .. } => Some(run),
        }
    }

    /// The URL of the worker; `None` unless the assistant is active.
    #[must_use]
    pub fn worker_url(&self) -> Option<&str> {
        match self {
            Self::Active { worker_url, .. } => Some(worker_url),
            _ => None,
        }
    }

    /// Why the assistant failed or was stopped; `None` in other states, and if its owner stopped it.
    #[must_use]
    pub const fn failure(&self) -> Option<FailureCode> {
        match self {
            Self::Failed { failure, .. } => Some(*failure),
            Self::Stopped { reason, .. } => *reason,
            _ => None,
        }
    }

    /// Whether a worker is running or being started.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Deploying { .. } | Self::Active { .. })
    }

    /// Whether the assistant has not been activated yet: the API's `isPrebuy`.
    #[must_use]
    pub const fn is_prebuy(&self) -> bool {
        matches!(self, Self::PendingPayment | Self::Purchased)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
