//! One turn: it takes an update and sends the reply.
//!
//! A turn can be killed at any point and run again with the same update. The reply is saved together with its change to
//! the conversation before its first part is sent, and every sent part is recorded. So once the model has answered, it
//! is not asked again, the conversation has each turn once, and every part arrives. There is one exception that the Bot
//! API makes unavoidable: if the process dies after Telegram has accepted a part and before this is recorded, the
//! part is sent a second time.
//!
//! In groups, the first part of an answer replaces the text of a message that was sent with its first words, and edited since. Which
//! message that is, is recorded as soon as Telegram has accepted it, so that a turn that runs again edits it, too. The same exception
//! applies: if the process dies in between, nothing knows the message, and its few words stay in the chat above the answer.

mod buttons;
mod deliver;
mod fair_share;
mod late;
mod media;
pub(crate) mod model_request;
pub(crate) mod prompt;
mod question;
mod shown;
mod streaming;

use reef_protocols::HttpError;
use reef_protocols::model::{ModelError, Turn};
use reef_protocols::telegram::{Membership, Message, TelegramError, Update};

use crate::access::{AccessRequest, Admission, Verdict, Visit, Visitor};
use crate::allowance;
use crate::calls::{CallEstimate, CallKind, ModelCall, Permit};
use crate::command::{Intent, intent};
use crate::error_reply::{error_reply, owner_error_reply};
use crate::host::{Host, MemoryError};
use crate::markdown;
use crate::memory::{Conversation, FACT_CHARS_MAX, FACTS_MAX, MemoryChange, Part, Reply, Style};
use crate::settings::Settings;
use crate::split::{MESSAGE_UNITS_MAX, split};
use crate::texts;
use crate::turn::media::Problem;
use crate::turn::prompt::Prompt;
use crate::turn::question::Question;

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
    if let Some(membership) = &update.my_chat_member {
        return record_membership(host, membership).await;
    }
    if let Some(query) = &update.callback_query {
        return buttons::press(host, settings, query).await;
    }
    let Some(message) = &update.message else { return Ok(TurnOutcome::Ignored) };
    if !message.is_from_person() {
        return Ok(TurnOutcome::Ignored);
    }
    let (reply, model_error) = match host.find_reply(update.update_id).await? {
        Some(reply) => (reply, None),
        None => {
            let draft = compose(host, settings, update, message).await?;
            let preview = shown::find_preview(host, update.update_id, message).await?;
            let Some(draft) = draft else {
                shown::delete_preview(host, settings, message.chat.id, preview).await;
                return Ok(TurnOutcome::Ignored);
            };
            let reply = Reply { preview, ..addressed_reply(message, draft.parts, draft.covers) };
            host.save_reply(update.update_id, &reply, &draft.change, &draft.calls).await?;
            if let (Some(request), Some(visitor)) = (&draft.request, &message.from) {
                buttons::notify_owner(host, settings, &Visitor::from(visitor), request).await;
            }
            (reply, draft.model_error)
        }
    };
    Ok(match deliver::deliver(host, settings, update.update_id, reply).await? {
        Ok(()) => TurnOutcome::Answered { model_error },
        Err(reason) => TurnOutcome::Undeliverable(reason),
    })
}

/// Records in which groups the bot is, and who added it. Private chats are no concern: there, it means that someone has blocked
/// the bot or let it write again.
async fn record_membership<H: Host>(host: &H, membership: &Membership) -> Result<TurnOutcome, TurnError> {
    let chat = &membership.chat;
    if !chat.is_private() && chat.kind != "channel" {
        let added_by = membership.is_member().then(|| Visitor::from(&membership.from));
        let title = chat.title.as_deref().unwrap_or_default();
        host.record_membership(chat.id, title, added_by.as_ref()).await?;
    }
    Ok(TurnOutcome::Ignored)
}

