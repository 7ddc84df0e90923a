//! One id type per entity, so that the compiler rejects an id of the wrong kind.

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
            /// Wraps a UUID. New ones come from the injected id source.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the wrapped UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Parses the one accepted form, lower-case and hyphenated. Any other text is `None`, which callers
            /// answer exactly like an id that does not exist.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let uuid = Uuid::try_parse(text).ok()?;
                let mut canonical = Uuid::encode_buffer();
                (uuid.hyphenated().encode_lower(&mut canonical) == text).then_some(Self(uuid))
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
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
    /// Identifies a user: a person who signs in.
    UserId,
    /// Identifies an assistant from order to deletion. The API calls it the deployment id.
    AssistantId,
    /// Identifies an API key.
    ApiKeyId,
    /// Identifies the set of assistants that a limited key may reach.
    GrantId,
    /// Identifies an event in the history of an assistant.
    EventId,
    /// Identifies a webhook delivery. All its attempts carry it as `webhook-id`.
    DeliveryId,
    /// Identifies a stored job.
    JobId,
    /// Identifies a mail to a customer.
    MailId,
    /// Identifies a stored update of a bot. Telegram's own `update_id` is unique only within a bot.
    UpdateRowId,
    /// Identifies a person at one assistant.
    PersonId,
    /// Identifies something that an assistant was asked to remember.
    FactId,
    /// Identifies a conversation of an assistant.
    ConversationId,
    /// Identifies a call of a model.
    ModelCallId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noncanonical_id_is_rejected() {
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
