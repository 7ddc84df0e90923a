//! Sends a saved reply, part by part, from where it has got to.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::TurnError;
use crate::host::{Host, HttpRequest};
use crate::markdown::render;
use crate::memory::{Reply, Style};
use crate::settings::Settings;
use crate::telegram::{Bot, OutgoingMessage, TelegramError, read_reply};

/// How often one message is tried within a turn.
const TRIES_MAX: u32 = 3;

/// The longest wait that a turn sits out; a longer one is the host's, who can run the turn again then.
const WAIT_S_MAX: u64 = 60;

/// Sends what has not been sent. `Ok(Err(reason))`: Telegram will never take it.
pub(super) async fn deliver<H: Host>(
    host: &H,
    settings: &Settings,
    update_id: i64,
    reply: &Reply,
) -> Result<Result<(), TelegramError>, TurnError> {
    for index in reply.sent..reply.parts.len() {
        match send_part(host, settings, reply, index).await {
            Ok(()) => host.mark_sent(update_id, index).await?,
            Err(TurnError::Telegram(
                reason @ (TelegramError::Blocked | TelegramError::BadRequest { .. }),
            )) => return Ok(Err(reason)),
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(()))
}

/// Sends one part as HTML; if Telegram dislikes it, as plain text.
async fn send_part<H: Host>(
    host: &H,
    settings: &Settings,
    reply: &Reply,
    index: usize,
) -> Result<(), TurnError> {
    let part = &reply.parts[index];
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let plain = OutgoingMessage {
        chat_id: reply.chat_id,
        thread_id: reply.thread_id,
        // One arrow back to the question is enough.
        reply_to: reply.reply_to.filter(|_| index == 0),
        text: &part.text,
        html: false,
    };
    if part.style != Style::Plain {
        let html = render(&part.text, part.style == Style::MarkdownInCode);
        let formatted = OutgoingMessage { text: &html, html: true, ..plain };
        match send(host, &bot.send_message(&formatted)).await {
            // Mostly "can't parse entities"; also a text of markup alone, which is empty to Telegram.
            Err(TurnError::Telegram(TelegramError::BadRequest { .. })) => {}
            sent => return sent,
        }
    }
    send(host, &bot.send_message(&plain)).await
}

async fn send<H: Host>(host: &H, request: &HttpRequest) -> Result<(), TurnError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match host.send(request.clone()).await {
            Ok(response) => match read_reply::<IgnoredAny>(&response) {
                Ok(_) => return Ok(()),
                Err(error) => TurnError::Telegram(error),
            },
            Err(error) => TurnError::Http(error),
        };
        let wait_s = match &error {
            TurnError::Telegram(TelegramError::RateLimited { retry_after_s }) => *retry_after_s,
            TurnError::Telegram(TelegramError::Server(_)) | TurnError::Http(_) => u64::from(tries),
            _ => return Err(error),
        };
        if tries == TRIES_MAX || wait_s > WAIT_S_MAX {
            return Err(error);
        }
        host.sleep(Duration::from_secs(wait_s)).await;
    }
}
