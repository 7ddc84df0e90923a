//! Talking to an assistant through the API.

use std::time::Duration;

use reef_domain::ids::ConversationId;
use reef_domain::input::Parsed;
use reef_domain::messages::{MessageInput, MessageRecord};
use reef_domain::usage::UsageCost;
use reef_domain::wire::{Scope, Status};
use reef_domain::{Assistant, State};
use reef_ports::{ApiAnswer, ApiQuestion, OnText, TalkError};

use crate::caller::Caller;
use crate::deployments::worker::worker_ref;
use crate::error::Error;
use crate::services::Services;

/// How long a conversation of the API is kept after its last message.
pub(crate) const CONVERSATIONS_KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// A message that may be answered.
pub struct AdmittedMessage {
    assistant: Assistant,
    question: ApiQuestion,
}

impl Services {
    /// Checks whether a message may be answered. The check comes before the answer, which may be a stream.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidState`] unless the assistant is
    /// active.
    pub async fn admit_message(
        &self,
        caller: &Caller,
        id: &str,
        message: Parsed<MessageInput>,
    ) -> Result<AdmittedMessage, Error> {
        let assistant = self.authorize_assistant(caller, Scope::Write, id).await?;
        let message = message.map_err(Error::InvalidRequest)?;
        if !matches!(assistant.state, State::Active { .. }) {
            let current = assistant.state.status();
            let message = "The assistant can only answer while it is active";
            return Err(Error::InvalidState { message, current, allowed: &[Status::Active] });
        }
        let conversation_id = match message.conversation_id {
            Some(text) => Some(ConversationId::parse(&text).ok_or(Error::NotFound)?),
            None => None,
        };
        Ok(AdmittedMessage { assistant, question: ApiQuestion { conversation_id, text: message.text } })
    }

    /// Has an admitted message answered, and passes the answer on while it is written.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown conversation, [`Error::ConversationBusy`], [`Error::AllowanceReached`],
    /// [`Error::ModelFailed`], [`Error::Internal`] when the worker host fails.
    #[tracing::instrument(name = "answer_message", skip_all, fields(assistant_id = %message.assistant.id))]
    pub async fn answer_message(
        &self,
        message: &AdmittedMessage,
        on_text: OnText<'_>,
    ) -> Result<MessageRecord, Error> {
        let AdmittedMessage { assistant, question } = message;
        let run = assistant.state.run().ok_or_else(|| Error::internal("an active assistant has no run"))?;
        let worker = worker_ref(assistant, run);
        let answer = self.ports().workers.talk(&worker, question, on_text).await.map_err(refused)?;
        Ok(record(answer))
    }
}

fn refused(error: TalkError) -> Error {
    match error {
        TalkError::UnknownConversation => Error::NotFound,
        TalkError::Busy => Error::ConversationBusy,
        TalkError::AllowanceReached => Error::AllowanceReached,
        TalkError::Model(failure) => Error::ModelFailed(failure),
        TalkError::Host(error) => Error::internal(error),
    }
}

fn record(answer: ApiAnswer) -> MessageRecord {
    MessageRecord {
        conversation_id: answer.conversation_id.to_string(),
        message_id: answer.message_id.to_string(),
        text: answer.text,
        usage: UsageCost {
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            cost_usd: answer.cost,
        },
        tools: Vec::new(),
    }
}
