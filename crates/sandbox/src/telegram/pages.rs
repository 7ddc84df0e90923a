//! The list of bots and a chat page for each, with the messages as JSON for tests.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect},
};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection};

use super::{
    bots::{self, Bot},
    entities::utf16_len,
    send::TEXT_UNITS_MAX,
    updates::{self, IncomingMessage},
};
use crate::{
    World,
    clock::{now_ms, rfc3339},
    page::{embedded_page, page},
    web::{HandlerResult, error_response, form_field, is_json},
};

const SHOWN_MAX: i64 = 1_000;
const BOTS_MAX: i64 = 500;
/// Telegram limits captions to 1,024 UTF-16 units.
const CAPTION_UNITS_MAX: usize = 1024;

/// Reloads the messages every second. Without JavaScript the page has a link that does so.
const REFRESH_SCRIPT: &str = "
const list = document.querySelector('.chat'), typing = document.querySelector('#typing');
let shown = list.children.length;
async function refresh() {
  try {
    const response = await (await fetch(list.dataset.from)).json();
    typing.hidden = !response.typing;
    if (response.data.length !== shown) {
      shown = response.data.length;
      list.replaceChildren(...response.data.map((message) => {
        const item = document.createElement('li');
        item.className = message.from;
        item.textContent = message.text;
        return item;
      }));
      list.lastElementChild?.scrollIntoView({ block: 'nearest' });
    }
  } catch { /* The sandbox is restarting; the next refresh works again. */ }
  setTimeout(refresh, 1000);
}
setTimeout(refresh, 1000);
";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatQuery {
    chat_id: Option<i64>,
    /// Whether the page is shown in an iframe.
    #[serde(default)]
    inner: bool,
}

#[derive(FromRow)]
struct Message {
    message_id: i64,
    sender: String,
    text: String,
    #[sqlx(json)]
    entities: Value,
    at: i64,
    reply_to: Option<i64>,
}

/// `GET /sandbox/telegram/`: the list of bots.
pub(super) async fn list(State(world): State<World>) -> HandlerResult {
    let bots: Vec<(i64, Option<String>, i64)> = sqlx::query_as(
        "select id, webhook_url, (select count(*) from telegram_updates where bot_id = telegram_bots.id)
         from telegram_bots order by rowid desc limit $1",
    )
    .bind(BOTS_MAX)
    .fetch_all(&world.db)
    .await?;
    Ok(page(
        200,
        "Bots",
        &html! {
            p { "A bot appears here when its token is first used. Any token works: 6 or more digits, a colon, and 20 or more "
                "letters and digits." }
            @if bots.is_empty() { p { "No bots yet." } }
            ul {
                @for (id, webhook, waiting) in &bots {
                    li {
                        a href={ "/sandbox/telegram/bots/" (id) } { "Bot " (id) }
                        @if webhook.is_some() { ", with a webhook" } @else { ", without a webhook" }
                        @if *waiting > 0 { ", " (waiting) " pending updates" }
                    }
                }
            }
        },
    ))
}

async fn get_bot(conn: &mut SqliteConnection, bot_id: &str) -> HandlerResult<Bot> {
    let unknown = || error_response(404, "Bot not found. A bot appears when its token is first used.");
    let id: i64 = bot_id.parse().map_err(|_| unknown())?;
    bots::find(conn, id).await?.ok_or_else(unknown)
}

