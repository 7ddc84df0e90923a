//! The job that deletes a model key at OpenRouter.

use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};

use crate::services::Services;

/// Delete a managed key at OpenRouter.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeleteManagedKey {
    /// OpenRouter's id of the key.
    pub hash: String,
}

impl Job<Services> for DeleteManagedKey {
    const KIND: &'static str = "delete_managed_key";
    const CONCURRENCY: usize = 2;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        self.hash.clone()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        let Some(keys) = &services.ports().managed_keys else {
            return Err(JobError::Retry("no management key is configured".into()));
        };
        keys.delete(&self.hash).await.map_err(|error| JobError::Retry(error.into()))
    }
}
