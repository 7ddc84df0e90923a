//! The page of a chat, for people. It works without JavaScript.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderValue, header},
    response::{Html, IntoResponse},
};
use maud::{Markup, PreEscaped, html};
use sqlx::SqliteConnection;

use super::{
    bots::Bot,
    bubbles::{Conversation, here},
    chats, drafts,
    given_text::TEXT_UNITS_MAX,
    messages::{self, StoredMessage},
    pages::{ChatQuery, get_bot, is_typing},
};
use crate::{
    World,
    clock::now_ms,
    page::{embedded_page, page},
    web::{HandlerResult, error_response},
};

const SHOWN_MAX: i64 = 300;
/// How long the answer to a button is shown.
const NOTICE_MS: i64 = 10_000;

/// Reloads the messages every second. Without JavaScript the page has a link that does so.
const REFRESH_SCRIPT: &str = "
const list = document.querySelector('#conversation');
let shown = '';
async function refresh() {
  try {
    const response = await fetch(list.dataset.from);
    const text = response.ok ? await response.text() : shown;
    const isBusy = list.contains(document.activeElement) || [...list.querySelectorAll('audio, video')].some((m) => !m.paused);
    if (text !== shown && !isBusy) {
      const isFirst = shown === '';
      shown = text;
      list.innerHTML = text;
      if (!isFirst) list.querySelector('.chat')?.lastElementChild?.scrollIntoView({ block: 'nearest' });
    }
  } catch { /* The sandbox is restarting; the next refresh works again. */ }
  setTimeout(refresh, 1000);
}
setTimeout(refresh, 1000);
";

