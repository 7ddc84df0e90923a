//! One turn: it takes an update and sends the reply.
//!
//! A turn can be killed at any point and run again with the same update. The reply is saved together with its change to
//! the conversation before its first part is sent, and every sent part is recorded. So once the model has answered, it
//! is not asked again, the conversation has each turn once, and every part arrives. There is one exception that the Bot
//! API makes unavoidable: if the process dies after Telegram has accepted a part and before this is recorded, the
//! part is sent a second time.

mod album;
mod deliver;
mod model_request;

use reef_protocols::HttpError;
use reef_protocols::model::{ModelError, Turn};
use reef_protocols::telegram::{Message, TelegramError, Update};

use crate::command::{Intent, intent};
use crate::error_reply::error_reply;
use crate::host::{Host, MemoryError};
use crate::memory::{MEMORY_TURNS_MAX, MemoryChange, Part, Reply, Style, recent_window};
use crate::settings::Settings;
use crate::split::split_text;
use crate::texts;

/// How a turn ended. In each case the update needs no further processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnOutcome {
    /// The update is not addressed to the assistant.
    Ignored,
    /// The reply has been sent.
    Answered {
        /// Why the model did not answer, if the reply is an apology.
        model_error: Option<ModelError>,
    },
    /// The reply can never be delivered, because the bot was blocked or the chat does not exist.
    Undeliverable(TelegramError),
}

/// Why a turn stopped. If it is run again with the same update, it continues where it stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The host's storage failed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Telegram did not accept the reply.
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    /// Telegram could not be reached.
    #[error("Telegram could not be reached: {0}")]
    Http(#[from] HttpError),
}

impl TurnError {
    /// Whether the turn may succeed later. If not, the bot token is not valid, and no reply can be sent.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Telegram(TelegramError::Unauthorized | TelegramError::NotFound))
    }

    /// How long Telegram makes the bot wait before the next run, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Telegram(TelegramError::RateLimited { retry_after_s }) => Some(*retry_after_s),
            _ => None,
        }
    }
}

/// Processes one update. Turns of one chat must not run at the same time; turns of different chats may.
///
/// # Errors
/// [`TurnError`] if the turn could not be completed. [`TurnError::is_retryable`] says whether to run it again.
pub async fn run_turn<H: Host>(
    host: &H,
    settings: &Settings,
    update: &Update,
) -> Result<TurnOutcome, TurnError> {
    let Some(message) = &update.message else { return Ok(TurnOutcome::Ignored) };
    let Some(intent) = intent(settings, message) else { return Ok(TurnOutcome::Ignored) };
    let (reply, model_error) = match host.find_reply(update.update_id).await? {
        Some(reply) => (reply, None),
        None => {
            if intent == Intent::Attachment
                && album::is_answered_by_another_part(host, update, message).await?
            {
                return Ok(TurnOutcome::Ignored);
            }
            let draft = compose(host, settings, message, intent).await?;
            let reply = addressed_reply(message, draft.parts);
            host.save_reply(update.update_id, &reply, &draft.change).await?;
            (reply, draft.model_error)
        }
    };
    Ok(match deliver::deliver(host, settings, update.update_id, reply).await? {
        Ok(()) => TurnOutcome::Answered { model_error },
        Err(reason) => TurnOutcome::Undeliverable(reason),
    })
}

/// A reply that has been composed but not saved.
struct Draft {
    parts: Vec<Part>,
    change: MemoryChange,
    model_error: Option<ModelError>,
}

impl Draft {
    fn plain(text: impl Into<String>) -> Self {
        let part = Part { text: text.into(), style: Style::Plain };
        Self { parts: vec![part], change: MemoryChange::Keep, model_error: None }
    }
}

async fn compose<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
    intent: Intent<'_>,
) -> Result<Draft, TurnError> {
    let text = match intent {
        Intent::Question(text) => return answer_question(host, settings, message, text).await,
        Intent::Reset => {
            let change = MemoryChange::Forget { chat_id: message.chat.id };
            return Ok(Draft { change, ..Draft::plain(texts::RESET_DONE) });
        }
        Intent::Start => texts::greeting(settings),
        Intent::Help => texts::HELP.to_owned(),
        Intent::UnknownCommand => texts::UNKNOWN_COMMAND.to_owned(),
        Intent::Attachment => texts::TEXT_ONLY.to_owned(),
    };
    Ok(Draft::plain(text))
}

/// Answers a question with the model. If the model fails, the reply is an apology, which does not become part of the
/// conversation.
async fn answer_question<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
    text: &str,
) -> Result<Draft, TurnError> {
    let chat = &message.chat;
    let question = texts::question_turn(message, text);
    let mut turns = recent_window(&host.list_recent_turns(chat.id, MEMORY_TURNS_MAX).await?);
    turns.push(question.clone());
    let system = texts::system_prompt(settings, host.now_unix_ms(), !chat.is_private());
    let asked = model_request::request_answer(host, settings, &system, &turns);
    Ok(match model_request::with_typing_indicator(host, settings, message, asked).await {
        Ok(answer) => {
            let turns = vec![question, Turn::assistant(answer.text.clone())];
            Draft {
                parts: split_text(&texts::answer_text(&answer)),
                change: MemoryChange::Append { chat_id: chat.id, turns },
                model_error: None,
            }
        }
        Err(error) => Draft { model_error: Some(error), ..Draft::plain(error_reply(error, settings.credit)) },
    })
}

/// Addresses a reply to the chat and topic of a message, in groups as an answer to it.
fn addressed_reply(message: &Message, parts: Vec<Part>) -> Reply {
    Reply {
        chat_id: message.chat.id,
        thread_id: topic(message),
        reply_to: (!message.chat.is_private()).then_some(message.message_id),
        parts,
        sent: 0,
    }
}

/// Returns the topic of a message. Outside forums, a thread id only names a message that others reply to, and Telegram
/// rejects it as a topic.
fn topic(message: &Message) -> Option<i64> {
    message.message_thread_id.filter(|_| message.is_topic_message)
}
