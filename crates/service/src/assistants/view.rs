//! Looking: list, get, status.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::wire::{AssistantRecord, Scope, Status};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How long an unpaid slot is listed after it was ordered.
pub const UNPAID_SHOWN_FOR: Duration = Duration::from_secs(3600);
/// Entries of a timeline shown on an assistant's page.
const TIMELINE: i64 = 20;

/// An assistant with what its page shows around it.
#[derive(Clone, Debug)]
pub struct Details {
    /// The record.
    pub record: AssistantRecord,
    /// Grows with every write.
    pub version: i64,
    /// Where it can be paid, while it is not.
    pub checkout_url: Option<String>,
    /// What happened: when, to which status, with which message; newest first.
    pub timeline: Vec<(Timestamp, Status, Option<String>)>,
}

impl Services {
    /// The caller's assistants, newest first; an unpaid slot is left out once it is older than an hour.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope.
    pub async fn list_assistants(&self, caller: &Caller) -> Result<Vec<AssistantRecord>, Error> {
        caller.require(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let found = tx.assistants_of(caller.user_id, self.now().minus(UNPAID_SHOWN_FOR)).await?;
        Ok(found.iter().map(reef_domain::Assistant::record).collect())
    }

    /// One of the caller's assistants.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn assistant(&self, caller: &Caller, id: &str) -> Result<AssistantRecord, Error> {
        Ok(self.find(caller, Scope::Read, id).await?.record())
    }

    /// One of the caller's assistants with what its page shows around it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn assistant_details(&self, caller: &Caller, id: &str) -> Result<Details, Error> {
        caller.require(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.owned(&mut tx, caller, id).await?;
        let unpaid = assistant.state.status() == Status::PendingPayment;
        let checkout_url = if unpaid { tx.checkout_url(assistant.id).await? } else { None };
        let events = tx.events_of(assistant.id, TIMELINE).await?;
        let timeline =
            events.into_iter().map(|event| (event.created_at, event.status, event.status_message)).collect();
        Ok(Details { record: assistant.record(), version: assistant.version, checkout_url, timeline })
    }
}
