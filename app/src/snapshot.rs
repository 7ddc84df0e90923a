//! What a page shows: the stream of a page sends it whole, and its stamp tells whether a page is up to date.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use reef_domain::wire::AssistantRecord;
use reef_service::assistants::{Details, Receipt};
use reef_service::{Caller, Error, Services};
use serde::Serialize;
use serde_json::json;

/// Everything that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The records on it, as JSON.
    pub json: String,
    /// Tells it from others, by all that the page shows; the same in every process of this version.
    pub stamp: String,
}

impl Snapshot {
    fn of(records: &impl Serialize, shown: &impl Debug) -> Result<Self, Error> {
        let json = serde_json::to_string(records).map_err(Error::internal)?;
        let mut hasher = DefaultHasher::new();
        format!("{shown:?}").hash(&mut hasher);
        Ok(Self { json, stamp: format!("{:016x}", hasher.finish()) })
    }

    /// What the list shows.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn of_list(records: &[AssistantRecord]) -> Result<Self, Error> {
        Self::of(&records, &records)
    }

    /// What an assistant's page shows.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn of_assistant(details: &Details) -> Result<Self, Error> {
        Self::of(&details.record, details)
    }

    /// What a receipt shows. Its JSON says which: all else is words.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn of_receipt(receipt: &Receipt) -> Result<Self, Error> {
        Self::of(&json!({ "id": receipt.id }), receipt)
    }

    /// The stream at `path` that follows what a page shows, from here on.
    pub fn stream(&self, path: &str) -> String {
        format!("{path}?seen={}", self.stamp)
    }
}

/// What the list of assistants shows now.
///
/// # Errors
/// [`Error::Internal`].
pub async fn list(services: &Services, caller: &Caller) -> Result<Snapshot, Error> {
    Snapshot::of_list(&services.list_assistants(caller).await?)
}

/// What an assistant's page shows now.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Internal`].
pub async fn assistant(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    Snapshot::of_assistant(&services.assistant_details(caller, id).await?)
}

/// What a receipt shows now.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Internal`].
pub async fn receipt(services: &Services, caller: &Caller, id: &str) -> Result<Snapshot, Error> {
    Snapshot::of_receipt(&services.receipt(caller, id).await?)
}
