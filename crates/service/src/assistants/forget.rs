//! The job that deletes what a deleted assistant remembered.

use reef_domain::ids::AssistantId;
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};

use crate::services::Services;

/// Delete the conversations of a deleted assistant at its worker host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForgetConversations {
    pub assistant_id: AssistantId,
}

impl Job<Services> for ForgetConversations {
    const KIND: &'static str = "forget";
    const CONCURRENCY: usize = 4;
    const RETRY: RetryPolicy = RetryPolicy::at_most(20, Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        self.assistant_id.to_string()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services
            .ports()
            .workers
            .forget(self.assistant_id)
            .await
            .map_err(|error| JobError::Retry(error.into()))
    }
}
