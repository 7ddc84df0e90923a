//! Sends the remaining parts of a saved reply.

use reef_protocols::telegram::{
    BadRequestReason, Bot, FormattedText, OutgoingMessage, SentMessage, TelegramError, read_response,
};

use super::{TurnError, shown};
use crate::formatted::Formatted;
use crate::host::Host;
use crate::markdown::{render, render_in_code};
use crate::memory::{Part, Reply, Style};
use crate::pace::SendKind;
use crate::settings::Settings;
use crate::split::{MESSAGE_UNITS_MAX, split};

/// A part with fewer UTF-16 units is not split again, even if Telegram calls it too long.
const SPLIT_UNITS_MIN: usize = 128;

/// The number of times that a reply follows its chat to another id. A group becomes a supergroup only once, so more would be a
/// loop.
const MIGRATIONS_MAX: u32 = 2;

/// Sends the parts that have not been sent. `Ok(Err(reason))` means that Telegram will never accept the reply.
///
/// It never waits. A flood wait is returned as an error, and the host runs the turn again later, so that a waiting chat
/// does not hold a turn slot which other chats need.
pub(super) async fn deliver<H: Host>(
    host: &H,
    settings: &Settings,
    update_id: i64,
    mut reply: Reply,
) -> Result<Result<(), TelegramError>, TurnError> {
    let mut migrations_left = MIGRATIONS_MAX;
    while let Some(part) = reply.parts.get(reply.sent) {
        let error = match send_part(host, settings, &reply, part).await {
            Ok(()) => {
                host.record_part_sent(update_id, reply.sent).await?;
                reply.sent += 1;
                continue;
            }
            Err(TurnError::Telegram(refusal)) => refusal,
            Err(error) => return Err(error),
        };
        match error {
            TelegramError::Migrated { to_chat_id }
                if migrations_left > 0 && to_chat_id < 0 && to_chat_id != reply.chat_id =>
            {
                migrations_left -= 1;
                host.migrate_chat(reply.chat_id, to_chat_id).await?;
                // Topics and message ids of the group do not exist in the supergroup.
                reply =
                    Reply { chat_id: to_chat_id, thread_id: None, reply_to: None, preview: None, ..reply };
            }
            TelegramError::BadRequest(kind) if adapt(&mut reply, kind) => {}
            // The message may be there although it cannot be edited. The part is then sent as a message of its own.
            TelegramError::BadRequest(_) if edited_message(&reply).is_some() => {
                shown::delete_preview(host, settings, reply.chat_id, reply.preview.take()).await;
            }
            TelegramError::Blocked | TelegramError::BadRequest(_) | TelegramError::Migrated { .. } => {
                return Ok(Err(error));
            }
            error => return Err(error.into()),
        }
        host.update_reply(update_id, &reply).await?;
    }
    Ok(Ok(()))
}

/// Changes the rest of a reply to a form that Telegram may accept. Returns `false` if there is nothing left to change.
/// Each change removes something, so this ends after a few calls.
fn adapt(reply: &mut Reply, reason: BadRequestReason) -> bool {
    let next = reply.sent;
    match reason {
        BadRequestReason::ThreadNotFound if reply.thread_id.is_some() => reply.thread_id = None,
        BadRequestReason::ReplyNotFound if reply.reply_to.is_some() => reply.reply_to = None,
        BadRequestReason::TooLong => {
            let Some(pieces) = halve(&reply.parts[next]) else { return false };
            reply.parts.splice(next..=next, pieces);
        }
        BadRequestReason::NotEditable if edited_message(reply).is_some() => return false,
        // Telegram may not accept the formatting, or the text is empty after parsing because it is all markup.
        _ if reply.parts[next].style != Style::Plain || !reply.parts[next].entities.is_empty() => {
            let part = &mut reply.parts[next];
            (part.style, part.entities) = (Style::Plain, Vec::new());
        }
        _ => return false,
    }
    true
}

/// The message that the next part is written into, if it is not sent as a message of its own.
fn edited_message(reply: &Reply) -> Option<i64> {
    reply.preview.filter(|_| reply.sent == 0)
}

fn halve(part: &Part) -> Option<Vec<Part>> {
    let rendered = rendered(part);
    let units = rendered.text.encode_utf16().count();
    (units >= SPLIT_UNITS_MIN).then(|| split(&Formatted::from_part(&rendered), units / 2))
}

/// Renders the Markdown of a part that an earlier version has saved. It stays one part: if it would be too long, it is not
/// rendered.
fn rendered(part: &Part) -> Part {
    let formatted = match part.style {
        Style::Plain => None,
        Style::Markdown => Some(render(&part.text)),
        Style::MarkdownInCode => Some(render_in_code(&part.text)),
    };
    let fits = |part: &Part| part.text.encode_utf16().count() <= MESSAGE_UNITS_MAX;
    let rendered = formatted.and_then(Formatted::into_part).filter(fits);
    rendered.unwrap_or_else(|| Part { style: Style::Plain, ..part.clone() })
}

async fn send_part<H: Host>(
    host: &H,
    settings: &Settings,
    reply: &Reply,
    part: &Part,
) -> Result<(), TurnError> {
    let part = rendered(part);
    let text = FormattedText { text: &part.text, entities: &part.entities };
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    // Replies are counted, but they do not wait.
    let _no_wait = host.reserve_send(reply.chat_id, SendKind::Reply);
    if let Some(message_id) = edited_message(reply) {
        let response = host.send(bot.edit_message(reply.chat_id, message_id, text)).await?;
        return match read_response::<SentMessage>(&response) {
            Ok(_) | Err(TelegramError::BadRequest(BadRequestReason::NotModified)) => Ok(()),
            Err(error) => Err(error.into()),
        };
    }
    let message = OutgoingMessage {
        chat_id: reply.chat_id,
        thread_id: reply.thread_id,
        // Only the first part refers to the question.
        reply_to: reply.reply_to.filter(|_| reply.sent == 0),
        text,
    };
    let response = host.send(bot.send_message(&message)).await?;
    read_response::<SentMessage>(&response)?;
    Ok(())
}
