//! The list of bots and a chat page for each, with the messages as JSON for tests.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::IntoResponse,
};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    bots::{self, Bot},
    drafts,
    messages::{self, StoredMessage},
    send::TEXT_UNITS_MAX,
};
use crate::{
    World,
    clock::now_ms,
    page::{embedded_page, page},
    web::{HandlerResult, error_response},
};

const SHOWN_MAX: i64 = 1_000;
const BOTS_MAX: i64 = 500;

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
    thread_id: Option<i64>,
    user_id: Option<i64>,
    /// Whether drafts are listed too.
    #[serde(default)]
    drafts: bool,
    /// Whether the page is shown in an iframe.
    #[serde(default)]
    inner: bool,
}

impl ChatQuery {
    fn chat_id(&self) -> i64 {
        self.chat_id.unwrap_or(1)
    }
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

pub(super) async fn get_bot(conn: &mut SqliteConnection, bot_id: &str) -> HandlerResult<Bot> {
    let unknown = || error_response(404, "Bot not found. A bot appears when its token is first used.");
    let id: i64 = bot_id.parse().map_err(|_| unknown())?;
    bots::find(conn, id).await?.ok_or_else(unknown)
}

async fn list_messages(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &ChatQuery,
) -> sqlx::Result<(Vec<StoredMessage>, bool)> {
    let chat_id = chat.chat_id();
    let found = messages::list(conn, bot.id, chat_id, chat.thread_id, SHOWN_MAX).await?;
    let typing: bool = sqlx::query_scalar(
        "select exists (select 1 from telegram_typing where bot_id = $1 and chat_id = $2 and until > $3)",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(now_ms())
    .fetch_one(conn)
    .await?;
    Ok((found, typing))
}

/// `GET …/bots/{botId}/messages?chatId=1`: `{"data": […], "typing": …}`, oldest messages first.
pub(super) async fn messages(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    Query(chat): Query<ChatQuery>,
) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let bot = get_bot(&mut conn, &bot_id).await?;
    let chat_id = chat.chat_id();
    let (messages, typing) = list_messages(&mut conn, &bot, &chat).await?;
    let mut data: Vec<Value> = messages
        .iter()
        .filter(|message| !message.is_service())
        .map(|message| message.listed(chat_id))
        .collect();
    if chat.drafts {
        data.extend(drafts::list(&mut conn, bot.id, chat_id, chat.thread_id).await?);
    }
    Ok(Json(json!({"data": data, "typing": typing})).into_response())
}

fn conversation_list(
    bot: &Bot,
    here: &str,
    chat_id: i64,
    messages: &[StoredMessage],
    typing: bool,
) -> Markup {
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
    let chat_id = chat.chat_id();
    let (messages, typing) = list_messages(&mut conn, &bot, &chat).await?;
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
