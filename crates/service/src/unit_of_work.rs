//! A unit of work: a transaction with the jobs that it enqueues and the changes that are published once it is committed.

use reef_domain::ids::{AssistantId, JobId, UserId};
use reef_domain::{Assistant, Timestamp};
use reef_jobs::{Job, new_job};
use reef_store::{NewJob, Notification, Tx};
use uuid::Uuid;

use crate::error::Error;
use crate::events::event_bus::AssistantChange;
use crate::idempotency::Outcome;
use crate::services::Services;

/// A job that the runner knows. The list in `jobs.rs` implements it.
pub(crate) trait RegisteredJob: Job<Services> {}

/// An open transaction, and the changes to publish once it is committed.
pub(crate) struct UnitOfWork<'a> {
    /// Creates ids, and publishes changes after the commit.
    pub services: &'a Services,
    /// The transaction that everything is written in.
    pub tx: Tx,
    /// The time of everything that happens in this unit of work.
    pub now: Timestamp,
    /// What pages say about the next event of a changed status, and no other.
    pub note: Option<String>,
    changes: Vec<AssistantChange>,
    has_new_jobs: bool,
}

impl Services {
    /// Starts a unit of work and its transaction.
    pub(crate) async fn unit_of_work(&self) -> Result<UnitOfWork<'_>, Error> {
        let tx = self.store().begin().await?;
        let now = self.now();
        Ok(UnitOfWork { services: self, tx, now, note: None, changes: Vec::new(), has_new_jobs: false })
    }
}

impl UnitOfWork<'_> {
    /// Publishes a change that [`Self::save`] does not see.
    pub fn record_change(&mut self, a: &Assistant) {
        self.changes.push(AssistantChange { user_id: a.user_id, assistant_id: a.id });
    }

    /// As [`Self::record_change`], for an assistant that may be deleted.
    pub fn record_change_of(&mut self, user_id: UserId, assistant_id: AssistantId) {
        self.changes.push(AssistantChange { user_id, assistant_id });
    }

    /// Enqueues a job to run as soon as this is committed.
    pub async fn enqueue(&mut self, job: impl RegisteredJob) -> Result<(), Error> {
        self.enqueue_at(job, self.now).await.map(drop)
    }

    /// As [`Self::enqueue`], for a job that counts toward an account's share of the concurrent jobs.
    pub async fn enqueue_for(&mut self, user: UserId, job: impl RegisteredJob) -> Result<(), Error> {
        let row = new_job(&job, JobId::new(self.new_uuid()), self.now).map_err(Error::internal)?;
        self.tx.enqueue(&NewJob { concurrency_key: Some(user.to_string()), ..row }, self.now).await?;
        self.has_new_jobs = true;
        Ok(())
    }

    /// Enqueues a job to run at `at`. Returns the new job's id, even if a job with the same dedup key was there
    /// already.
    pub async fn enqueue_at(&mut self, job: impl RegisteredJob, at: Timestamp) -> Result<JobId, Error> {
        let id = JobId::new(self.new_uuid());
        self.tx.enqueue(&new_job(&job, id, at).map_err(Error::internal)?, self.now).await?;
        self.has_new_jobs = true;
        Ok(id)
    }

    /// Whether a job was enqueued.
    pub const fn has_new_jobs(&self) -> bool {
        self.has_new_jobs
    }

    /// Creates an id with the injected clock and randomness.
    pub fn new_uuid(&self) -> Uuid {
        self.services.new_uuid()
    }

    /// As [`Self::commit`], and ends the streams that the account's revoked sessions or keys have open, in every process. On
    /// SQLite another process notices within a second that something has changed.
    pub async fn commit_access_revoked(mut self, user: UserId) -> Result<(), Error> {
        self.tx.notify(Notification::AccessRevoked { user_id: user });
        let services = self.services;
        self.commit(None).await?;
        services.event_bus().publish_access_revoked(user);
        Ok(())
    }

    /// Commits, then publishes the changes and wakes the job runner. `outcome` is what a caller's request has done, with
    /// which a repetition is answered; `None` while the request is not done, and for changes that nobody has requested.
    pub async fn commit(mut self, outcome: Option<&Outcome>) -> Result<(), Error> {
        if let Some(outcome) = outcome {
            self.record_outcome(outcome).await?;
        }
        for change in &self.changes {
            self.tx.notify((*change).into());
        }
        if self.has_new_jobs {
            self.tx.notify(Notification::NewJobs);
        }
        self.tx.commit().await?;
        for change in self.changes {
            self.services.event_bus().publish(change);
        }
        if self.has_new_jobs {
            self.services.event_bus().wake_job_runner();
        }
        Ok(())
    }
}
