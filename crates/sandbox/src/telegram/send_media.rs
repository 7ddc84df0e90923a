//! The methods that send a file, such as `sendPhoto` and `sendDocument`.

use serde_json::{Map, Value, json};

use super::{
    bad_request,
    bots::Bot,
    entities::utf16_len,
    files,
    given_text::{CAPTION_UNITS_MAX, parse_words},
    media::{self, Upload},
    multipart::File,
    params::{MethodResult, Params, integer_param, text_param},
    send::deliver,
};
use crate::{World, web::HandlerResult};

/// Sends a file of a kind, which is uploaded or has been stored before.
pub(super) async fn send(
    world: &World,
    bot: &Bot,
    params: &Params,
    files: Vec<File>,
    kind: &'static str,
) -> HandlerResult<MethodResult> {
    let caption = text_param(params, "caption").unwrap_or_default();
    let caption = parse_words(&caption, params, "caption_entities")?.trimmed();
    if utf16_len(&caption.text) > CAPTION_UNITS_MAX {
        return Err(bad_request("message caption is too long"));
    }
    let object = file_object(world, bot, params, files, kind).await?;
    let mut content = Map::new();
    content.insert(kind.to_owned(), object);
    if !caption.text.is_empty() {
        content.insert("caption".to_owned(), json!(caption.text));
        if !caption.entities.is_empty() {
            content.insert("caption_entities".to_owned(), Value::Array(caption.entities));
        }
    }
    deliver(world, bot, params, content).await
}

/// Stores the uploaded file, or finds the one with the given id, and renders its object.
async fn file_object(
    world: &World,
    bot: &Bot,
    params: &Params,
    files: Vec<File>,
    kind: &'static str,
) -> HandlerResult<Value> {
    let named = text_param(params, kind).unwrap_or_default();
    let attached = named.strip_prefix("attach://").unwrap_or(kind);
    let mut conn = world.db.acquire().await?;
    if let Some(file) = files.into_iter().find(|file| file.field == attached) {
        if file.bytes.is_empty() {
            return Err(bad_request("file must be non-empty"));
        }
        let upload = Upload::new(kind, file, integer_param(params, "duration"));
        let key = files::insert(&mut conn, bot.id, &upload).await?;
        return Ok(upload.object(&key));
    }
    if named.is_empty() {
        return Err(bad_request(&format!("there is no {} in the request", kind.replace('_', " "))));
    }
    if named.starts_with("http://") || named.starts_with("https://") {
        // The sandbox reaches no other site.
        return Err(bad_request("failed to get HTTP URL content"));
    }
    let stored = files::find_body(&mut conn, bot.id, &named).await?;
    let bytes = stored.ok_or_else(|| bad_request("wrong file identifier/HTTP URL specified"))?;
    let file = File { field: String::new(), name: String::new(), mime: None, bytes: bytes.into() };
    let key = media::key_of(&named).unwrap_or_default().to_owned();
    Ok(Upload::new(kind, file, integer_param(params, "duration")).object(&key))
}
