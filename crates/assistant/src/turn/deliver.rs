//! Sends a saved reply, part by part, from where it has got to.

use serde::de::IgnoredAny;

use super::TurnError;
use crate::host::Host;
use crate::markdown::render;
use crate::memory::{Part, Reply, Style};
use crate::settings::Settings;
use crate::split::split_at_most;
use crate::telegram::{Bot, OutgoingMessage, Refusal, TelegramError, read_reply};

/// A part that is shorter, in UTF-16 units, and still too long is not cut again.
const SHORTEST_CUT_UNITS: usize = 128;

/// How often a reply follows its chat to another id: one group becomes one supergroup.
const MIGRATIONS_MAX: u32 = 2;

/// Sends what has not been sent. `Ok(Err(reason))`: Telegram will never accept it.
///
/// It never waits. When Telegram asks for patience, that is the error, and the host runs the turn again later: a chat
/// that waits must hold nothing that other chats need.
pub(super) async fn deliver<H: Host>(
    host: &H,
    settings: &Settings,
    update_id: i64,
    mut reply: Reply,
) -> Result<Result<(), TelegramError>, TurnError> {
    let mut migrations_left = MIGRATIONS_MAX;
    while let Some(part) = reply.parts.get(reply.sent) {
        let refusal = match send(host, settings, &reply, part).await {
            Ok(()) => {
                host.mark_sent(update_id, reply.sent).await?;
                reply.sent += 1;
                continue;
            }
            Err(TurnError::Telegram(refusal)) => refusal,
            Err(error) => return Err(error),
        };
        match refusal {
            TelegramError::Migrated { to_chat_id }
                if migrations_left > 0 && to_chat_id < 0 && to_chat_id != reply.chat_id =>
            {
                migrations_left -= 1;
                host.migrate_chat(reply.chat_id, to_chat_id).await?;
                // Topics and message ids of the group mean nothing in the supergroup.
                reply = Reply { chat_id: to_chat_id, thread_id: None, reply_to: None, ..reply };
            }
            TelegramError::BadRequest(kind) if adapt(&mut reply, kind) => {}
            TelegramError::Blocked | TelegramError::BadRequest(_) | TelegramError::Migrated { .. } => {
                return Ok(Err(refusal));
            }
            error => return Err(error.into()),
        }
        host.replace_reply(update_id, &reply).await?;
    }
    Ok(Ok(()))
}

/// Changes what is left of a reply to what Telegram may accept; `false` if nothing is left to try. Each change takes
/// something away, so that this ends.
fn adapt(reply: &mut Reply, refusal: Refusal) -> bool {
    let next = reply.sent;
    match refusal {
        Refusal::ThreadNotFound if reply.thread_id.is_some() => reply.thread_id = None,
        Refusal::ReplyNotFound if reply.reply_to.is_some() => reply.reply_to = None,
        Refusal::TooLong => {
            let Some(pieces) = halve(&reply.parts[next]) else { return false };
            reply.parts.splice(next..=next, pieces);
        }
        // Mostly formatting that Telegram cannot parse; also a text of markup alone, which is empty to Telegram.
        _ if reply.parts[next].style != Style::Plain => reply.parts[next].style = Style::Plain,
        _ => return false,
    }
    true
}

fn halve(part: &Part) -> Option<Vec<Part>> {
    let units = part.text.encode_utf16().count();
    if units < SHORTEST_CUT_UNITS {
        return None;
    }
    let mut pieces = split_at_most(units / 2, &part.text, part.style == Style::MarkdownInCode);
    if part.style == Style::Plain {
        for piece in &mut pieces {
            piece.style = Style::Plain;
        }
    }
    Some(pieces)
}

async fn send<H: Host>(host: &H, settings: &Settings, reply: &Reply, part: &Part) -> Result<(), TurnError> {
    let html = match part.style {
        Style::Plain => None,
        Style::Markdown => Some(render(&part.text, false)),
        Style::MarkdownInCode => Some(render(&part.text, true)),
    };
    let message = OutgoingMessage {
        chat_id: reply.chat_id,
        thread_id: reply.thread_id,
        // One arrow back to the question is enough.
        reply_to: reply.reply_to.filter(|_| reply.sent == 0),
        text: html.as_deref().unwrap_or(&part.text),
        html: html.is_some(),
    };
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let response = host.send(bot.send_message(&message)).await?;
    read_reply::<IgnoredAny>(&response)?;
    Ok(())
}
