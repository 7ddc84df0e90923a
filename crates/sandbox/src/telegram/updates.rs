//! Updates. Each is stored with its message, and then sent to the webhook (`webhook_queue`) or returned by `getUpdates`.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{SqliteConnection, types::Json as SqlJson};
use tokio::time::Instant;

use super::{
    bots::{self, Bot},
    drafts, error,
    params::{MethodResult, Params, integer_param, parse_strings},
};
use crate::{World, clock::now_ms, web::HandlerResult};

/// Telegram drops an update after a day.
const UPDATE_TTL_MS: i64 = 24 * 60 * 60 * 1000;
/// Messages of all chats together that are kept.
const MESSAGES_MAX: i64 = 200_000;
const POLL_S_MAX: i64 = 50;

/// The kinds of updates that a bot gets only if it asks for them.
const KINDS_BY_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// Stores an update if the bot subscribes to its kind.
pub(super) async fn enqueue(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat_id: i64,
    kind: &str,
    body: Value,
) -> sqlx::Result<()> {
    if !accepts(&bot.allowed_updates, kind) {
        return Ok(());
    }
    let update_id: i64 = sqlx::query_scalar(
        "update telegram_bots set next_update = next_update + 1 where id = $1 returning next_update - 1",
    )
    .bind(bot.id)
    .fetch_one(&mut *conn)
    .await?;
    let mut update = json!({"update_id": update_id});
    update[kind] = body;
    sqlx::query(
        "insert into telegram_updates (bot_id, update_id, chat_id, body, next_at, created_at)
         values ($1, $2, $3, $4, $5, $5)",
    )
    .bind(bot.id)
    .bind(update_id)
    .bind(chat_id)
    .bind(update.to_string())
    .bind(now_ms())
    .execute(conn)
    .await?;
    Ok(())
}

/// An empty list of `allowed_updates` means the default kinds.
fn accepts(allowed: &Value, kind: &str) -> bool {
    match allowed.as_array() {
        Some(kinds) if !kinds.is_empty() => kinds.iter().any(|allowed| allowed == kind),
        _ => !KINDS_BY_REQUEST.contains(&kind),
    }
}

/// After a change of the webhook, sends pending updates at once or drops them.
pub(super) async fn handle_webhook_change(
    conn: &mut SqliteConnection,
    bot_id: i64,
    drop_pending: bool,
) -> sqlx::Result<()> {
    if drop_pending {
        sqlx::query("delete from telegram_updates where bot_id = $1").bind(bot_id).execute(conn).await?;
    } else {
        sqlx::query("update telegram_updates set attempts = 0, next_at = $2 where bot_id = $1")
            .bind(bot_id)
            .bind(now_ms())
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// After a start, resets the attempts of pending updates and schedules them no later than `due_at`.
pub(crate) async fn expedite_updates(world: &World, due_at: i64) -> sqlx::Result<()> {
    sqlx::query("update telegram_updates set attempts = 0, next_at = min(next_at, $1)")
        .bind(due_at)
        .execute(&world.db)
        .await?;
    Ok(())
}

/// Prunes old messages and drafts, and what was not delivered or answered within a day.
pub(crate) async fn prune(world: &World) -> sqlx::Result<()> {
    sqlx::query("delete from telegram_messages where seq <= (select max(seq) from telegram_messages) - $1")
        .bind(MESSAGES_MAX)
        .execute(&world.db)
        .await?;
    for statement in [
        "delete from telegram_updates where created_at < $1",
        "delete from telegram_callback_queries where at < $1",
    ] {
        sqlx::query(statement).bind(now_ms() - UPDATE_TTL_MS).execute(&world.db).await?;
    }
    drafts::prune(world).await
}

/// `getUpdates`: confirms the updates before `offset` and waits up to `timeout` seconds for new ones.
pub(super) async fn get_updates(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let limit = integer_param(params, "limit").filter(|limit| (1..=100).contains(limit)).unwrap_or(100);
    let timeout = integer_param(params, "timeout").unwrap_or(0).clamp(0, POLL_S_MAX);
    let deadline = Instant::now() + Duration::from_secs(timeout.unsigned_abs());
    if let Some(allowed) = params.get("allowed_updates").and_then(parse_strings) {
        sqlx::query("update telegram_bots set allowed_updates = $2 where id = $1")
            .bind(bot.id)
            .bind(SqlJson(allowed))
            .execute(&world.db)
            .await?;
    }
    let (number, mut signals) = world.telegram_polls.start(bot.id);
    let mut offset = integer_param(params, "offset").unwrap_or(0);
    loop {
        if signals.borrow_and_update().polls != number {
            return Err(error(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            ));
        }
        let found = list_updates(world, bot.id, &mut offset, limit).await?;
        let over = Instant::now() >= deadline || world.stop.is_cancelled();
        if !found.is_empty() || over {
            return Ok(MethodResult::from_result(found));
        }
        // The loop checks the reason after a signal and after the timeout alike.
        tokio::select! {
            _ = tokio::time::timeout_at(deadline, signals.changed()) => {}
            () = world.stop.cancelled() => {}
        }
    }
}

async fn list_updates(world: &World, bot_id: i64, offset: &mut i64, limit: i64) -> HandlerResult<Vec<Value>> {
    let mut tx = world.db.begin().await?;
    let bot = bots::get_or_create(&mut tx, bot_id).await?;
    if bot.webhook_url.is_some() {
        return Err(error(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        ));
    }
    if *offset < 0 {
        // A negative offset returns that many of the newest updates and drops those before them.
        let first: Option<i64> = sqlx::query_scalar(
            "select update_id from telegram_updates where bot_id = $1 order by update_id desc limit 1 offset $2",
        )
        .bind(bot_id)
        .bind(offset.saturating_neg() - 1)
        .fetch_optional(&mut *tx)
        .await?;
        *offset = first.unwrap_or(0);
    }
    sqlx::query("delete from telegram_updates where bot_id = $1 and update_id < $2")
        .bind(bot_id)
        .bind(*offset)
        .execute(&mut *tx)
        .await?;
    let bodies: Vec<SqlJson<Value>> =
        sqlx::query_scalar("select body from telegram_updates where bot_id = $1 order by update_id limit $2")
            .bind(bot_id)
            .bind(limit)
            .fetch_all(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(bodies.into_iter().map(|body| body.0).collect())
}
