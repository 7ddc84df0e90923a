//! The state machine of an assistant: the contract's table, row by row.
//!
//! A state carries the data that exists only in it. A transition consumes the state and gives the next
//! one, or says from where and with what it was tried. Every deployment run carries a generation; what
//! a run of an older generation reports does not match any row and is dropped by whoever asked.

use thiserror::Error;

use crate::failure::FailureCode;
use crate::timestamp::Timestamp;
use crate::wire::Status;

/// A worker's name and which deployment run it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `openclaw-` and 8 hex digits; made at activation, the same for life.
    pub worker_name: String,
    /// Grows by one with every deployment run, and with every stop, so that late results are known.
    pub generation: i64,
}

impl Run {
    fn next(self) -> Self {
        Self { generation: self.generation + 1, ..self }
    }
}

/// Where an assistant stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Ordered, not paid.
    PendingPayment,
    /// Paid, waiting for its name, model and bot.
    Purchased,
    /// A deployment run is under way.
    Deploying {
        /// The run.
        run: Run,
        /// When the run ends as `failed` if it has not ended before.
        deadline: Timestamp,
    },
    /// The worker answers.
    Active {
        /// The run that started the worker.
        run: Run,
        /// Where the worker host says the worker is.
        worker_url: String,
    },
    /// The last run failed, or the worker vanished.
    Failed {
        /// The run that failed.
        run: Run,
        /// Why.
        failure: FailureCode,
    },
    /// No worker runs.
    Stopped {
        /// The last run.
        run: Run,
        /// Why, when it was not the owner's wish.
        reason: Option<FailureCode>,
    },
}

/// What can happen to an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Polar confirms a paid order or an active subscription.
    PaymentConfirmed,
    /// The owner configures a purchased slot.
    Activate {
        /// The name its worker has for life.
        worker_name: String,
        /// When the run must have ended.
        deadline: Timestamp,
    },
    /// The owner changes the configuration.
    Patch,
    /// A run has brought its worker up.
    WorkerReady {
        /// Which run.
        generation: i64,
        /// Where the worker is.
        worker_url: String,
    },
    /// A run has failed or is over its deadline.
    DeployFailed {
        /// Which run.
        generation: i64,
        /// Why.
        failure: FailureCode,
    },
    /// The worker of an active assistant is no longer there.
    WorkerVanished {
        /// The run that had started it.
        generation: i64,
    },
    /// The owner asks for a fresh deployment.
    Redeploy {
        /// When the run must have ended.
        deadline: Timestamp,
    },
    /// The owner stops it; the worker is gone already.
    Stop,
    /// The subscription has ended.
    SubscriptionRevoked,
    /// The subscription is paused: nothing is paid until it goes on.
    SubscriptionPaused,
    /// The subscription is paid again after a pause or an end.
    SubscriptionResumed {
        /// When the run of what the pause had stopped must have ended.
        deadline: Timestamp,
    },
}

impl Event {
    /// The event's name, for messages and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PaymentConfirmed => "payment confirmed",
            Self::Activate { .. } => "activate",
            Self::Patch => "update",
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

    /// The states in which the event is allowed, for a customer's error message.
    #[must_use]
    pub const fn allowed(&self) -> &'static [Status] {
        use Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
        match self {
            Self::PaymentConfirmed => &[PendingPayment, Purchased],
            Self::Activate { .. } => &[Purchased],
            Self::Patch => &[Purchased, Stopped, Failed],
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

/// The event does not fit the state, or came from a run that is no longer the current one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{event} is not possible while {from}")]
pub struct InvalidTransition {
    /// The status it was tried in.
    pub from: Status,
    /// What was tried.
    pub event: &'static str,
    /// Where it would have been possible.
    pub allowed: &'static [Status],
}

impl State {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`InvalidTransition`] when the table has no such cell, or the event's generation is not the
    /// current one.
    pub fn apply(self, event: Event) -> Result<Self, InvalidTransition> {
        use State::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
        let from = self.status();
        let (name, allowed) = (event.name(), event.allowed());
        let no = InvalidTransition { from, event: name, allowed };
        Ok(match (self, event) {
            // payment confirmed
            (PendingPayment | Purchased, Event::PaymentConfirmed) => Purchased,

            // activate
            (Purchased, Event::Activate { worker_name, deadline }) => {
                Deploying { run: Run { worker_name, generation: 1 }, deadline }
            }

            // PATCH: never another status
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::Patch) => state,

            // a run reports
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

            // redeploy
            (Active { run, .. } | Failed { run, .. } | Stopped { run, .. }, Event::Redeploy { deadline }) => {
                Deploying { run: run.next(), deadline }
            }

            // stop; what a pause has stopped does not start again by itself then, else nothing changes on `stopped`
            (Deploying { run, .. } | Active { run, .. } | Failed { run, .. }, Event::Stop) => {
                Stopped { run: run.next(), reason: None }
            }
            (Stopped { run, reason: Some(FailureCode::SubscriptionPaused) }, Event::Stop) => {
                Stopped { run, reason: None }
            }
            (state @ Stopped { .. }, Event::Stop) => state,

            // subscription revoked; after that nothing starts again by itself
            (Deploying { run, .. } | Active { run, .. }, Event::SubscriptionRevoked) => {
                Stopped { run: run.next(), reason: Some(FailureCode::SubscriptionEnded) }
            }
            (Stopped { run, reason: Some(FailureCode::SubscriptionPaused) }, Event::SubscriptionRevoked) => {
                Stopped { run, reason: Some(FailureCode::SubscriptionEnded) }
            }
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::SubscriptionRevoked) => state,

            // subscription paused; the reason remembers that the pause has stopped it
            (Deploying { run, .. } | Active { run, .. }, Event::SubscriptionPaused) => {
                Stopped { run: run.next(), reason: Some(FailureCode::SubscriptionPaused) }
            }
            // An end that was taken back as a pause: it is not over, and the pause has stopped nothing.
            (Stopped { run, reason: Some(FailureCode::SubscriptionEnded) }, Event::SubscriptionPaused) => {
                Stopped { run, reason: None }
            }
            (state @ (Purchased | Failed { .. } | Stopped { .. }), Event::SubscriptionPaused) => state,

            // subscription resumed; what an end has stopped is its owner's to start
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

            _ => return Err(no),
        })
    }

    /// The same deployment as a run of the next generation, so that what the one before reports is dropped; any other
    /// state as it is.
    #[must_use]
    pub fn begun_anew(self) -> Self {
        match self {
            Self::Deploying { run, deadline } => Self::Deploying { run: run.next(), deadline },
            other => other,
        }
    }

    /// The status customers see.
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

    /// The last run; `None` before activation.
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

    /// Where the worker is; only while active.
    #[must_use]
    pub fn worker_url(&self) -> Option<&str> {
        match self {
            Self::Active { worker_url, .. } => Some(worker_url),
            _ => None,
        }
    }

    /// What there is to say about the status.
    #[must_use]
    pub const fn failure(&self) -> Option<FailureCode> {
        match self {
            Self::Failed { failure, .. } => Some(*failure),
            Self::Stopped { reason, .. } => *reason,
            _ => None,
        }
    }

    /// Whether a worker runs or is being brought up.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Deploying { .. } | Self::Active { .. })
    }

    /// True from purchase to activation, false ever after.
    #[must_use]
    pub const fn is_prebuy(&self) -> bool {
        matches!(self, Self::PendingPayment | Self::Purchased)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
