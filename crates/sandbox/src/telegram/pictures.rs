//! Profile pictures: `getUserProfilePhotos`, and what `getFile` returns for them.

use serde_json::json;

use super::{
    bad_request,
    bots::Bot,
    params::{MethodResult, Params, integer_param},
};
use crate::web::HandlerResult;

/// The width and height of a picture in pixels.
const SIDE: u32 = 160;
pub(super) const PATH: &str = "photos/file_0.png";

pub(super) fn file_id(bot: &Bot) -> String {
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

pub(super) fn get_file(bot: &Bot) -> MethodResult {
    MethodResult::from_result(json!({"file_id": file_id(bot), "file_unique_id": format!("AQAD-{}", bot.id),
        "file_size": bot.picture().len(), "file_path": PATH}))
}
