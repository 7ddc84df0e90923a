//! The list of all jobs. Each is in a file of the feature that it belongs to; `docs/adding-a-job.md` says how to add one.

use reef_jobs::Registry;

use crate::assistants::ForgetConversations;
use crate::billing::credit::{DeleteManagedKey, ReadManagedKeys, ReconcileManagedKey};
use crate::billing::{ProcessPolarInbox, RevokeSubscription};
use crate::callbacks::DeliverCallback;
use crate::catalog::RefreshCatalog;
use crate::deployments::{CheckBot, Deploy, RemoveWorker};
use crate::mail::SendMail;
use crate::services::Services;
use crate::unit_of_work::RegisteredJob;
use crate::usage::AnnounceAllowance;

/// Runs the jobs of one process.
pub type Runner = reef_jobs::Runner<Services>;

/// Lists the jobs for the runner, and allows them to be enqueued: a job that is missing here does not compile where it
/// is enqueued.
macro_rules! register {
    ($($job:ty),+ $(,)?) => {
        $(impl RegisteredJob for $job {})+

        fn registry() -> Registry<Services> {
            Registry::default()$(.with::<$job>())+
        }
    };
}

// The runner looks for due jobs in this order.
register![
    Deploy,
    RemoveWorker,
    CheckBot,
    DeliverCallback,
    SendMail,
    AnnounceAllowance,
    ProcessPolarInbox,
    RevokeSubscription,
    DeleteManagedKey,
    ReconcileManagedKey,
    ReadManagedKeys,
    RefreshCatalog,
    ForgetConversations,
];

/// Creates a runner of all jobs.
#[must_use]
pub fn runner(services: Services) -> Runner {
    Runner::new(services, registry())
}

/// The names of all kinds of jobs, for metrics that list each of them.
#[must_use]
pub(crate) fn kinds() -> Vec<&'static str> {
    registry().names().collect()
}
