//! What a request has done, independent of how the answer is rendered.

use reef_domain::ErrorCode;
use reef_domain::ids::AssistantId;
use reef_domain::messages::MessageRecord;
use reef_domain::people::Person;
use reef_domain::settings::SettingsRecord;
use reef_domain::wire::AssistantRecord;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::callbacks::Delivery;
use crate::people::OwnerLink;

/// An order and where it can be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchased {
    /// The id of the new assistant, which v1 calls a deployment id.
    pub id: AssistantId,
    /// Polar's page for this order.
    pub checkout_url: String,
}

/// What a request has done. It is stored under the request's idempotency key as JSON, so the names of the variants and
/// fields are fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Outcome {
    /// An assistant has this record now.
    Record(Box<AssistantRecord>),
    /// A new assistant was ordered.
    Purchased(Purchased),
    /// An assistant was deleted.
    Deleted,
    /// A callback is sent.
    Delivery(Box<Delivery>),
    /// An assistant has these settings now.
    Settings(Box<SettingsRecord>),
    /// A person has this role now.
    Person(Box<Person>),
    /// An owner link was created.
    OwnerLink(OwnerLink),
    /// An assistant has answered.
    Message(Box<MessageRecord>),
    /// A form of the dashboard was carried out. The next page shows what has changed.
    Form,
    /// The request was rejected and has changed nothing.
    Rejected(Rejection),
}

/// Why a request was rejected, as the client was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The code that clients match on.
    pub code: ErrorCode,
    /// A sentence that may be shown to people.
    pub message: String,
    /// The `details` of the error, if it has any.
    pub details: Option<Value>,
}

impl From<AssistantRecord> for Outcome {
    fn from(record: AssistantRecord) -> Self {
        Self::Record(Box::new(record))
    }
}

impl From<Delivery> for Outcome {
    fn from(delivery: Delivery) -> Self {
        Self::Delivery(Box::new(delivery))
    }
}

impl From<SettingsRecord> for Outcome {
    fn from(settings: SettingsRecord) -> Self {
        Self::Settings(Box::new(settings))
    }
}

impl From<Person> for Outcome {
    fn from(person: Person) -> Self {
        Self::Person(Box::new(person))
    }
}

impl From<OwnerLink> for Outcome {
    fn from(link: OwnerLink) -> Self {
        Self::OwnerLink(link)
    }
}

impl From<MessageRecord> for Outcome {
    fn from(message: MessageRecord) -> Self {
        Self::Message(Box::new(message))
    }
}

impl Outcome {
    /// Whether the request has changed nothing, so that it may run again.
    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Whether the outcome has a secret that is stored nowhere else.
    pub(crate) const fn has_secret(&self) -> bool {
        matches!(self, Self::OwnerLink(_))
    }
}