/// `GET …/bots/{botId}?chatId=1`: the chat page, with `inner=true` its variant for an iframe, and with `part=true` only its
/// messages.
pub(super) async fn chat(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    Query(query): Query<ChatQuery>,
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
    let messages = messages::list(&mut conn, bot.id, query.chat_id(), query.thread_id, SHOWN_MAX).await?;
    let drafts = drafts::list(&mut conn, bot.id, query.chat_id(), query.thread_id).await?;
    let notice = find_notice(&mut conn, &bot, query.chat_id()).await?;
    let conversation = Conversation {
        bot: &bot,
        query: &query,
        messages: &messages,
        drafts: &drafts,
        is_typing: is_typing(&mut conn, bot.id, query.chat_id()).await?,
        notice: notice.as_deref(),
    };
    let list = conversation.render();
    if query.is_part() {
        return Ok(Html(list.into_string()).into_response());
    }
    let list = html! {
        div #conversation aria-live="polite" data-from={ (here(&bot)) (query.as_query()) "&part=true" } { (list) }
    };
    if query.is_inner() {
        return Ok(embedded_page(
            &format!("Chat with @{}", bot.username()),
            &html! {
                (list)
                form.write method="post" action={ (here(&bot)) "/messages" } {
                    (query.hidden_fields())
                    label { "Message"
                        input #text name="text" maxlength=(TEXT_UNITS_MAX) autocomplete="off" required; }
                    button.main type="submit" { "Send" }
                }
                (file_form(&bot, &query))
                noscript { p { a href={ (here(&bot)) (query.as_query()) } { "Refresh" } } }
                script { (PreEscaped(REFRESH_SCRIPT)) }
            },
        ));
    }
    let kind = chats::find(&mut conn, bot.id, query.chat_id()).await?.map(|chat| chat.kind);
    Ok(page(200, &bot.first_name(), &full_page(&bot, &query, &list, &messages, kind.as_deref())))
}

fn full_page(
    bot: &Bot,
    query: &ChatQuery,
    list: &Markup,
    messages: &[StoredMessage],
    kind: Option<&str>,
) -> Markup {
    let chat_id = query.chat_id();
    let writer = query.user_id.unwrap_or(chat_id.abs());
    html! {
        p { "@" (bot.username()) ". You are chatting as person " (writer)
            @if chat_id < 0 { " in the " (kind.unwrap_or("group")) " " (chat_id) }
            @if let Some(thread) = query.thread_id { ", topic " (thread) }
            ". "
            a href={ (here(bot)) (query.as_query()) } { "Refresh" } " · "
            a href={ (here(bot)) "?chatId=" (chat_id.saturating_add(1)) } { "Chat as another person" } }
        @if let Some(error) = &bot.last_error { p.error { "The last delivery failed: " (error) } }
        @if bot.webhook_url.is_none() { p { "No webhook is set, so messages wait until the bot polls for them." } }
        (list)
        (write_form(bot, query, messages))
        (file_form(bot, query))
        details {
            summary { "Other people, groups and topics" }
            (place_form(bot, query, kind))
            (group_form(bot, query))
        }
        script { (PreEscaped(REFRESH_SCRIPT)) }
    }
}

/// The form that writes a message, replies to one, or edits one.
fn write_form(bot: &Bot, query: &ChatQuery, messages: &[StoredMessage]) -> Markup {
    let find = |id: Option<i64>| messages.iter().find(|message| Some(message.message_id) == id);
    let (edited, replied) = (find(query.edit), find(query.reply));
    html! {
        form method="post" action={ (here(bot)) "/messages" } style="display: block" {
            (query.hidden_fields())
            @if let Some(message) = edited {
                input type="hidden" name="editOfMessageId" value=(message.message_id);
            } @else if let Some(message) = replied {
                input type="hidden" name="replyToMessageId" value=(message.message_id);
            }
            label for="text" {
                @if edited.is_some() { "Edit your message" }
                @else if let Some(message) = replied { "Reply to message " (message.message_id) }
                @else { "Message" }
            }
            input #text name="text" value=[edited.map(|message| &message.text)] maxlength=(TEXT_UNITS_MAX)
                autocomplete="off" required[edited.is_none_or(|message| message.media().is_none())] autofocus;
            p {
                button.main type="submit" { @if edited.is_some() { "Save" } @else { "Send" } }
                @if edited.is_some() || replied.is_some() { " " a href={ (here(bot)) (query.as_query()) } { "Cancel" } }
            }
        }
    }
}

fn file_form(bot: &Bot, query: &ChatQuery) -> Markup {
    let kinds = [
        ("photo", "Photo"),
        ("document", "Document"),
        ("voice", "Voice note"),
        ("audio", "Audio"),
        ("video_note", "Video note"),
        ("video", "Video"),
        ("sticker", "Sticker"),
    ];
    html! {
        details.attach {
            summary { "Attach a file" }
            form method="post" enctype="multipart/form-data" action={ (here(bot)) "/messages" } {
                input type="hidden" name="page" value="true";
                (query.hidden_fields())
                label { "File" input type="file" name="file" required; }
                label { "Kind" select name="kind" {
                    @for (kind, label) in kinds { option value=(kind) { (label) } }
                } }
                label { "Caption" input name="caption" maxlength="1024" autocomplete="off"; }
                button type="submit" { "Upload" }
            }
        }
    }
}

/// The form that changes who writes, and where.
fn place_form(bot: &Bot, query: &ChatQuery, kind: Option<&str>) -> Markup {
    let kind = query.chat_type.as_deref().or(kind);
    html! {
        h2 { "Change chat" }
        form.place method="get" action=(here(bot)) {
            label { "Chat ID, negative for a group"
                input name="chatId" value=(query.chat_id()) inputmode="numeric" pattern="-?[0-9]+" required; }
            label { "Kind of chat" select name="chatType" {
                option value="" { "As it is" }
                @for name in ["private", "group", "supergroup"] {
                    option value=(name) selected[kind == Some(name)] { (name) }
                }
            } }
            label { "Who writes: user ID"
                input name="userId" value=[query.user_id] inputmode="numeric" pattern="[0-9]*"; }
            label { "Topic ID" input name="threadId" value=[query.thread_id] inputmode="numeric" pattern="[0-9]*"; }
            button type="submit" { "Open chat" }
        }
    }
}

fn group_form(bot: &Bot, query: &ChatQuery) -> Markup {
    html! {
        h2 { "Add the bot to a group" }
        form.place method="post" action={ (here(bot)) "/chats" } {
            input type="hidden" name="page" value="true";
            label { "Group ID, negative"
                input name="chatId" value=(-query.chat_id().abs()) inputmode="numeric" pattern="-[0-9]+" required; }
            label { "Kind of group" select name="chatType" {
                option value="group" { "group" }
                option value="supergroup" { "supergroup" }
            } }
            label { "Added by: user ID"
                input name="addedBy" value=(query.user_id.unwrap_or(query.chat_id().abs())) inputmode="numeric"
                    pattern="[0-9]+" required; }
            button type="submit" { "Add bot" }
        }
    }
}

/// Returns what the bot has answered to a button lately.
async fn find_notice(conn: &mut SqliteConnection, bot: &Bot, chat_id: i64) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select answer from telegram_callback_queries
         where bot_id = $1 and chat_id = $2 and at > $3 and answer <> '' order by at desc limit 1",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(now_ms() - NOTICE_MS)
    .fetch_optional(conn)
    .await
}

/// `GET …/bots/{botId}/files/{messageId}?chatId=1`: the file of a message. Only pictures and recordings are shown, so that no
/// file of a person runs as a page.
pub(super) async fn file(
    State(world): State<World>,
    Path((bot_id, message_id)): Path<(String, i64)>,
    Query(query): Query<ChatQuery>,
) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let bot = get_bot(&mut conn, &bot_id).await?;
    let unknown = || error_response(404, "The file is not there, or has been pruned.");
    let message =
        messages::find(&mut conn, bot.id, query.chat_id(), message_id).await?.ok_or_else(unknown)?;
    let media = message.media().ok_or_else(unknown)?;
    let id = media.object["file_id"].as_str().unwrap_or_default();
    let body = super::files::find_body(&mut conn, bot.id, id).await?.ok_or_else(unknown)?;
    let kind = match media.kind {
        "photo" if body.starts_with(b"\x89PNG") => "image/png",
        "photo" => "image/jpeg",
        "voice" => "audio/ogg",
        "audio" => "audio/mpeg",
        "video" | "video_note" => "video/mp4",
        "sticker" => "image/webp",
        _ => "application/octet-stream",
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
