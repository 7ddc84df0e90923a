//! The types of v1's JSON: the assistant record and its enums, with the fields and values of the API reference.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

// `$text` is a `tt` because a `literal` reaches derive macros in an invisible group, and utoipa then uses the variant's
// name instead.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[doc = $vdoc])+ #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value in JSON and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What the value means: its doc comment, which the OpenAPI document shows.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($vdoc),+).trim_ascii()),+ }
            }

            /// Parses the output of [`Self::as_str`].
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
    /// The status of an assistant.
    Status {
        /// Ordered but not paid yet.
        PendingPayment = "pending_payment",
        /// Paid; it can be activated.
        Purchased = "purchased",
        /// A deployment is in progress; it ends as `active` or `failed`.
        Deploying = "deploying",
        /// Running and replying on Telegram.
        Active = "active",
        /// The deployment failed or the assistant stopped unexpectedly; `statusMessage` says why.
        Failed = "failed",
        /// Not running; the configuration is kept.
        Stopped = "stopped",
    }
}

wire_enum! {
    /// The payment status of an assistant's subscription.
    PaymentStatus {
        /// No payment has been confirmed yet.
        Pending = "pending",
        /// Paid for the current billing period.
        Paid = "paid",
        /// A renewal failed and is being retried.
        PastDue = "past_due",
        /// The subscription is paused; nothing is charged, and nothing runs, until it is resumed.
        Paused = "paused",
        /// The subscription has ended.
        Canceled = "canceled",
        /// The payment was refunded in full.
        Refunded = "refunded",
    }
}

impl PaymentStatus {
    /// Whether an assistant with this payment status may run: its period is paid, or its renewal is being retried.
    #[must_use]
    pub const fn can_run(self) -> bool {
        matches!(self, Self::Paid | Self::PastDue)
    }

    /// Whether the subscription has ended and cannot charge again.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Canceled | Self::Refunded)
    }

    /// Whether there is a subscription that can charge again: paid, past due or paused.
    #[must_use]
    pub const fn is_subscribed(self) -> bool {
        matches!(self, Self::Paid | Self::PastDue | Self::Paused)
    }
}

wire_enum! {
    /// Who provides the model key.
    ApiMode {
        /// You bring your own model key.
        Byok = "byok",
        /// Reef provides the model key and includes credit.
        Managed = "managed",
    }
}

wire_enum! {
    /// The provider of a model.
    Provider {
        /// Claude models from Anthropic.
        Anthropic = "anthropic",
        /// GPT models from OpenAI.
        Openai = "openai",
        /// Gemini models from Google.
        Google = "google",
        /// Models of many vendors, through OpenRouter.
        Openrouter = "openrouter",
    }
}

wire_enum! {
    /// What an API key may do.
    Scope {
        /// Allows requests that only read.
        Read = "read",
        /// Allows requests that change something.
        Write = "write",
    }
}

/// An assistant as the API shows it. Every field is always present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Assistant))]
pub struct AssistantRecord {
    /// The deployment ID of the assistant.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub id: String,
    /// The ID of the account that owns the assistant.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub user_id: String,
    /// Always null until organizations exist.
    #[cfg_attr(feature = "openapi", schema(required, nullable))]
    pub organization_id: Option<String>,
    /// The display name; `Untitled assistant` before activation.
    pub name: String,
    /// The provider of the model; null before activation in BYOK mode.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub model_provider: Option<Provider>,
    /// The ID of the model; null before activation.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub model_id: Option<String>,
    /// The channel through which people talk to the assistant; always `telegram`.
    pub channel_type: ChannelType,
    /// Who provides the model key.
    pub api_mode: ApiMode,
    /// The name of the worker: `openclaw-` and 8 hex digits, chosen at activation.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub worker_name: Option<String>,
    /// The URL of the worker; null unless the status is `active`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub worker_url: Option<String>,
    /// The status of the assistant.
    pub status: Status,
    /// A failure code, what happened, and what to do about it; null if there is nothing to report.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status_message: Option<String>,
    /// The payment status of the subscription.
    pub payment_status: PaymentStatus,
    /// Polar's ID of the subscription; null until the first payment.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub polar_subscription_id: Option<String>,
    /// When the paid billing period ends.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub current_period_end: Option<Timestamp>,
    /// When the subscription was canceled.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub canceled_at: Option<Timestamp>,
    /// True from purchase to activation.
    pub is_prebuy: bool,
    /// The URL that callbacks are sent to.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub user_callback_url: Option<String>,
    /// When the assistant was ordered.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When a public field last changed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

wire_enum! {
    /// The channel through which people talk to an assistant.
    ChannelType {
        /// A bot on Telegram.
        Telegram = "telegram",
    }
}

/// The status of an assistant, without the rest of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssistantStatus {
    /// The deployment ID of the assistant.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub id: String,
    /// The status of the assistant.
    pub status: Status,
    /// A failure code, what happened, and what to do about it; null if there is nothing to report.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status_message: Option<String>,
    /// The URL of the worker; null unless the status is `active`.
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
    /// What an entry of the timeline or a callback is about.
    EventKind {
        /// The status of the assistant changed.
        StatusChanged = "assistant.status_changed",
        /// The assistant was paid for a second time, or the second subscription was ended. Only the timeline has it.
        PaymentFlagged = "assistant.payment_flagged",
        /// The assistant was deleted.
        Deleted = "assistant.deleted",
        /// The model credit of a managed assistant is exhausted. Only the timeline has it.
        CreditExhausted = "assistant.credit_used_up",
        /// The health of the assistant changed.
        HealthChanged = "assistant.health_changed",
        /// A test that the owner requested. Only callbacks have it.
        Test = "assistant.test",
    }
}

wire_enum! {
    /// The state of a callback's delivery.
    DeliveryState {
        /// Waiting for the first attempt or a retry.
        Pending = "pending",
        /// Answered with a status from 200 to 299.
        Delivered = "delivered",
        /// All attempts failed, or the endpoint asked to stop.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_is_doc_on_one_line() {
        assert_eq!(Status::Purchased.meaning(), "Paid; it can be activated.");
        for scope in Scope::ALL {
            assert!(scope.meaning().ends_with('.') && !scope.meaning().contains('\n'), "{scope}");
        }
    }
}
