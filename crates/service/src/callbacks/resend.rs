//! Sending a callback again, and sending a test.

use reef_domain::ids::DeliveryId;
use reef_domain::input::Parsed;
use reef_domain::wire::{DeliveryState, EventKind, Scope, Status};
use reef_store::DeliveryRow;

use crate::callbacks::deliver::DeliverCallback;
use crate::callbacks::delivery::Delivery;
use crate::callbacks::payload::render_test;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

impl Services {
    /// Sends a callback again now, with the same `webhook-id` and body. Its retry schedule starts over.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the write scope; [`Error::NotFound`], also for a delivery of another assistant;
    /// [`Error::RateLimited`] after too many redeliveries of the account within a minute.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: &str,
        delivery: &str,
        body: Parsed<()>,
    ) -> Result<Delivery, Error> {
        let assistant = self.authorize_assistant(caller, Scope::Write, id).await?;
        let delivery_id = DeliveryId::parse(delivery).ok_or(Error::NotFound)?;
        body.map_err(Error::InvalidRequest)?;
        self.require_resend_quota(assistant.user_id).await?;
        let mut work = self.unit_of_work().await?;
        let found = work.tx.find_delivery(delivery_id).await?;
        found.filter(|row| row.assistant_id == assistant.id).ok_or(Error::NotFound)?;
        work.tx.reopen_delivery(delivery_id).await?;
        work.enqueue_for(assistant.user_id, DeliverCallback { delivery_id }).await?;
        work.record_change(&assistant);
        let row = work.tx.find_delivery(delivery_id).await?.ok_or(Error::NotFound)?;
        let delivery = Delivery::from(row);
        work.commit(Some(&delivery.clone().into())).await?;
        Ok(delivery)
    }

    /// Sends a callback of type `assistant.test` with the current status to the assistant's callback URL.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the write scope, [`Error::NotFound`], [`Error::RateLimited`] as for
    /// [`Self::redeliver`], [`Error::InvalidState`] when the assistant has no callback URL.
    pub async fn send_test_callback(
        &self,
        caller: &Caller,
        id: &str,
        body: Parsed<()>,
    ) -> Result<Delivery, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        self.require_resend_quota(found.user_id).await?;
        let mut work = self.unit_of_work().await?;
        let a = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let Some(url) = a.config.callback_url.clone() else {
            return Err(Error::InvalidState {
                message: "This assistant has no callback URL. Redeploy it with one to send a test.",
                current: a.state.status(),
                allowed: &[Status::Deploying, Status::Active, Status::Failed, Status::Stopped],
            });
        };
        let delivery_id = DeliveryId::new(self.new_uuid());
        let row = DeliveryRow {
            id: delivery_id,
            assistant_id: a.id,
            user_id: a.user_id,
            kind: EventKind::Test,
            sequence: a.sequence,
            url,
            payload: render_test(&a, work.now)?,
            state: DeliveryState::Pending,
            attempts: 0,
            last_status: None,
            last_error: None,
            created_at: work.now,
            finished_at: None,
        };
        work.tx.insert_delivery(&row).await?;
        work.enqueue_for(a.user_id, DeliverCallback { delivery_id }).await?;
        work.record_change(&a);
        let delivery = Delivery::from(row);
        work.commit(Some(&delivery.clone().into())).await?;
        Ok(delivery)
    }
}
