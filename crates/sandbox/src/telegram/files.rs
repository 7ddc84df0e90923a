//! The files of messages: `getFile` and the download.

use axum::{
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{
    bad_request,
    bots::{self, Bot, TokenFailure, parse_token},
    error,
    media::{self, Upload},
    params::{MethodResult, Params, text_param},
    pictures,
};
use crate::{World, clock::random_base62, web::HandlerResult};

/// The largest file that a person can send.
pub(super) const FILE_BYTES_MAX: usize = 50 * 1024 * 1024;
/// The largest file that a bot can download.
const DOWNLOAD_BYTES_MAX: i64 = 20 * 1024 * 1024;
/// All files together. The oldest are pruned.
const TOTAL_BYTES_MAX: i64 = 512 * 1024 * 1024;

/// Stores a file and returns its key.
pub(super) async fn insert(
    conn: &mut SqliteConnection,
    bot_id: i64,
    upload: &Upload,
) -> sqlx::Result<String> {
    let key = random_base62(40);
    let (folder, ending) = upload.place();
    let seq: i64 = sqlx::query_scalar(
        "insert into telegram_files (bot_id, key, path, size, body) values ($1, $2, '', $3, $4) returning seq",
    )
    .bind(bot_id)
    .bind(&key)
    .bind(i64::try_from(upload.bytes.len()).unwrap_or(i64::MAX))
    .bind(&upload.bytes)
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query("update telegram_files set path = $2 where seq = $1")
        .bind(seq)
        .bind(format!("{folder}/file_{seq}.{ending}"))
        .execute(&mut *conn)
        .await?;
    prune(conn, TOTAL_BYTES_MAX).await?;
    Ok(key)
}

/// Deletes the oldest files, so that all together have at most `bytes_max` bytes.
async fn prune(conn: &mut SqliteConnection, bytes_max: i64) -> sqlx::Result<()> {
    sqlx::query(
        "delete from telegram_files where seq in (select seq from
           (select seq, sum(size) over (order by seq desc) as newer from telegram_files) where newer > $1)",
    )
    .bind(bytes_max)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn get_file(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let id = text_param(params, "file_id").unwrap_or_default();
    if id == pictures::file_id(bot) {
        return Ok(pictures::get_file(bot));
    }
    let file: Option<(String, i64)> =
        sqlx::query_as("select path, size from telegram_files where bot_id = $1 and key = $2")
            .bind(bot.id)
            .bind(media::key_of(&id).unwrap_or_default())
            .fetch_optional(&world.db)
            .await?;
    let (path, size) = file.ok_or_else(|| bad_request("invalid file_id"))?;
    if size > DOWNLOAD_BYTES_MAX {
        return Err(bad_request("file is too big"));
    }
    let unique = media::unique_id(&id);
    Ok(MethodResult::from_result(
        json!({"file_id": id, "file_unique_id": unique, "file_size": size, "file_path": path}),
    ))
}

/// Returns the bytes of a file.
pub(super) async fn find_body(
    conn: &mut SqliteConnection,
    bot_id: i64,
    file_id: &str,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar("select body from telegram_files where bot_id = $1 and key = $2")
        .bind(bot_id)
        .bind(media::key_of(file_id).unwrap_or_default())
        .fetch_optional(conn)
        .await
}

/// `GET /file/bot<token>/<file_path>`: downloads a file.
pub(super) async fn download(
    State(world): State<World>,
    Path((bot, path)): Path<(String, String)>,
) -> HandlerResult {
    let token = bot.strip_prefix("bot").ok_or_else(|| error(404, "Not Found"))?;
    let (id, magic) = parse_token(token)?;
    if magic == TokenFailure::Revoked {
        return Err(error(401, "Unauthorized"));
    }
    let mut conn = world.db.acquire().await?;
    let bot = bots::get_or_create(&mut conn, id).await?;
    // Telegram sends every file with this content type.
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    if path == pictures::PATH {
        return Ok((kind, bot.picture()).into_response());
    }
    let body: Option<Vec<u8>> =
        sqlx::query_scalar("select body from telegram_files where bot_id = $1 and path = $2 and size <= $3")
            .bind(bot.id)
            .bind(path)
            .bind(DOWNLOAD_BYTES_MAX)
            .fetch_optional(&mut *conn)
            .await?;
    let body = body.ok_or_else(|| error(404, "Not Found"))?;
    Ok((kind, body).into_response())
}
