//! The text of a call, with its markup or its entities.

use super::{
    bad_request,
    entities::{self, Parsed},
    given_entities, markdown,
    params::{Params, json_param, text_param},
};
use crate::web::HandlerResult;

/// Telegram's limit in UTF-16 units, which applies to the text without markup.
pub(super) const TEXT_UNITS_MAX: usize = 4096;
/// Telegram limits captions to 1,024 UTF-16 units.
pub(super) const CAPTION_UNITS_MAX: usize = 1024;

/// Parses a text with its `parse_mode`, or else its `entities`.
pub(super) fn parse_text(raw: &str, params: &Params) -> HandlerResult<Parsed> {
    parse_words(raw, params, "entities")
}

/// Parses a text or a caption, whose entities are in the parameter `entities_name`.
pub(super) fn parse_words(raw: &str, params: &Params, entities_name: &str) -> HandlerResult<Parsed> {
    let mode = text_param(params, "parse_mode").unwrap_or_default().to_ascii_lowercase();
    let parsed = match mode.as_str() {
        "" => {
            let list = json_param(params, entities_name)
                .map_err(|_| bad_request("can't parse entities JSON object"))?;
            return match list {
                None => Ok(Parsed::plain(raw)),
                Some(list) => given_entities::parse(raw, &list).map_err(|why| bad_request(&why)),
            };
        }
        "html" => entities::parse_html(raw),
        "markdownv2" => markdown::parse_v2(raw),
        "markdown" => markdown::parse_legacy(raw),
        _ => return Err(bad_request("unsupported parse_mode")),
    };
    parsed.map_err(|why| bad_request(&format!("can't parse entities: {why}")))
}
