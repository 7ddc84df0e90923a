//! What requests answer, independent of how the answer is rendered.

use reef_domain::ids::AssistantId;
use reef_domain::wire::AssistantRecord;

/// An order and where it can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchased {
    /// The id of the new assistant, which v1 calls a deployment id.
    pub id: AssistantId,
    /// Polar's page for this order.
    pub checkout_url: String,
}

/// What a request has changed.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// The new record of an assistant.
    Record(&'a AssistantRecord),
    /// A new assistant was ordered.
    Purchased(&'a Purchased),
    /// An assistant was deleted.
    Deleted,
}
