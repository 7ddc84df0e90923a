//! The list of bots, and the messages of a chat as JSON for tests.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::IntoResponse,
};
use maud::{Markup, html};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    bots::{self, Bot},
    drafts, messages,
};
use crate::{
    World,
    clock::now_ms,
    page::page,
    web::{HandlerResult, error_response},
};

const SHOWN_MAX: i64 = 1_000;
const BOTS_MAX: i64 = 500;

/// Which chat is shown, and how.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatQuery {
    #[serde(default, deserialize_with = "optional_id")]
    chat_id: Option<i64>,
    #[serde(default, deserialize_with = "optional_id")]
    pub thread_id: Option<i64>,
    /// Who writes with the page's forms.
    #[serde(default, deserialize_with = "optional_id")]
    pub user_id: Option<i64>,
    pub chat_type: Option<String>,
    /// The message that the page's form edits.
    #[serde(default, deserialize_with = "optional_id")]
    pub edit: Option<i64>,
    /// The message that the page's form replies to.
    #[serde(default, deserialize_with = "optional_id")]
    pub reply: Option<i64>,
    /// Whether drafts are listed too.
    #[serde(default)]
    drafts: bool,
    /// Whether the page is shown in an iframe.
    #[serde(default)]
    inner: bool,
    /// Whether only the messages of the page are requested.
    #[serde(default)]
    part: bool,
}

/// An empty field of a form is absent.
fn optional_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

impl ChatQuery {
    pub fn chat_id(&self) -> i64 {
        self.chat_id.unwrap_or(1)
    }

    pub fn is_inner(&self) -> bool {
        self.inner
    }

    pub fn is_part(&self) -> bool {
        self.part
    }

    /// The kind of chat, which an empty field of a form does not change.
    fn kind(&self) -> Option<&str> {
        self.chat_type.as_deref().filter(|kind| ["private", "group", "supergroup"].contains(kind))
    }

    /// Renders the query string of this chat, without what is done with one of its messages.
    pub fn as_query(&self) -> String {
        let inner = if self.inner { "inner=true&" } else { "" };
        let mut query = format!("?{inner}chatId={}", self.chat_id());
        for (name, id) in [("userId", self.user_id), ("threadId", self.thread_id)] {
            if let Some(id) = id {
                query.push_str(&format!("&{name}={id}"));
            }
        }
        if let Some(kind) = self.kind() {
            query.push_str(&format!("&chatType={kind}"));
        }
        query
    }

    /// Renders the fields with which a form acts in this chat and leads back to it.
    pub fn hidden_fields(&self) -> Markup {
        html! {
            input type="hidden" name="chatId" value=(self.chat_id());
            @for (name, id) in [("userId", self.user_id), ("threadId", self.thread_id)] {
                @if let Some(id) = id { input type="hidden" name=(name) value=(id); }
            }
            @if let Some(kind) = self.kind() { input type="hidden" name="chatType" value=(kind); }
            @if self.inner { input type="hidden" name="inner" value="true"; }
        }
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

pub(super) async fn is_typing(conn: &mut SqliteConnection, bot_id: i64, chat_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select 1 from telegram_typing where bot_id = $1 and chat_id = $2 and until > $3)",
    )
    .bind(bot_id)
    .bind(chat_id)
    .bind(now_ms())
    .fetch_one(conn)
    .await
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
    let messages = messages::list(&mut conn, bot.id, chat_id, chat.thread_id, SHOWN_MAX).await?;
    let typing = is_typing(&mut conn, bot.id, chat_id).await?;
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
