//! Writing an assistant: one conditional update with its event, delivery, jobs and mail in one transaction.

use reef_domain::Assistant;
use reef_domain::ids::{DeliveryId, EventId};
use reef_domain::wire::{ApiMode, DeliveryState, EventKind, Status};
use reef_store::{DeliveryRow, EventRow};
use thiserror::Error as ThisError;

use crate::billing::credit::ReconcileManagedKey;
use crate::callbacks::{DeliverCallback, render_event};
use crate::error::Error;
use crate::unit_of_work::UnitOfWork;

/// The row was locked and still has a newer version, so the locking is broken.
#[derive(Debug, ThisError)]
#[error("assistant {0} was changed concurrently")]
struct LostUpdate(String);

impl UnitOfWork<'_> {
    /// Writes `after` over `before`. A change of the status is recorded as an event and delivered to the owner's
    /// endpoint; a failure or a payment problem is mailed to the owner.
    pub async fn save(&mut self, before: &Assistant, after: Assistant) -> Result<Assistant, Error> {
        let after = self.save_without_mail(before, after).await?;
        self.enqueue_change_mail(before, &after).await?;
        Ok(after)
    }

    /// As [`Self::save`], without the email: another change follows in the same transaction, and the owner gets an email
    /// about the result of both.
    pub async fn save_without_mail(
        &mut self,
        before: &Assistant,
        mut after: Assistant,
    ) -> Result<Assistant, Error> {
        if before.record() != after.record() {
            after.updated_at = self.now;
            self.record_change(&after);
        }
        let previous = before.state.status();
        let status_changed = previous != after.state.status();
        after.sequence += i64::from(status_changed);
        if !self.tx.update_assistant(&mut after).await? {
            return Err(Error::internal(LostUpdate(after.id.to_string())));
        }
        // Only a running assistant may spend credit.
        if after.mode == ApiMode::Managed && before.state.is_running() != after.state.is_running() {
            self.enqueue(ReconcileManagedKey { assistant_id: after.id }).await?;
        }
        if status_changed {
            self.follow_status(previous, &after).await?;
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
        self.enqueue_delivery(a, &event, render_event(&event)?).await
    }

    /// Records an event about a locked assistant that is no change of its record, and delivers what `render` makes of it to the
    /// owner's endpoint.
    pub async fn record_notice(
        &mut self,
        mut a: Assistant,
        kind: EventKind,
        message: String,
        render: impl FnOnce(&EventRow) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let sequence = self.tx.advance_sequence(a.id).await?;
        a.sequence = sequence.ok_or_else(|| Error::internal(LostUpdate(a.id.to_string())))?;
        let event =
            EventRow { status_message: Some(message), ..self.new_event(&a, kind, Some(a.state.status())) };
        self.tx.insert_event(&event).await?;
        self.record_change(&a);
        self.enqueue_delivery(&a, &event, render(&event)?).await
    }

    /// Enqueues the delivery of an event, if an endpoint is set.
    async fn enqueue_delivery(
        &mut self,
        a: &Assistant,
        event: &EventRow,
        payload: String,
    ) -> Result<(), Error> {
        // Callbacks begin with the activation (contract of v1).
        let (Some(url), false) = (&a.config.callback_url, a.state.is_prebuy()) else { return Ok(()) };
        let delivery_id = DeliveryId::new(self.services.new_uuid());
        let delivery = DeliveryRow {
            id: delivery_id,
            assistant_id: a.id,
            user_id: a.user_id,
            sequence: event.sequence,
            url: url.clone(),
            kind: event.kind,
            payload,
            state: DeliveryState::Pending,
            attempts: 0,
            last_status: None,
            last_error: None,
            created_at: self.now,
            finished_at: None,
        };
        self.tx.insert_delivery(&delivery).await?;
        self.enqueue_for(a.user_id, DeliverCallback { delivery_id }).await
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
}
