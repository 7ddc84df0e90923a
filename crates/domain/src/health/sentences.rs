//! What people read about a leg: what was found, and the way out.

use super::{HealthCode, LegName};
use crate::wire::ApiMode;

impl HealthCode {
    /// What was found and what to do about it. It depends on the plan who can do something about the model.
    #[must_use]
    pub const fn message(self, leg: LegName, mode: ApiMode) -> &'static str {
        match self {
            Self::Ok => match leg {
                LegName::Worker => "The assistant is running.",
                LegName::Telegram => "Messages arrive from Telegram.",
                LegName::Model => "The model replies.",
            },
            Self::NotRunning => "The assistant isn't running, so this isn't checked.",
            Self::NotChecked => "Not checked yet. The first result follows within a few minutes.",
            Self::WorkerMissing => "The assistant has stopped unexpectedly. Redeploy to start it again.",
            Self::WorkerUnreachable => {
                "We can't reach the assistant at the moment. We keep checking; contact support if this lasts."
            }
            Self::TokenRejected => {
                "Telegram rejects the bot token. Copy the current token from @BotFather and save it in the settings."
            }
            Self::OtherWebhook => {
                "Another program has set its own webhook and receives the bot's messages. Disconnect the bot there, then redeploy."
            }
            Self::WebhookMissing => {
                "Another program has removed the bot's webhook, so no messages arrive. Disconnect the bot there, then redeploy."
            }
            Self::WebhookFailing => {
                "Telegram can't deliver messages to the assistant. Telegram retries automatically; contact support if this lasts."
            }
            Self::PollingConflict => {
                "Another program fetches the bot's messages. Stop that program, or get a new token from @BotFather and save it in the settings."
            }
            Self::UpdatesDelayed => {
                "Many messages are waiting at Telegram, so replies are late. They follow in order; contact support if this lasts."
            }
            Self::TelegramRateLimited => {
                "Telegram limits how fast the bot may send, so replies are late. The limit ends automatically."
            }
            Self::TelegramUnavailable => {
                "Telegram doesn't answer. You don't need to do anything: replies continue when it answers again."
            }
            _ => self.model_message(mode),
        }
    }

    const fn model_message(self, mode: ApiMode) -> &'static str {
        match (self, mode) {
            (Self::KeyRejected, ApiMode::Byok) => {
                "The model provider rejects your API key. Enter a working key in the settings."
            }
            (Self::NoCredit, ApiMode::Byok) => {
                "Your account at the model provider has no credit. Add credit there, then send the assistant a message."
            }
            (Self::ModelNotFound, ApiMode::Byok) => {
                "The provider doesn't offer this model to your key. Choose another model in the settings."
            }
            (Self::KeyRejected, ApiMode::Managed) => {
                "The model doesn't accept our key. Redeploy, and contact support if this doesn't help."
            }
            (Self::NoCredit, ApiMode::Managed) => {
                "Your model credit is used up. The next billing period adds credit."
            }
            (Self::ModelNotFound, ApiMode::Managed) => {
                "This model is no longer available. Choose another model in the settings."
            }
            (Self::RateLimited, _) => {
                "The model provider limits how much the key may be used, so replies are missing. They continue when the limit resets."
            }
            (Self::UnexpectedResponse, _) => {
                "The model provider sends responses that can't be read. Choose another model, or contact support if this lasts."
            }
            _ => {
                "The model provider doesn't answer. Replies continue when it does; if this lasts, choose a model of another provider."
            }
        }
    }
}
