//! Profile pictures: `getUserProfilePhotos`, `getFile`, and the download.

use axum::{
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};
use serde_json::json;

use super::{
    bad_request,
    bots::{self, Bot, TokenFailure, parse_token},
    error,
    params::{MethodResult, Params, integer_param, text_param},
};
use crate::{World, web::HandlerResult};

/// The width and height of a picture in pixels.
const SIDE: u32 = 160;
const PATH: &str = "photos/file_0.png";

fn file_id(bot: &Bot) -> String {
    format!("AgACAgQAAx-{}-picture", bot.id)
}

/// Lists the bot's own picture. Other users are not simulated.
pub(super) fn get_user_profile_photos(bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let user = integer_param(params, "user_id").ok_or_else(|| bad_request("invalid user_id specified"))?;
    if user != bot.id {
        return Err(bad_request("user not found"));
    }
    let size = json!({"file_id": file_id(bot), "file_unique_id": format!("AQAD-{}", bot.id),
        "file_size": bot.picture().len(), "width": SIDE, "height": SIDE});
    Ok(MethodResult::from_result(json!({"total_count": 1, "photos": [[size]]})))
}

pub(super) fn get_file(bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let id = text_param(params, "file_id").unwrap_or_default();
    if id != file_id(bot) {
        return Err(bad_request("invalid file_id"));
    }
    Ok(MethodResult::from_result(json!({"file_id": id, "file_unique_id": format!("AQAD-{}", bot.id),
        "file_size": bot.picture().len(), "file_path": PATH})))
}

/// `GET /file/bot<token>/<file_path>`: downloads the picture.
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
    if path != PATH {
        return Err(error(404, "Not Found"));
    }
    // Telegram sends every file with this content type.
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bot.picture()).into_response())
}
