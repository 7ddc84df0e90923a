//! A unit of work: one conditional update, its event, its callbacks and its jobs, in one transaction;
//! then, and only then, the news.

use reef_domain::ids::{AssistantId, DeliveryId, EventId, JobId, UserId};
use reef_domain::wire::{ApiMode, Status};
use reef_domain::{Assistant, Timestamp};
use reef_store::{DeliveryRow, DeliveryState, EventKind, EventRow, NewJob, Tx, UserRow};
use thiserror::Error as ThisError;
use uuid::Uuid;

use crate::callbacks;
use crate::caller::Caller;
use crate::error::Error;
use crate::hub::{Changed, WORK, access_text};
use crate::jobs::Job;
use crate::payments::VERIFY_AFTER;
use crate::services::Services;

/// A row was changed by somebody else although it was locked.
#[derive(Debug, ThisError)]
#[error("assistant {0} was changed by somebody else")]
struct LostUpdate(String);

/// An open transaction and what is to be told after it.
pub(crate) struct Work<'a> {
    /// Whose transaction it is.
    pub services: &'a Services,
    /// The transaction.
    pub tx: Tx,
    /// The moment all of it happens at.
    pub now: Timestamp,
    changed: Vec<Changed>,
    jobs: bool,
}

impl Services {
    /// Begins a unit of work.
    pub(crate) async fn work(&self) -> Result<Work<'_>, Error> {
        let tx = self.store().begin().await?;
        Ok(Work { services: self, tx, now: self.now(), changed: Vec::new(), jobs: false })
    }
}

