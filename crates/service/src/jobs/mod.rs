//! Durable work: enqueued in the transaction it follows from, done at least once, visible when given up.
//!
//! A job carries ids only and looks everything else up when it runs, so it is idempotent: it brings about
//! what should be so, whatever it was when it was enqueued.

mod callback;
mod check_bot;
mod deploy;
mod mail;
mod maintenance;
mod removal;
mod runner;
mod timers;

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, DeliveryId, JobId, MailId};
use reef_store::{NewJob, StoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use check_bot::CHECK_AFTER;
pub use runner::Runner;

use crate::error::Error;
use crate::ports::WorkerRef;
use crate::services::Services;

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Bring a deployment run to its end.
    Deploy {
        /// Of which assistant.
        assistant_id: AssistantId,
        /// Its worker: known even after the assistant has been deleted.
        worker_name: String,
        /// Which run; an older one than the current only cleans up after itself.
        generation: i64,
    },
    /// Make sure that a worker is gone, whose assistant was stopped without waiting for it.
    RemoveWorker {
        /// Of which assistant.
        assistant_id: AssistantId,
        /// Which worker.
        worker_name: String,
        /// Of which run, or an older one.
        generation: i64,
    },
    /// See that an assistant's bot is as its status says: something may have been done to it half.
    CheckBot {
        /// Of which assistant.
        assistant_id: AssistantId,
        /// Which of the reasons to look: each is looked after by a job of its own.
        reason: Uuid,
    },
    /// Try to deliver a callback.
    Callback {
        /// Which.
        delivery_id: DeliveryId,
    },
    /// Send a mail.
    Mail {
        /// Which.
        mail_id: MailId,
    },
    /// Work off Polar's webhooks.
    Polar {},
    /// End a subscription at Polar.
    RevokeSubscription {
        /// Which.
        subscription_id: String,
    },
    /// End a managed assistant's model key.
    DeleteManagedKey {
        /// OpenRouter's name for it.
        hash: String,
    },
    /// Bring a managed assistant's model key in line with the assistant; end it when that is gone.
    ManagedKey {
        /// Of which assistant.
        assistant_id: AssistantId,
    },
    /// Read back what was spent through managed keys.
    ReadManagedKeys {},
    /// Read the model catalog anew.
    RefreshCatalog {},
    /// Have the worker host destroy what a deleted assistant remembered.
    Forget {
        /// Which.
        assistant_id: AssistantId,
    },
}

/// Why a job has not been done.
#[derive(Debug)]
pub enum JobError {
    /// Try again after a while.
    Retry(Box<dyn std::error::Error + Send + Sync>),
    /// Try again at this moment: the job knows better.
    RetryAt(Timestamp, String),
    /// Never again; it stays visible.
    Fail(String),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Retry(error.into())
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Retry(error.into())
    }
}

fn worker_of(assistant_id: AssistantId, worker_name: &str, generation: i64) -> WorkerRef {
    WorkerRef { assistant_id, worker_name: worker_name.to_owned(), generation }
}

