//! Failing assistants whose deployment never ended, and those whose worker has vanished.

use std::time::Duration;

use reef_domain::FailureCode;
use reef_domain::state::Event;
use reef_domain::wire::Status;

use crate::deployments::worker::worker_ref;
use crate::error::Error;
use crate::services::Services;

/// The most assistants that one check fails.
const BATCH: i64 = 100;
/// The most active assistants whose workers are checked at once.
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

    /// Fails active assistants whose worker has vanished from its host.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn fail_missing_workers(&self) -> Result<(), Error> {
        let active = {
            let mut tx = self.store().read().await?;
            tx.list_assistants_by_status(Status::Active, WORKERS_BATCH).await?
        };
        let workers: Vec<_> = active.iter().filter_map(|a| Some(worker_ref(a, a.state.run()?))).collect();
        for gone in self.ports().workers.missing(&workers).await.map_err(Error::internal)? {
            let event = Event::WorkerVanished { generation: gone.generation };
            if self.fail_run(&gone, event).await? {
                tracing::warn!(assistant_id = %gone.assistant_id, "worker vanished");
            }
        }
        Ok(())
    }
}
