//! The owner's buttons under a request to talk to the assistant.

use reef_protocols::telegram::{Bot, CallbackQuery};

use super::{TurnError, TurnOutcome};
use crate::access::{AccessRequest, Decision, Visitor};
use crate::host::Host;
use crate::settings::Settings;
use crate::texts;

const APPROVE: &str = "approve";
const BLOCK: &str = "block";

/// Asks the owner about a person. A notice that does not arrive is not repeated: the request is also on the assistant's page.
pub(super) async fn notify_owner<H: Host>(
    host: &H,
    settings: &Settings,
    visitor: &Visitor,
    request: &AccessRequest,
) {
    let button = |label, action| (label, format!("{action}:{}", request.person_id));
    let buttons = [button("Approve", APPROVE), button("Block", BLOCK)];
    let text = texts::access_request(visitor);
    send(host, settings, request.owner_chat_id, &text, &buttons).await;
}

/// Carries out what the owner has decided with a button.
pub(super) async fn press<H: Host>(
    host: &H,
    settings: &Settings,
    query: &CallbackQuery,
) -> Result<TurnOutcome, TurnError> {
    let action = query.data.as_deref().and_then(|data| data.split_once(':'));
    let (is_approved, person_id) = match action {
        Some((APPROVE, person_id)) => (true, person_id),
        Some((BLOCK, person_id)) => (false, person_id),
        _ => return Ok(TurnOutcome::Ignored),
    };
    let decision = host.decide_request(&Visitor::from(&query.from), person_id, is_approved).await?;
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let text = match &decision {
        Decision::Made { name, .. } if is_approved => format!("{name} can talk to me now."),
        Decision::Made { name, .. } => format!("{name} is blocked."),
        Decision::NotOwner => "Only the owner can decide this.".to_owned(),
        Decision::Unknown => "This person is no longer known.".to_owned(),
    };
    // What was decided is stored, so nothing depends on whether these arrive.
    drop(host.send(bot.answer_callback_query(&query.id, &text)).await);
    if decision != Decision::NotOwner
        && let Some(message) = &query.message
    {
        drop(host.send(bot.edit_message_text(message.chat.id, message.message_id, &text)).await);
    }
    if let Decision::Made { chat_id, is_new: true, .. } = decision
        && is_approved
    {
        send(host, settings, chat_id, texts::APPROVED, &[]).await;
    }
    Ok(TurnOutcome::Ignored)
}

async fn send<H: Host>(host: &H, settings: &Settings, chat_id: i64, text: &str, buttons: &[(&str, String)]) {
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    // A notice may be lost: the chat may be deleted, or the bot blocked.
    drop(host.send(bot.send_notice(chat_id, text, buttons)).await);
}
