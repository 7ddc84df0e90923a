//! A unit of work: one conditional update with its event, deliveries and jobs in one transaction. Subscribers and other
//! processes learn of the changes once it is committed.

use reef_domain::ids::{AssistantId, DeliveryId, EventId, JobId, UserId};
use reef_domain::wire::{ApiMode, Status};
use reef_domain::{Assistant, Timestamp};
use reef_store::{DeliveryRow, DeliveryState, EventKind, EventRow, NewJob, Tx, UserRow};
use thiserror::Error as ThisError;
use uuid::Uuid;

use crate::callbacks;
use crate::caller::Caller;
use crate::error::Error;
use crate::event_bus::{AssistantChange, NEW_JOBS, access_notification};
use crate::jobs::Job;
use crate::payments::VERIFY_AFTER;
use crate::services::Services;

/// The row was locked and still has a newer version, so the locking is broken.
#[derive(Debug, ThisError)]
#[error("assistant {0} was changed concurrently")]
struct LostUpdate(String);

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
    /// Writes `after` over `before`. A change of the status is recorded as an event and delivered to the owner's
    /// endpoint; a failure or a payment problem is mailed to the owner.
    pub async fn save(&mut self, before: &Assistant, after: Assistant) -> Result<Assistant, Error> {
        let after = self.save_without_mail(before, after).await?;
        self.enqueue_change_mail(before, &after).await?;
        Ok(after)
    }

    /// As [`Self::save`], without the mail: another change follows in the same transaction, and the owner is mailed
    /// about the result of both.
    pub async fn save_without_mail(
        &mut self,
        before: &Assistant,
        mut after: Assistant,
    ) -> Result<Assistant, Error> {
        if before.record() != after.record() {
            after.updated_at = self.now;
            self.changes.push(AssistantChange { user_id: after.user_id, assistant_id: after.id });
        }
        let previous = before.state.status();
        let status_changed = previous != after.state.status();
        after.sequence += i64::from(status_changed);
        if !self.tx.update_assistant(&mut after).await? {
            return Err(Error::internal(LostUpdate(after.id.to_string())));
        }
        // Only a running assistant may spend credit.
        if after.mode == ApiMode::Managed && before.state.is_running() != after.state.is_running() {
            self.enqueue(Job::ManagedKey { assistant_id: after.id }).await?;
        }
        if status_changed {
            self.record_event(&after, EventKind::StatusChanged, Some(previous)).await?;
        }
        Ok(after)
    }

    /// Records an event at the assistant's sequence, and enqueues its delivery if an endpoint is set.
    pub async fn record_event(
        &mut self,
        a: &Assistant,
        kind: EventKind,
        previous: Option<Status>,
    ) -> Result<(), Error> {
        let note = self.note.take_if(|_| kind == EventKind::StatusChanged);
        let event = EventRow { note, ..self.new_event(a, kind, previous) };
        self.tx.insert_event(&event).await?;
        // Callbacks begin with the activation (contract of v1).
        if let (Some(url), false) = (&a.config.callback_url, a.state.is_prebuy()) {
            let delivery_id = DeliveryId::new(self.services.new_uuid());
            let delivery = DeliveryRow {
                id: delivery_id,
                assistant_id: a.id,
                user_id: a.user_id,
                sequence: event.sequence,
                url: url.clone(),
                payload: callbacks::render_payload(&event),
                state: DeliveryState::Pending,
                attempts: 0,
                last_status: None,
                last_error: None,
                created_at: self.now,
                finished_at: None,
            };
            self.tx.insert_delivery(&delivery).await?;
            self.enqueue_for(a.user_id, Job::Callback { delivery_id }).await?;
        }
        Ok(())
    }

    fn new_event(&self, a: &Assistant, kind: EventKind, previous: Option<Status>) -> EventRow {
        EventRow {
            id: EventId::new(self.services.new_uuid()),
            assistant_id: a.id,
            user_id: a.user_id,
            sequence: a.sequence,
            kind,
            status: a.state.status(),
            previous_status: previous,
            status_message: a.status_message(),
            note: None,
            // A deleted assistant has no worker.
            worker_url: a.state.worker_url().filter(|_| kind == EventKind::StatusChanged).map(str::to_owned),
            created_at: self.now,
        }
    }

    /// Records an event about a payment, with a message for the owner.
    pub async fn record_payment_flag(&mut self, mut a: Assistant, message: &str) -> Result<(), Error> {
        a.sequence += 1;
        if !self.tx.update_assistant(&mut a).await? {
            return Err(Error::internal(LostUpdate(a.id.to_string())));
        }
        let event = EventRow {
            status_message: Some(message.to_owned()),
            ..self.new_event(&a, EventKind::PaymentFlagged, Some(a.state.status()))
        };
        self.tx.insert_event(&event).await?;
        self.record_change(&a);
        Ok(())
    }

    /// Enqueues the revocation of a subscription that pays for no assistant; the job repeats until Polar confirms it.
    /// Returns whether the revocation is new.
    pub async fn enqueue_revocation(
        &mut self,
        assistant_id: AssistantId,
        subscription: &str,
        reason: &str,
    ) -> Result<bool, Error> {
        let is_new = self.tx.insert_revocation(subscription, assistant_id, reason, self.now).await?;
        if is_new {
            self.enqueue(Job::RevokeSubscription { subscription_id: subscription.to_owned() }).await?;
            self.tx.schedule_payment_check(assistant_id, self.now.plus(VERIFY_AFTER), self.now).await?;
        }
        Ok(is_new)
    }

    /// Publishes a change that [`Self::save`] does not see.
    pub fn record_change(&mut self, a: &Assistant) {
        self.changes.push(AssistantChange { user_id: a.user_id, assistant_id: a.id });
    }

    /// As [`Self::record_change`], for an assistant that may be deleted.
    pub fn record_change_of(&mut self, user_id: UserId, assistant_id: AssistantId) {
        self.changes.push(AssistantChange { user_id, assistant_id });
    }

    /// Enqueues a job to run as soon as this is committed.
    pub async fn enqueue(&mut self, job: Job) -> Result<(), Error> {
        self.enqueue_at(job, self.now).await.map(drop)
    }

    /// As [`Self::enqueue`], for a job that counts toward an account's share of the concurrent jobs.
    pub async fn enqueue_for(&mut self, user: UserId, job: Job) -> Result<(), Error> {
        let row = job.row(JobId::new(self.new_uuid()), self.now)?;
        self.tx.enqueue(&NewJob { concurrency_key: Some(user.to_string()), ..row }, self.now).await?;
        self.has_new_jobs = true;
        Ok(())
    }

    /// Enqueues a job to run at `at`. Returns the new job's id, even if a job with the same dedup key was there
    /// already.
    pub async fn enqueue_at(&mut self, job: Job, at: Timestamp) -> Result<JobId, Error> {
        let id = JobId::new(self.new_uuid());
        self.tx.enqueue(&job.row(id, at)?, self.now).await?;
        self.has_new_jobs = true;
        Ok(id)
    }

    /// Creates an id with the injected clock and randomness.
    pub fn new_uuid(&self) -> Uuid {
        self.services.new_uuid()
    }

    /// Requires that the caller has given the password that the account has now, and locks the account until the
    /// transaction ends. A session that a password change ends therefore fails here if it has not failed before.
    pub async fn require_password(&mut self, caller: &Caller) -> Result<UserRow, Error> {
        self.tx.lock_user(caller.user_id).await?;
        let user = self.tx.find_user(caller.user_id).await?.ok_or(Error::Unauthorized)?;
        caller.require_current_password(&user)?;
        Ok(user)
    }

    /// As [`Self::commit`], and ends the streams that the account's revoked sessions or keys have open.
    pub async fn commit_access_revoked(mut self, user: UserId) -> Result<(), Error> {
        self.tx.notify(&access_notification(user)).await?;
        let services = self.services;
        self.commit().await?;
        services.event_bus().publish_access_revoked(user);
        Ok(())
    }

    /// Commits, then publishes the changes and wakes the job runner.
    pub async fn commit(mut self) -> Result<(), Error> {
        for change in &self.changes {
            self.tx.notify(&change.notification()).await?;
        }
        if self.has_new_jobs {
            self.tx.notify(NEW_JOBS).await?;
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
