//! One turn: an update comes in, an answer goes out.
//!
//! The order makes it safe to kill a turn anywhere and run it again with the same update: the reply is saved, together
//! with what it changes in the memory, before its first part is sent, and every sent part is noted. So the model is
//! not asked again once it has answered, nothing is remembered twice, and nothing is left unsaid. One thing Telegram
//! leaves no way around: killed between Telegram's answer and the note, the part is sent a second time.

mod album;
mod ask;
mod deliver;

use crate::command::{Intent, intent};
use crate::host::{Host, HttpError, MemoryError};
use crate::memory::{MEMORY_TURNS_MAX, MemoryChange, Part, Reply, Style, Turn, window};
use crate::model::ModelError;
use crate::prompt;
use crate::settings::Settings;
use crate::split::split;
use crate::telegram::{Message, TelegramError, Update};

/// How a turn ended. In each case the update is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnOutcome {
    /// The update was not for the assistant.
    Ignored,
    /// The reply has been sent.
    Answered {
        /// Why the reply was an apology, if the model did not answer; for the log.
        model_error: Option<ModelError>,
    },
    /// The reply cannot be delivered, now or later: the bot was blocked, or the chat is gone.
    Undeliverable(TelegramError),
}

/// What stopped a turn. Run again with the same update, it goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The memory failed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Telegram did not take the reply.
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    /// Telegram was not reached.
    #[error("Telegram was not reached: {0}")]
    Http(#[from] HttpError),
}

impl TurnError {
    /// Whether running the turn again later can help. If not, the bot token is wrong and no reply will ever go out.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Telegram(TelegramError::Unauthorized | TelegramError::NotFound))
    }

    /// How long Telegram asked to wait before that, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Telegram(TelegramError::RateLimited { retry_after_s }) => Some(*retry_after_s),
            _ => None,
        }
    }
}

/// Answers one update. Turns of one chat must not run at the same time; turns of different chats may.
///
/// # Errors
/// [`TurnError`] when the turn could not be finished: see [`TurnError::is_retryable`].
pub async fn run_turn<H: Host>(
    host: &H,
    settings: &Settings,
    update: &Update,
) -> Result<TurnOutcome, TurnError> {
    let Some(message) = &update.message else { return Ok(TurnOutcome::Ignored) };
    let Some(intent) = intent(settings, message) else { return Ok(TurnOutcome::Ignored) };
    let (reply, model_error) = match host.saved_reply(update.update_id).await? {
        Some(reply) => (reply, None),
        None => {
            if intent == Intent::NotText && album::is_covered(host, update, message).await? {
                return Ok(TurnOutcome::Ignored);
            }
            let written = write(host, settings, message, intent).await?;
            let reply = address(message, written.parts);
            host.save_reply(update.update_id, &reply, &written.change).await?;
            (reply, written.model_error)
        }
    };
    Ok(match deliver::deliver(host, settings, update.update_id, reply).await? {
        Ok(()) => TurnOutcome::Answered { model_error },
        Err(reason) => TurnOutcome::Undeliverable(reason),
    })
}

/// A reply that has been thought of and not yet saved.
struct Written {
    parts: Vec<Part>,
    change: MemoryChange,
    model_error: Option<ModelError>,
}

impl Written {
    fn plain(text: impl Into<String>) -> Self {
        let part = Part { text: text.into(), style: Style::Plain };
        Self { parts: vec![part], change: MemoryChange::Keep, model_error: None }
    }
}

async fn write<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
    intent: Intent<'_>,
) -> Result<Written, TurnError> {
    let text = match intent {
        Intent::Ask(text) => return answer(host, settings, message, text).await,
        Intent::Reset => {
            let change = MemoryChange::Forget { chat_id: message.chat.id };
            return Ok(Written { change, ..Written::plain(prompt::FORGOTTEN) });
        }
        Intent::Start => prompt::greeting(settings),
        Intent::Help => prompt::HELP.to_owned(),
        Intent::UnknownCommand => prompt::UNKNOWN_COMMAND.to_owned(),
        Intent::NotText => prompt::TEXT_ONLY.to_owned(),
    };
    Ok(Written::plain(text))
}

/// Asks the model. Its failure is a reply too: an apology, which is not remembered.
async fn answer<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
    text: &str,
) -> Result<Written, TurnError> {
    let chat = &message.chat;
    let question = prompt::question(message, text);
    let mut turns = window(&host.recent_turns(chat.id, MEMORY_TURNS_MAX).await?);
    turns.push(question.clone());
    let system = prompt::system(settings, host.now_unix_ms(), !chat.is_private());
    let asked = ask::ask(host, settings, &system, &turns);
    Ok(match ask::while_typing(host, settings, message, asked).await {
        Ok(answer) => {
            let turns = vec![question, Turn::assistant(answer.text.clone())];
            Written {
                parts: split(&prompt::answer_text(&answer)),
                change: MemoryChange::Append { chat_id: chat.id, turns },
                model_error: None,
            }
        }
        Err(error) => Written { model_error: Some(error), ..Written::plain(error.told(settings.credit)) },
    })
}

/// Puts the chat, the topic and, in groups, the message that is answered on a reply.
fn address(message: &Message, parts: Vec<Part>) -> Reply {
    Reply {
        chat_id: message.chat.id,
        thread_id: topic(message),
        reply_to: (!message.chat.is_private()).then_some(message.message_id),
        parts,
        sent: 0,
    }
}

/// The topic that a message was written in. Outside forums a thread id only names a message that others reply to, and
/// Telegram refuses it.
fn topic(message: &Message) -> Option<i64> {
    message.message_thread_id.filter(|_| message.is_topic_message)
}
