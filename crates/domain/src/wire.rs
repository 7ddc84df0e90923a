//! What clients see: the record and its enums, field by field as the API reference has them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

// `$text` is a `tt`: a `literal` reaches the derive macros wrapped, and utoipa would take the variant's name instead.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[doc = $vdoc])+ #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What the value means: its own documentation.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($vdoc),+).trim_ascii()),+ }
            }

            /// The written value read back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use wire_enum;

wire_enum! {
    /// Where an assistant stands.
    Status {
        /// Ordered, not paid yet.
        PendingPayment = "pending_payment",
        /// Paid; it can be activated.
        Purchased = "purchased",
        /// Being deployed; it ends as `active` or `failed`.
        Deploying = "deploying",
        /// Running: it answers in Telegram.
        Active = "active",
        /// The deployment failed or the worker vanished; `statusMessage` says why.
        Failed = "failed",
        /// Not running; its configuration is kept.
        Stopped = "stopped",
    }
}

wire_enum! {
    /// How the payment stands.
    PaymentStatus {
        /// Nothing paid yet.
        Pending = "pending",
        /// Paid for the current period.
        Paid = "paid",
        /// A renewal failed and is being tried again.
        PastDue = "past_due",
        /// The subscription is paused; nothing is charged, and nothing runs, until it is resumed.
        Paused = "paused",
        /// The subscription has ended.
        Canceled = "canceled",
        /// The money went back.
        Refunded = "refunded",
    }
}

impl PaymentStatus {
    /// Whether a slot that is paid like this may run: paid, or a renewal still being tried.
    #[must_use]
    pub const fn entitles(self) -> bool {
        matches!(self, Self::Paid | Self::PastDue)
    }

    /// Whether the subscription has ended.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Canceled | Self::Refunded)
    }

    /// Whether there is a subscription that can charge again: running, overdue or paused.
    #[must_use]
    pub const fn is_subscribed(self) -> bool {
        matches!(self, Self::Paid | Self::PastDue | Self::Paused)
    }
}

wire_enum! {
    /// Whose model key is used.
    ApiMode {
        /// You bring your own key.
        Byok = "byok",
        /// Reef brings the key and the credit.
        Managed = "managed",
    }
}

wire_enum! {
    /// A model provider.
    Provider {
        /// Anthropic.
        Anthropic = "anthropic",
        /// OpenAI.
        Openai = "openai",
        /// Google.
        Google = "google",
        /// OpenRouter.
        Openrouter = "openrouter",
    }
}

wire_enum! {
    /// What a key may do.
    Scope {
        /// Everything that only reads.
        Read = "read",
        /// Everything that changes something.
        Write = "write",
    }
}

/// An assistant as the API shows it. Every field is always present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Assistant))]
pub struct AssistantRecord {
    /// Deployment id.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub id: String,
    /// Owner.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub user_id: String,
    /// Always null until organizations exist.
    #[cfg_attr(feature = "openapi", schema(required, nullable))]
    pub organization_id: Option<String>,
    /// Display name.
    pub name: String,
    /// Model provider; null before activation in BYOK mode.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub model_provider: Option<Provider>,
    /// Model; null before activation.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub model_id: Option<String>,
    /// Always `telegram`.
    pub channel_type: ChannelType,
    /// Whose model key is used.
    pub api_mode: ApiMode,
    /// `openclaw-` and 8 hex digits, made at activation.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub worker_name: Option<String>,
    /// Set only while active.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub worker_url: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Null unless there is something to say.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status_message: Option<String>,
    /// How the payment stands.
    pub payment_status: PaymentStatus,
    /// Polar's subscription, once paid.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub polar_subscription_id: Option<String>,
    /// End of the paid period.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub current_period_end: Option<Timestamp>,
    /// When the subscription was canceled.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub canceled_at: Option<Timestamp>,
    /// True from purchase to activation.
    pub is_prebuy: bool,
    /// Where status callbacks go.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub user_callback_url: Option<String>,
    /// When it was ordered.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When a public field last changed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

wire_enum! {
    /// Through what people talk to an assistant.
    ChannelType {
        /// Telegram.
        Telegram = "telegram",
    }
}

/// The light answer for polling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssistantStatus {
    /// Deployment id.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// Null unless there is something to say.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status_message: Option<String>,
    /// Set only while active.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub worker_url: Option<String>,
}

impl From<&AssistantRecord> for AssistantStatus {
    fn from(record: &AssistantRecord) -> Self {
        Self {
            id: record.id.clone(),
            status: record.status,
            status_message: record.status_message.clone(),
            worker_url: record.worker_url.clone(),
        }
    }
}

wire_enum! {
    /// How far a callback has come.
    DeliveryState {
        /// To be sent, or sent again.
        Pending = "pending",
        /// Taken with a status of 200 to 299.
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_is_the_documentation_on_one_line() {
        assert_eq!(Status::Purchased.meaning(), "Paid; it can be activated.");
        for scope in Scope::ALL {
            assert!(scope.meaning().ends_with('.') && !scope.meaning().contains('\n'), "{scope}");
        }
    }
}