/// A reply that has been composed but not saved.
struct Draft {
    parts: Vec<Part>,
    change: MemoryChange,
    /// The other updates that are answered with it.
    covers: Vec<i64>,
    /// The calls of the model that were made for it.
    calls: Vec<ModelCall>,
    model_error: Option<ModelError>,
    /// What the owner is asked about.
    request: Option<AccessRequest>,
}

impl Draft {
    fn plain(text: impl Into<String>) -> Self {
        let part = Part { text: text.into(), style: Style::Plain, entities: Vec::new() };
        Self {
            parts: vec![part],
            change: MemoryChange::Keep,
            covers: Vec::new(),
            calls: Vec::new(),
            model_error: None,
            request: None,
        }
    }
}

/// Composes the reply to a message; `None` if it gets none.
async fn compose<H: Host>(
    host: &H,
    settings: &Settings,
    update: &Update,
    message: &Message,
) -> Result<Option<Draft>, TurnError> {
    let visit = Visit::of(update.update_id, message);
    let admission = host.admit(&visit).await?;
    let behavior = &admission.behavior;
    match admission.verdict {
        Verdict::Allowed => {}
        Verdict::Silent => return Ok(None),
        Verdict::NewOwner => return Ok(Some(Draft::plain(texts::owner_welcome(settings)))),
        Verdict::Refused { request, can_be_approved } => {
            let text = if can_be_approved { texts::WAITING } else { texts::OWNER_ONLY };
            return Ok(Some(Draft { request, ..Draft::plain(text) }));
        }
    }
    let text = match intent(settings, behavior.access.groups, message) {
        None => return Ok(None),
        Some(Intent::Question) => {
            if let Some(refusal) = fair_share::refusal(host, behavior, update, message).await? {
                return Ok(refusal.map(Draft::plain));
            }
            return answer_question(host, settings, &admission, update, message).await.map(Some);
        }
        Some(Intent::Reset) => {
            let change = MemoryChange::Forget { conversation: conversation_of(message) };
            return Ok(Some(Draft { change, ..Draft::plain(texts::RESET_DONE) }));
        }
        Some(Intent::Remember(text)) => return remember(host, message, &text).await.map(Some),
        Some(Intent::Memory) => texts::memory(&host.list_facts(conversation_of(message)).await?),
        Some(Intent::ForgetFact(number)) => return forget_fact(host, message, number).await.map(Some),
        Some(Intent::ForgetMe { is_confirmed }) => return Ok(Some(forget_me(message, is_confirmed))),
        Some(Intent::Start) => texts::greeting(settings, behavior),
        Some(Intent::Help) => texts::HELP.to_owned(),
        Some(Intent::UnknownCommand) => texts::UNKNOWN_COMMAND.to_owned(),
    };
    Ok(Some(Draft::plain(text)))
}

/// Remembers a fact of the conversation.
async fn remember<H: Host>(host: &H, message: &Message, text: &str) -> Result<Draft, TurnError> {
    let conversation = conversation_of(message);
    if text.is_empty() {
        return Ok(Draft::plain(texts::REMEMBER_WHAT));
    }
    if text.chars().count() > FACT_CHARS_MAX {
        return Ok(Draft::plain(texts::FACT_TOO_LONG));
    }
    if host.list_facts(conversation).await?.len() >= FACTS_MAX {
        return Ok(Draft::plain(texts::MEMORY_FULL));
    }
    let change = MemoryChange::Remember { conversation, text: text.to_owned() };
    Ok(Draft { change, ..Draft::plain(texts::REMEMBERED) })
}

async fn forget_fact<H: Host>(host: &H, message: &Message, number: usize) -> Result<Draft, TurnError> {
    let conversation = conversation_of(message);
    let facts = host.list_facts(conversation).await?;
    let Some(fact) = number.checked_sub(1).and_then(|index| facts.into_iter().nth(index)) else {
        return Ok(Draft::plain(texts::NO_SUCH_FACT));
    };
    let change = MemoryChange::ForgetFact { conversation, id: fact.id };
    Ok(Draft { change, ..Draft::plain(texts::FORGOTTEN) })
}

