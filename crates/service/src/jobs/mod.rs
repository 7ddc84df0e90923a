//! Durable jobs: enqueued in the transaction that causes them, run at least once, and kept visible when they are dead.
//!
//! A job carries ids only and reads everything else when it runs. It brings about the state that the database asks for then,
//! so it is idempotent.

mod callback;
mod check_bot;
mod cleanup;
mod deploy;
mod mail;
mod maintenance;
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
use crate::services::Services;
use reef_ports::WorkerRef;

/// A job with its payload. The variants and fields are stored, so their names are fixed.
#[expect(
    missing_docs,
    reason = "a field names the row that the job is about, and that is all there is to say"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Carry out a deployment run.
    Deploy {
        assistant_id: AssistantId,
        /// Stored here because the worker outlives the row of a deleted assistant.
        worker_name: String,
        /// A run that is older than the current one only cleans up after itself.
        generation: i64,
    },
    /// Remove the worker of an assistant that was stopped without waiting for the removal.
    RemoveWorker {
        assistant_id: AssistantId,
        worker_name: String,
        /// Workers of this run and of older ones are removed.
        generation: i64,
    },
    /// Reconcile a bot's webhook with its assistant's status after an interrupted removal.
    CheckBot {
        assistant_id: AssistantId,
        /// Distinguishes the removals of an assistant, each of which has a check of its own.
        reason: Uuid,
    },
    /// Attempt to deliver a callback.
    Callback { delivery_id: DeliveryId },
    /// Send one email of the outbox.
    Mail { mail_id: MailId },
    /// Process Polar's webhooks in the inbox.
    Polar {},
    /// Revoke a subscription at Polar.
    RevokeSubscription { subscription_id: String },
    /// Delete a managed key at OpenRouter.
    DeleteManagedKey {
        /// OpenRouter's id of the key.
        hash: String,
    },
    /// Reconcile an assistant's managed key with its status and credit, and delete it once the assistant is deleted.
    ManagedKey { assistant_id: AssistantId },
    /// Record what was spent through managed keys.
    ReadManagedKeys {},
    /// Refresh the model catalog.
    RefreshCatalog {},
    /// Delete the conversations of a deleted assistant at its worker host.
    Forget { assistant_id: AssistantId },
}

/// Why a run of a job did not complete it.
#[derive(Debug)]
pub enum JobError {
    /// Retry with the backoff of the job.
    Retry(Box<dyn std::error::Error + Send + Sync>),
    /// Retry at this time, for this reason.
    RetryAt(Timestamp, String),
    /// Mark the job dead.
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

fn worker_ref_of(assistant_id: AssistantId, worker_name: &str, generation: i64) -> WorkerRef {
    WorkerRef { assistant_id, worker_name: worker_name.to_owned(), generation }
}

impl Job {
    /// Every kind with its concurrency in one process.
    pub(crate) const CONCURRENCY: [(&'static str, usize); 12] = [
        ("deploy", 32),
        ("remove_worker", 8),
        ("check_bot", 8),
        ("callback", 32),
        ("mail", 4),
        // One at a time, because webhooks are processed in order.
        ("polar", 1),
        ("revoke_subscription", 4),
        ("delete_managed_key", 2),
        ("managed_key", 4),
        ("read_managed_keys", 1),
        ("refresh_catalog", 1),
        ("forget", 4),
    ];

    /// The most jobs of a kind that one account may have running over all processes. A limit is needed where a customer's
    /// server decides how long a job takes.
    pub(crate) fn account_limit(kind: &str) -> Option<i64> {
        (kind == "callback").then_some(4)
    }

    /// The kind as it is stored and as metrics name it.
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

    /// All kinds, for metrics that list each of them.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        Self::CONCURRENCY.into_iter().map(|(kind, _)| kind)
    }

    /// At most one waiting or running job has this key.
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

    pub(crate) fn row(&self, id: JobId, run_at: Timestamp) -> Result<NewJob, Error> {
        let payload = serde_json::to_value(self).map_err(Error::internal)?;
        Ok(NewJob {
            id,
            kind: self.kind(),
            dedup_key: Some(self.dedup_key()),
            payload,
            run_at,
            traceparent: crate::trace::current_traceparent(),
            concurrency_key: None,
        })
    }

    /// The attempts after which the job is dead; `None` for a job that has to succeed, however long it takes.
    const fn max_attempts(&self) -> Option<i64> {
        match self {
            Self::Forget { .. } | Self::CheckBot { .. } => Some(20),
            // With the backoff below, 15 attempts take about four hours.
            Self::Mail { .. } => Some(15),
            // Callbacks end by their own schedule and deployments by their deadline; the others concern money.
            _ => None,
        }
    }

    /// The wait after the `attempts`-th failure, before jitter.
    fn backoff(&self, attempts: i64) -> Duration {
        const SHORT_CEILING: Duration = Duration::from_secs(30);
        const LONG_CEILING: Duration = Duration::from_secs(3600);
        /// After this many attempts a deployment is past its deadline, and only its cleanup is left.
        const DEPLOY_ATTEMPTS: i64 = 15;
        let (first, ceiling) = match self {
            Self::Deploy { .. } if attempts > DEPLOY_ATTEMPTS => (Duration::from_millis(500), LONG_CEILING),
            Self::Deploy { .. } | Self::Polar {} => (Duration::from_millis(500), SHORT_CEILING),
            _ => (Duration::from_secs(2), LONG_CEILING),
        };
        let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
        first.saturating_mul(1 << doublings).min(ceiling)
    }

    pub(crate) async fn run(&self, services: &Services) -> Result<(), JobError> {
        match self {
            Self::Deploy { assistant_id, worker_name, generation } => {
                services.run_deployment(&worker_ref_of(*assistant_id, worker_name, *generation)).await
            }
            Self::RemoveWorker { assistant_id, worker_name, generation } => {
                services.remove_stopped_worker(&worker_ref_of(*assistant_id, worker_name, *generation)).await
            }
            Self::CheckBot { assistant_id, .. } => services.reconcile_bot(*assistant_id).await,
            Self::Callback { delivery_id } => services.send_callback(*delivery_id).await,
            Self::Mail { mail_id } => services.send_mail(*mail_id).await,
            Self::Polar {} => services.process_polar_inbox().await,
            Self::RevokeSubscription { subscription_id } => {
                services.revoke_subscription(subscription_id).await
            }
            Self::DeleteManagedKey { hash } => services.delete_managed_key(hash).await,
            Self::ManagedKey { assistant_id } => services.reconcile_managed_key(*assistant_id).await,
            Self::ReadManagedKeys {} => services.record_managed_key_usage().await,
            Self::RefreshCatalog {} => services.refresh_catalog().await,
            Self::Forget { assistant_id } => services.delete_conversations(*assistant_id).await,
        }
    }
}
