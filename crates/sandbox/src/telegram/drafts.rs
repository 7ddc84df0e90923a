//! Drafts: answers that are shown while they are written.

use serde_json::{Value, json};
use sqlx::{SqliteConnection, types::Json as SqlJson};

use super::{
    bad_request,
    bots::Bot,
    chats,
    given_text::{TEXT_UNITS_MAX, parse_text},
    params::{MethodResult, Params, integer_param, text_param},
};
use crate::{
    World,
    clock::{now_ms, rfc3339},
    web::HandlerResult,
};

/// Telegram shows a draft for 30 seconds after its last change.
const DRAFT_MS: i64 = 30_000;

pub(super) async fn send_message_draft(
    world: &World,
    bot: &Bot,
    params: &Params,
) -> HandlerResult<MethodResult> {
    let draft_id = integer_param(params, "draft_id").filter(|id| *id != 0);
    let draft_id = draft_id.ok_or_else(|| bad_request("RANDOM_ID_INVALID"))?;
    // An empty text shows a placeholder.
    let text = parse_text(&text_param(params, "text").unwrap_or_default(), params)?.trimmed();
    if text.text.encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(bad_request("message is too long"));
    }
    let mut tx = world.db.begin().await?;
    let chat = chats::of_call(&mut tx, bot, params).await?;
    if !chat.is_private() {
        return Err(bad_request("TEXTDRAFT_PEER_INVALID"));
    }
    let thread_id = chats::thread_of_call(&mut tx, bot, &chat, params).await?;
    sqlx::query(
        "insert into telegram_drafts (bot_id, chat_id, thread_id, draft_id, text, entities, at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do update set text = excluded.text, entities = excluded.entities, at = excluded.at",
    )
    .bind(bot.id)
    .bind(chat.id)
    .bind(thread_id.unwrap_or(0))
    .bind(draft_id)
    .bind(&text.text)
    .bind(SqlJson(&text.entities))
    .bind(now_ms())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(true))
}

/// Removes the drafts that a message replaces.
pub(super) async fn delete(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    thread_id: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query("delete from telegram_drafts where bot_id = $1 and chat_id = $2 and thread_id = $3")
        .bind(bot_id)
        .bind(chat_id)
        .bind(thread_id.unwrap_or(0))
        .execute(conn)
        .await?;
    Ok(())
}

/// Lists the drafts that are shown in a chat, or in one of its topics.
pub(super) async fn list(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    thread_id: Option<i64>,
) -> sqlx::Result<Vec<Value>> {
    let drafts: Vec<(i64, i64, String, SqlJson<Value>, i64)> = sqlx::query_as(
        "select thread_id, draft_id, text, entities, at from telegram_drafts
         where bot_id = $1 and chat_id = $2 and ($3 is null or thread_id = $3) and at > $4 order by at",
    )
    .bind(bot_id)
    .bind(chat_id)
    .bind(thread_id)
    .bind(now_ms() - DRAFT_MS)
    .fetch_all(conn)
    .await?;
    let render = |(thread, draft_id, text, entities, at): (i64, i64, String, SqlJson<Value>, i64)| {
        json!({"from": "bot", "draft": true, "draftId": draft_id, "text": text, "entities": entities.0,
            "chatId": chat_id, "threadId": (thread != 0).then_some(thread), "at": rfc3339(at)})
    };
    Ok(drafts.into_iter().map(render).collect())
}

/// Prunes the drafts that are not shown any longer.
pub(super) async fn prune(world: &World) -> sqlx::Result<()> {
    sqlx::query("delete from telegram_drafts where at <= $1")
        .bind(now_ms() - DRAFT_MS)
        .execute(&world.db)
        .await?;
    Ok(())
}