/// Erases what is known of the person who writes. In groups, there is nothing that belongs to one person.
fn forget_me(message: &Message, is_confirmed: bool) -> Draft {
    let person = message.from.as_ref().filter(|_| message.chat.is_private());
    match person {
        None => Draft::plain(texts::FORGET_ME_IN_PRIVATE),
        Some(_) if !is_confirmed => Draft::plain(texts::FORGET_ME_CONFIRM),
        Some(person) => {
            let change = MemoryChange::ForgetPerson { telegram_user_id: person.id };
            Draft { change, ..Draft::plain(texts::FORGOT_PERSON) }
        }
    }
}

/// Answers a question with the model. If the model fails, the reply is an apology, which does not become part of the
/// conversation.
async fn answer_question<H: Host>(
    host: &H,
    settings: &Settings,
    admission: &Admission,
    update: &Update,
    message: &Message,
) -> Result<Draft, TurnError> {
    let behavior = &*admission.behavior;
    let question = Question::read(host, settings, behavior, update, message).await?;
    let covers = question.covered_updates();
    let prepared = match question.prepare(host, settings).await {
        Ok(prepared) => prepared,
        Err(Problem::Sentence(text)) => return Ok(Draft { covers, ..Draft::plain(text) }),
        Err(Problem::Turn(error)) => return Err(error),
    };
    let conversation = conversation_of(message);
    let in_group = !message.chat.is_private();
    let Prompt { system, turns } =
        Prompt::new(host, settings, behavior, conversation, prepared.turn.clone(), in_group).await?;
    let request =
        model_request::Request { system: &system, turns: &turns, attachments: &prepared.attachments };
    let estimate = CallEstimate::of_answer(settings, &system, &turns, &prepared.attachments);
    let reservation = match allowance::reserve(host, behavior, estimate).await? {
        Permit::Granted { reservation } => reservation,
        Permit::Exhausted { continues_at_unix_ms } => {
            let text = allowance::exhausted_text(host, behavior, continues_at_unix_ms);
            return Ok(Draft { covers, ..Draft::plain(text) });
        }
    };
    let answered = streaming::request_answer(host, settings, message, update.update_id, request).await?;
    let call = ModelCall {
        telegram_user_id: message.from.as_ref().map(|user| user.id),
        ..ModelCall::new(settings, CallKind::Answer, reservation, conversation, &answered)
    };
    host.observe_model(answered.as_ref().err().copied());
    Ok(match answered {
        Ok(answer) => {
            let turns = vec![prepared.turn, Turn::assistant(answer.text.clone())];
            Draft {
                parts: split(&markdown::render(&texts::answer_text(&answer)), MESSAGE_UNITS_MAX),
                change: MemoryChange::Append { conversation, turns },
                covers,
                calls: vec![call],
                model_error: None,
                request: None,
            }
        }
        Err(error) => {
            let for_owner = admission.is_owner.then(|| owner_error_reply(error, settings.credit)).flatten();
            let apology = Draft::plain(for_owner.unwrap_or_else(|| error_reply(error, settings.credit)));
            Draft { covers, calls: vec![call], model_error: Some(error), ..apology }
        }
    })
}

/// Addresses a reply to the chat and topic of a message, in groups as an answer to it.
fn addressed_reply(message: &Message, parts: Vec<Part>, covers: Vec<i64>) -> Reply {
    Reply {
        chat_id: message.chat.id,
        thread_id: topic(message),
        reply_to: (!message.chat.is_private()).then_some(message.message_id),
        parts,
        covers,
        preview: None,
        sent: 0,
    }
}

fn conversation_of(message: &Message) -> Conversation {
    Conversation { chat_id: message.chat.id, thread_id: topic(message).unwrap_or(0) }
}

/// Returns the topic of a message. Outside forums, a thread id only names a message that others reply to, and Telegram
/// rejects it as a topic.
fn topic(message: &Message) -> Option<i64> {
    message.message_thread_id.filter(|_| message.is_topic_message)
}
