//! The state that a page shows. The stream of a page sends it whole, and its stamp says whether a page is up to date.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use reef_domain::wire::AssistantRecord;
use reef_service::assistants::{Details, Receipt};
use reef_service::{Caller, Error, Services};
use serde::Serialize;
use serde_json::json;

/// The state that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The records on the page, as JSON.
    pub json: String,
    /// A hash of everything that the page shows: the same in every process of this version.
    pub stamp: String,
}

impl Snapshot {
    fn of(records: &impl Serialize, shown: &impl Debug) -> Result<Self, Error> {
        let json = serde_json::to_string(records).map_err(Error::internal)?;
        let mut hasher = DefaultHasher::new();
        format!("{shown:?}").hash(&mut hasher);
        Ok(Self { json, stamp: format!("{:016x}", hasher.finish()) })
    }

    /// The snapshot of the list of assistants.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records cannot be serialized.
    pub fn of_list(records: &[AssistantRecord]) -> Result<Self, Error> {
        Self::of(&records, &records)
    }

    /// The snapshot of an assistant's page.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records cannot be serialized.
    pub fn of_assistant(details: &Details) -> Result<Self, Error> {
        Self::of(&details.record, details)
    }

    /// The snapshot of a receipt. Its JSON has only the id: a browser needs nothing else of it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records cannot be serialized.
    pub fn of_receipt(receipt: &Receipt) -> Result<Self, Error> {
        Self::of(&json!({ "id": receipt.id }), receipt)
    }

    /// The URL of the stream at `path` that sends the changes after this snapshot.
    pub fn stream(&self, path: &str) -> String {
        format!("{path}?seen={}", self.stamp)
    }
}

/// The current snapshot of the caller's list of assistants.
///
/// # Errors
/// [`Error::Forbidden`] without the read scope, [`Error::Internal`].
pub async fn list(services: &Services, caller: &Caller) -> Result<Snapshot, Error> {
    Snapshot::of_list(&services.list_assistants(caller).await?)
}

/// The current snapshot of the page of the caller's assistant `id`.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such assistant, [`Error::Internal`].
pub async fn assistant(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    Snapshot::of_assistant(&services.get_details(caller, id).await?)
}

/// The current snapshot of the receipt of the caller's deleted assistant `id`.
///
/// # Errors
/// [`Error::NotFound`] when there is none or it has expired, [`Error::Internal`].
pub async fn receipt(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    Snapshot::of_receipt(&services.get_receipt(caller, id).await?)
}