impl Job {
    /// Every kind, with how many of it run at once in one process.
    pub(crate) const LANES: [(&'static str, usize); 12] = [
        ("deploy", 32),
        ("remove_worker", 8),
        ("check_bot", 8),
        ("callback", 32),
        ("mail", 4),
        // One: webhooks are worked off in order.
        ("polar", 1),
        ("revoke_subscription", 4),
        ("delete_managed_key", 2),
        ("managed_key", 4),
        ("read_managed_keys", 1),
        ("refresh_catalog", 1),
        ("forget", 4),
    ];

    /// Of the places of a kind those that one account may hold, over all processes: where how long a job takes is for a
    /// customer's own server to say.
    pub(crate) fn per_account(kind: &str) -> Option<i64> {
        (kind == "callback").then_some(4)
    }

    /// The job's kind, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Deploy { .. } => "deploy",
            Self::RemoveWorker { .. } => "remove_worker",
            Self::CheckBot { .. } => "check_bot",
            Self::Callback { .. } => "callback",
            Self::Mail { .. } => mail::KIND,
            Self::Polar {} => "polar",
            Self::RevokeSubscription { .. } => "revoke_subscription",
            Self::DeleteManagedKey { .. } => "delete_managed_key",
            Self::ManagedKey { .. } => "managed_key",
            Self::ReadManagedKeys {} => "read_managed_keys",
            Self::RefreshCatalog {} => "refresh_catalog",
            Self::Forget { .. } => "forget",
        }
    }

    /// Every kind there is.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        Self::LANES.into_iter().map(|(kind, _)| kind)
    }

    /// At most one job that waits or runs has this key.
    pub(crate) fn dedup_key(&self) -> String {
        match self {
            Self::Deploy { assistant_id, generation, .. } => format!("deploy:{assistant_id}:{generation}"),
            Self::RemoveWorker { worker_name, generation, .. } => {
                format!("remove_worker:{worker_name}:{generation}")
            }
            Self::CheckBot { assistant_id, reason } => {
                format!("{}{reason}", check_bot::prefix(*assistant_id))
            }
            Self::Callback { delivery_id } => format!("callback:{delivery_id}"),
            Self::Mail { mail_id } => format!("mail:{mail_id}"),
            Self::Polar {} => "polar".to_owned(),
            Self::RevokeSubscription { subscription_id } => format!("revoke_subscription:{subscription_id}"),
            Self::DeleteManagedKey { hash } => format!("delete_managed_key:{hash}"),
            Self::ManagedKey { assistant_id } => format!("managed_key:{assistant_id}"),
            Self::ReadManagedKeys {} => "read_managed_keys".to_owned(),
            Self::RefreshCatalog {} => "refresh_catalog".to_owned(),
            Self::Forget { assistant_id } => format!("forget:{assistant_id}"),
        }
    }

    /// The row to enqueue.
    pub(crate) fn row(&self, id: JobId, run_at: Timestamp) -> Result<NewJob, Error> {
        let payload = serde_json::to_value(self).map_err(Error::internal)?;
        Ok(NewJob {
            id,
            kind: self.kind(),
            dedup_key: Some(self.dedup_key()),
            payload,
            run_at,
            traceparent: crate::trace::current(),
            share: None,
        })
    }

    /// After how many tries the job is given up; `None` for what must happen, however long it takes.
    const fn tries_max(&self) -> Option<i64> {
        match self {
            Self::Forget { .. } | Self::CheckBot { .. } => Some(20),
            // Some four hours.
            Self::Mail { .. } => Some(15),
            // A callback's own schedule ends it, its deadline a deployment; the others concern money.
            _ => None,
        }
    }

    /// How long to wait after the `attempts`-th failure, before jitter.
    fn back_off(&self, attempts: i64) -> Duration {
        const SOON: Duration = Duration::from_secs(30);
        const SELDOM: Duration = Duration::from_secs(3600);
        /// After so many tries a deployment is over its deadline, and only taking away what it made is left to do.
        const DEPLOY_TRIES: i64 = 15;
        let (first, ceiling) = match self {
            Self::Deploy { .. } if attempts > DEPLOY_TRIES => (Duration::from_millis(500), SELDOM),
            Self::Deploy { .. } | Self::Polar {} => (Duration::from_millis(500), SOON),
            _ => (Duration::from_secs(2), SELDOM),
        };
        let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
        first.saturating_mul(1 << doublings).min(ceiling)
    }

    /// Does it.
    pub(crate) async fn run(&self, services: &Services) -> Result<(), JobError> {
        match self {
            Self::Deploy { assistant_id, worker_name, generation } => {
                services.run_deployment(&worker_of(*assistant_id, worker_name, *generation)).await
            }
            Self::RemoveWorker { assistant_id, worker_name, generation } => {
                services.remove_stopped_worker(&worker_of(*assistant_id, worker_name, *generation)).await
            }
            Self::CheckBot { assistant_id, .. } => services.check_bot(*assistant_id).await,
            Self::Callback { delivery_id } => services.deliver_callback(*delivery_id).await,
            Self::Mail { mail_id } => services.send_mail(*mail_id).await,
            Self::Polar {} => services.work_off_polar().await,
            Self::RevokeSubscription { subscription_id } => {
                services.revoke_subscription(subscription_id).await
            }
            Self::DeleteManagedKey { hash } => services.delete_managed_key(hash).await,
            Self::ManagedKey { assistant_id } => services.keep_managed_key(*assistant_id).await,
            Self::ReadManagedKeys {} => services.read_managed_keys().await,
            Self::RefreshCatalog {} => services.refresh_catalog().await,
            Self::Forget { assistant_id } => services.forget_assistant(*assistant_id).await,
        }
    }
}
