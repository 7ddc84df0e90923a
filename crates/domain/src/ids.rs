//! One id type per entity, so that none can be taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made by the injected id source.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Reads the one accepted spelling: lower-case and hyphenated. Anything else is `None`,
            /// which callers answer exactly like an id that does not exist.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let uuid = Uuid::try_parse(text).ok()?;
                (uuid.hyphenated().to_string() == text).then_some(Self(uuid))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )+};
}

id! {
    /// An account.
    UserId,
    /// An assistant, from purchase to deletion; the API calls it the deployment id.
    AssistantId,
    /// An API key.
    ApiKeyId,
    /// The assistants that a key is limited to.
    GrantId,
    /// One entry of an assistant's timeline.
    EventId,
    /// One callback to a customer; the `webhook-id` of all its tries.
    DeliveryId,
    /// One durable job.
    JobId,
    /// One mail to a customer.
    MailId,
    /// One update a bot has received.
    UpdateRowId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(AssistantId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        for bad in [
            "",
            "dep_1234567890abcdef",
            "01890A5D-AC96-774B-BCCE-B302099A8057",
            "01890a5dac96774bbcceb302099a8057",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            " 01890a5d-ac96-774b-bcce-b302099a8057",
        ] {
            assert_eq!(AssistantId::parse(bad), None, "{bad}");
        }
    }
}