impl Work<'_> {
    /// Writes `after` over `before`: the row, and if the status changed, the event and its callback. Bad news goes to the
    /// owner by mail.
    pub async fn save(&mut self, before: &Assistant, after: Assistant) -> Result<Assistant, Error> {
        let after = self.save_without_mail(before, after).await?;
        self.mail_news(before, &after).await?;
        Ok(after)
    }

    /// As [`Self::save`], for a change that another one follows in the same transaction: what its owner is to know is what
    /// comes of both.
    pub async fn save_without_mail(
        &mut self,
        before: &Assistant,
        mut after: Assistant,
    ) -> Result<Assistant, Error> {
        if before.record() != after.record() {
            after.updated_at = self.now;
            self.changed.push(Changed { user_id: after.user_id, assistant_id: after.id });
        }
        let previous = before.state.status();
        let is_news = previous != after.state.status();
        after.sequence += i64::from(is_news);
        if !self.tx.update_assistant(&mut after).await? {
            return Err(Error::internal(LostUpdate(after.id.to_string())));
        }
        // Only what runs may spend.
        if after.mode == ApiMode::Managed && before.state.is_running() != after.state.is_running() {
            self.enqueue(Job::ManagedKey { assistant_id: after.id }).await?;
        }
        if is_news {
            self.tell(&after, EventKind::StatusChanged, Some(previous)).await?;
        }
        Ok(after)
    }

    /// Adds the event at the assistant's sequence, and its callback if the owner wants one.
    pub async fn tell(
        &mut self,
        a: &Assistant,
        kind: EventKind,
        previous: Option<Status>,
    ) -> Result<(), Error> {
        let event = self.event(a, kind, previous);
        self.tx.insert_event(&event).await?;
        // A slot that was never activated has nobody to tell.
        if let (Some(url), false) = (&a.config.callback_url, a.state.is_prebuy()) {
            let delivery_id = DeliveryId::new(self.services.new_uuid());
            let delivery = DeliveryRow {
                id: delivery_id,
                assistant_id: a.id,
                user_id: a.user_id,
                sequence: event.sequence,
                url: url.clone(),
                payload: callbacks::payload(&event),
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

    fn event(&self, a: &Assistant, kind: EventKind, previous: Option<Status>) -> EventRow {
        EventRow {
            id: EventId::new(self.services.new_uuid()),
            assistant_id: a.id,
            user_id: a.user_id,
            sequence: a.sequence,
            kind,
            status: a.state.status(),
            previous_status: previous,
            status_message: a.status_message(),
            // What is deleted has no worker any more.
            worker_url: a.state.worker_url().filter(|_| kind == EventKind::StatusChanged).map(str::to_owned),
            created_at: self.now,
        }
    }

    /// Adds an entry about the payment to the timeline, with what there is to say.
    pub async fn flag(&mut self, mut a: Assistant, message: &str) -> Result<(), Error> {
        a.sequence += 1;
        if !self.tx.update_assistant(&mut a).await? {
            return Err(Error::internal(LostUpdate(a.id.to_string())));
        }
        let event = EventRow {
            status_message: Some(message.to_owned()),
            ..self.event(&a, EventKind::PaymentFlagged, Some(a.state.status()))
        };
        self.tx.insert_event(&event).await?;
        self.changed(&a);
        Ok(())
    }

    /// Ends a subscription that pays for nothing any more: noted for people to see, done by a job that does not give
    /// up. `false` when that was begun before.
    pub async fn revoke(
        &mut self,
        slot: AssistantId,
        subscription: &str,
        reason: &str,
    ) -> Result<bool, Error> {
        let is_new = self.tx.begin_revocation(subscription, slot, reason, self.now).await?;
        if is_new {
            self.enqueue(Job::RevokeSubscription { subscription_id: subscription.to_owned() }).await?;
            self.tx.ask_soon(slot, self.now.plus(VERIFY_AFTER), self.now).await?;
        }
        Ok(is_new)
    }

    /// Notes that an assistant has changed in a way that [`Self::save`] does not see.
    pub fn changed(&mut self, a: &Assistant) {
        self.changed.push(Changed { user_id: a.user_id, assistant_id: a.id });
    }

    /// As [`Self::changed`], for an assistant that may be gone.
    pub fn changed_of(&mut self, user_id: UserId, assistant_id: AssistantId) {
        self.changed.push(Changed { user_id, assistant_id });
    }

    /// Enqueues a job to run as soon as this is committed.
    pub async fn enqueue(&mut self, job: Job) -> Result<(), Error> {
        self.enqueue_at(job, self.now).await.map(drop)
    }

    /// As [`Self::enqueue`], with a job that counts for an account's share of the places.
    pub async fn enqueue_for(&mut self, user: UserId, job: Job) -> Result<(), Error> {
        let row = job.row(JobId::new(self.new_uuid()), self.now)?;
        self.tx.enqueue(&NewJob { share: Some(user.to_string()), ..row }, self.now).await?;
        self.jobs = true;
        Ok(())
    }

    /// Enqueues a job to run at a moment; gives its id, if none with its dedup key was there.
    pub async fn enqueue_at(&mut self, job: Job, at: Timestamp) -> Result<JobId, Error> {
        let id = JobId::new(self.new_uuid());
        self.tx.enqueue(&job.row(id, at)?, self.now).await?;
        self.jobs = true;
        Ok(id)
    }

    /// A new id.
    pub fn new_uuid(&self) -> Uuid {
        self.services.new_uuid()
    }

    /// Passes when the caller has given the account's password, and it still is: a session that a new password ends finds
    /// either no session or this. The account stays locked until the transaction ends.
    pub async fn require_password(&mut self, caller: &Caller) -> Result<UserRow, Error> {
        self.tx.lock_user(caller.user_id).await?;
        let user = self.tx.user(caller.user_id).await?.ok_or(Error::Unauthorized)?;
        caller.require_password_of(&user)?;
        Ok(user)
    }

    /// As [`Self::commit`], and whatever an account's ended sessions or keys have open ends.
    pub async fn commit_end_of_access(mut self, user: UserId) -> Result<(), Error> {
        self.tx.tell(&access_text(user)).await?;
        let services = self.services;
        self.commit().await?;
        services.hub().access_ended(user);
        Ok(())
    }

    /// Makes it last, then tells the news.
    pub async fn commit(mut self) -> Result<(), Error> {
        for change in &self.changed {
            self.tx.tell(&change.text()).await?;
        }
        if self.jobs {
            self.tx.tell(WORK).await?;
        }
        self.tx.commit().await?;
        for change in self.changed {
            self.services.hub().changed(change);
        }
        if self.jobs {
            self.services.hub().wake();
        }
        Ok(())
    }
}