async fn list_messages(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat_id: i64,
) -> sqlx::Result<(Vec<Message>, bool)> {
    let mut messages: Vec<Message> = sqlx::query_as(
        "select message_id, sender, text, entities, at, reply_to from telegram_messages
         where bot_id = $1 and chat_id = $2 order by seq desc limit $3",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(SHOWN_MAX)
    .fetch_all(&mut *conn)
    .await?;
    messages.reverse();
    let typing: bool = sqlx::query_scalar(
        "select exists (select 1 from telegram_typing where bot_id = $1 and chat_id = $2 and until > $3)",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(now_ms())
    .fetch_one(conn)
    .await?;
    Ok((messages, typing))
}

/// `GET …/bots/{botId}/messages?chatId=1`: `{"data": […], "typing": …}`, oldest messages first.
pub(super) async fn messages(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    Query(chat): Query<ChatQuery>,
) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let bot = get_bot(&mut conn, &bot_id).await?;
    let chat_id = chat.chat_id.unwrap_or(1);
    let (messages, typing) = list_messages(&mut conn, &bot, chat_id).await?;
    let data: Vec<Value> = messages
        .into_iter()
        .map(|message| {
            json!({"from": message.sender, "text": message.text, "entities": message.entities,
                "messageId": message.message_id, "chatId": chat_id, "at": rfc3339(message.at),
                "replyToMessageId": message.reply_to})
        })
        .collect();
    Ok(Json(json!({"data": data, "typing": typing})).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewMessage {
    chat_id: i64,
    text: Option<String>,
    caption: Option<String>,
}

/// `POST …/bots/{botId}/messages`: sends a message to the bot, from JSON `{"chatId": 1, "text": "hello"}` or the page's
/// form. With `caption` instead of `text` the message is a photo.
pub(super) async fn post_message(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    // `curl -d` sends JSON with the content type of a form.
    let by_program = is_json(&headers) || body.trim_ascii_start().starts_with(b"{");
    let message = if by_program {
        serde_json::from_slice(&body)
            .map_err(|error| error_response(400, &format!("Not a message: {error}")))?
    } else {
        let chat_id = form_field(&body, "chatId").and_then(|id| id.trim().parse().ok());
        let (Some(chat_id), Some(text)) = (chat_id, form_field(&body, "text")) else {
            return Err(error_response(400, "A message needs chatId, an integer, and text."));
        };
        NewMessage { chat_id, text: Some(text), caption: None }
    };
    let (text, units_max, is_caption) = match (&message.text, &message.caption) {
        (Some(text), None) => (text.trim(), TEXT_UNITS_MAX, false),
        (None, Some(caption)) => (caption.trim(), CAPTION_UNITS_MAX, true),
        _ => return Err(error_response(400, "A message needs either text or, for a photo, caption.")),
    };
    if message.chat_id == 0 || message.chat_id.unsigned_abs() >= 1 << 52 {
        return Err(error_response(400, "chatId must be positive for a person or negative for a group."));
    }
    if text.is_empty() || utf16_len(text) > units_max {
        return Err(error_response(400, "text must have 1 to 4096 UTF-16 units, and caption 1 to 1024."));
    }
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, &bot_id).await?;
    let message_id = updates::receive_message(
        &mut tx,
        &bot,
        IncomingMessage { chat_id: message.chat_id, text, is_caption },
    )
    .await?;
    tx.commit().await?;
    world.telegram_updates.notify_one();
    world.telegram_polls.wake(bot.id);
    if by_program {
        return Ok(Json(json!({"data": {"messageId": message_id}})).into_response());
    }
    // The anchor scrolls to the text field, which follows the newest message.
    let inner =
        if form_field(&body, "inner").is_some_and(|inner| inner == "true") { "inner=true&" } else { "" };
    let chat = format!("/sandbox/telegram/bots/{}?{inner}chatId={}#text", bot.id, message.chat_id);
    Ok(Redirect::to(&chat).into_response())
}

fn conversation_list(bot: &Bot, here: &str, chat_id: i64, messages: &[Message], typing: bool) -> Markup {
    html! {
        ul.chat aria-live="polite" data-from={ (here) "/messages?chatId=" (chat_id) } {
            @for message in messages { li class=(message.sender) { (message.text) } }
        }
        p #typing role="status" hidden[!typing] { (bot.first_name()) " is typing…" }
    }
}

/// `GET …/bots/{botId}?chatId=1`: the chat page, or with `inner=true` its variant for an iframe.
pub(super) async fn chat(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    Query(chat): Query<ChatQuery>,
) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let Ok(bot) = get_bot(&mut conn, &bot_id).await else {
        return Ok(page(
            404,
            "Bot not found",
            &html! {
                p.error { "A bot appears here when its token is first used." }
            },
        ));
    };
    let chat_id = chat.chat_id.unwrap_or(1);
    let (messages, typing) = list_messages(&mut conn, &bot, chat_id).await?;
    let here = format!("/sandbox/telegram/bots/{}", bot.id);
    if chat.inner {
        return Ok(embedded_page(
            &format!("Chat with @{}", bot.username()),
            &html! {
                (conversation_list(&bot, &here, chat_id, &messages, typing))
                form method="post" action={ (here) "/messages" } {
                    input type="hidden" name="chatId" value=(chat_id);
                    input type="hidden" name="inner" value="true";
                    label { "Message"
                        input #text name="text" maxlength=(TEXT_UNITS_MAX) autocomplete="off" required; }
                    button.main type="submit" { "Send" }
                }
                noscript { p { a href={ (here) "?inner=true&chatId=" (chat_id) } { "Refresh" } } }
                script { (PreEscaped(REFRESH_SCRIPT)) }
            },
        ));
    }
    Ok(page(
        200,
        &bot.first_name(),
        &html! {
            p { "@" (bot.username()) ". You are chatting as person " (chat_id) ". "
                a href={ (here) "?chatId=" (chat_id) } { "Refresh" } " · "
                a href={ (here) "?chatId=" (chat_id.saturating_add(1)) } { "Chat as another person" } }
            @if let Some(error) = &bot.last_error { p.error { "The last delivery failed: " (error) } }
            @if bot.webhook_url.is_none() { p { "No webhook is set, so messages wait until the bot polls for them." } }
            (conversation_list(&bot, &here, chat_id, &messages, typing))
            form method="post" action={ (here) "/messages" } style="display: block" {
                input type="hidden" name="chatId" value=(chat_id);
                label for="text" { "Message" }
                input #text name="text" maxlength=(TEXT_UNITS_MAX) autocomplete="off" required autofocus;
                p { button.main type="submit" { "Send" } }
            }
            script { (PreEscaped(REFRESH_SCRIPT)) }
        },
    ))
}
