//! How an assistant is: verdicts and their codes in three legs, and what people read about each of them.
//!
//! A code has one verdict and, for each plan, one sentence. [`legs`] decides when what was seen changes a leg.

pub mod legs;
mod sentences;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;
use crate::wire::{ApiMode, wire_enum};

pub use legs::{Evidence, Leg, LegName, Legs};

wire_enum! {
    /// How an assistant, or one of its legs, is.
    Verdict {
        /// Everything works.
        Ok = "ok",
        /// It works, but replies may be late or missing.
        Warning = "warning",
        /// People get no replies.
        Failing = "failing",
        /// Nothing is known, because the assistant isn't running or hasn't been checked yet.
        Unknown = "unknown",
    }
}

wire_enum! {
    /// What was found. The verdict follows from it.
    HealthCode {
        /// Nothing is wrong.
        Ok = "ok",
        /// The assistant isn't running, so nothing is checked.
        NotRunning = "not_running",
        /// The assistant has not been checked yet.
        NotChecked = "not_checked",
        /// The worker has vanished from its host.
        WorkerMissing = "worker_missing",
        /// The worker's host does not answer.
        WorkerUnreachable = "worker_unreachable",
        /// Telegram rejects the bot token.
        TokenRejected = "token_rejected",
        /// Somebody else's webhook receives the bot's messages.
        OtherWebhook = "other_webhook",
        /// The bot's webhook was removed by somebody else.
        WebhookMissing = "webhook_missing",
        /// Telegram cannot deliver messages to the assistant.
        WebhookFailing = "webhook_failing",
        /// Another program fetches the bot's messages.
        PollingConflict = "polling_conflict",
        /// Messages pile up at Telegram.
        UpdatesDelayed = "updates_delayed",
        /// Telegram limits the rate of the bot's requests.
        TelegramRateLimited = "telegram_rate_limited",
        /// Telegram does not answer.
        TelegramUnavailable = "telegram_unavailable",
        /// The model provider rejects the key.
        KeyRejected = "key_rejected",
        /// There is no credit left to pay for replies.
        NoCredit = "no_credit",
        /// The provider does not offer the model to this key.
        ModelNotFound = "model_not_found",
        /// The model provider limits the rate of requests.
        RateLimited = "rate_limited",
        /// The model provider does not answer.
        ProviderUnavailable = "provider_unavailable",
        /// The model provider's responses cannot be read.
        UnexpectedResponse = "unexpected_response",
    }
}

impl HealthCode {
    /// The verdict that the code stands for.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Ok => Verdict::Ok,
            Self::NotRunning | Self::NotChecked => Verdict::Unknown,
            Self::UpdatesDelayed
            | Self::TelegramRateLimited
            | Self::RateLimited
            | Self::UnexpectedResponse => Verdict::Warning,
            Self::WorkerMissing
            | Self::WorkerUnreachable
            | Self::TokenRejected
            | Self::OtherWebhook
            | Self::WebhookMissing
            | Self::WebhookFailing
            | Self::PollingConflict
            | Self::TelegramUnavailable
            | Self::KeyRejected
            | Self::NoCredit
            | Self::ModelNotFound
            | Self::ProviderUnavailable => Verdict::Failing,
        }
    }
}

impl Verdict {
    /// The worse of two verdicts. What is unknown is not worse than anything.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if self.severity() >= other.severity() { self } else { other }
    }

    const fn severity(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Ok => 1,
            Self::Warning => 2,
            Self::Failing => 3,
        }
    }
}

/// The health of an assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HealthRecord {
    /// The worst verdict of the legs that something is known about; `unknown` if nothing is known about any.
    pub verdict: Verdict,
    /// When a leg was last checked; null if none has been.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub checked_at: Option<Timestamp>,
    /// What the assistant stands on.
    pub legs: HealthLegs,
}

/// The legs that an assistant stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HealthLegs {
    /// Whether the assistant runs.
    pub worker: HealthLeg,
    /// Whether messages arrive from Telegram.
    pub telegram: HealthLeg,
    /// Whether the model replies.
    pub model: HealthLeg,
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HealthLeg {
    /// How the leg is.
    pub verdict: Verdict,
    /// What was found.
    pub code: HealthCode,
    /// What was found and what to do about it, for people.
    pub message: String,
    /// Since when the code is what it is; null if nothing is known.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub since: Option<Timestamp>,
    /// When it was last checked or used; null if it never was.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<String>, format = DateTime))]
    pub checked_at: Option<Timestamp>,
}

impl Legs {
    /// The legs as customers see them.
    #[must_use]
    pub fn record(&self, mode: ApiMode) -> HealthRecord {
        let leg = |name, leg: &Leg| HealthLeg {
            verdict: leg.code.verdict(),
            code: leg.code,
            message: leg.code.message(name, mode).to_owned(),
            since: leg.since,
            checked_at: leg.checked_at,
        };
        HealthRecord {
            verdict: self.verdict(),
            checked_at: self.checked_at(),
            legs: HealthLegs {
                worker: leg(LegName::Worker, &self.worker),
                telegram: leg(LegName::Telegram, &self.telegram),
                model: leg(LegName::Model, &self.model),
            },
        }
    }
}

impl HealthRecord {
    /// The message of the worst leg, for a mail or a line of the timeline.
    #[must_use]
    pub fn worst_message(&self) -> &str {
        let legs = [&self.legs.worker, &self.legs.telegram, &self.legs.model];
        // Of equals the first one, because a missing worker explains the rest.
        legs.into_iter().find(|leg| leg.verdict == self.verdict).map_or("", |leg| &leg.message)
    }
}
