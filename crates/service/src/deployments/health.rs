//! Failing assistants whose deployment never ended, and those whose worker has vanished.

use std::time::Duration;

use reef_domain::FailureCode;
use reef_domain::state::{Event, Run};
use reef_ports::WorkerRef;

use crate::deployments::worker::worker_ref;
use crate::error::Error;
use crate::services::Services;

/// The most assistants that one check fails.
const BATCH: i64 = 100;
/// The most active assistants whose workers are checked at once. More are checked in several rounds: a million in ten minutes.
const WORKERS_BATCH: i64 = 20_000;

impl Services {
    /// Fails deployments that are past their deadline because their job was lost.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn fail_overdue_deployments(&self) -> Result<(), Error> {
        // A run with a live job ends by its own deadline, so others get some extra time.
        let late = self.now().minus(Duration::from_secs(15));
        let overdue = {
            let mut tx = self.store().read().await?;
            tx.list_overdue_deployments(late, BATCH).await?
        };
        for a in overdue {
            let Some(run) = a.state.run() else { continue };
            let event =
                Event::DeployFailed { generation: run.generation, failure: FailureCode::DeployTimeout };
            if self.fail_run(&worker_ref(&a, run), event).await? {
                tracing::warn!(assistant_id = %a.id, "deployment exceeded its deadline");
            }
        }
        Ok(())
    }

    /// Fails active assistants whose worker has vanished from its host. If there are many, each call checks some of them,
    /// those that come after the ones of the call before.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn fail_missing_workers(&self) -> Result<(), Error> {
        self.fail_missing_workers_of(WORKERS_BATCH).await
    }

    /// As [`Self::fail_missing_workers`], for at most `limit` assistants.
    ///
    /// # Errors
    /// [`Error::Internal`]; the next call checks the same assistants.
    pub async fn fail_missing_workers_of(&self, limit: i64) -> Result<(), Error> {
        let after = *self.last_checked_worker();
        let runs = self.store().read().await?.list_active_runs(after, limit).await?;
        let is_last_round = usize::try_from(limit).is_ok_and(|limit| runs.len() < limit);
        let last = runs.last().map(|(id, _)| *id).filter(|_| !is_last_round);
        let workers: Vec<_> = runs
            .into_iter()
            .map(|(assistant_id, Run { worker_name, generation })| WorkerRef {
                assistant_id,
                worker_name,
                generation,
            })
            .collect();
        for gone in self.ports().workers.missing(&workers).await.map_err(Error::internal)? {
            let event = Event::WorkerVanished { generation: gone.generation };
            if self.fail_run(&gone, event).await? {
                tracing::warn!(assistant_id = %gone.assistant_id, "worker vanished");
            }
        }
        *self.last_checked_worker() = last;
        Ok(())
    }
}
