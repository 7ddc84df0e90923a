//! The parameter `reply_markup`: keyboards and forced replies.

use serde_json::Value;

use super::{
    bad_request,
    params::{Params, json_param},
};
use crate::web::HandlerResult;

/// Telegram limits the data of a button to 64 bytes, and a keyboard to 100 buttons.
const DATA_BYTES_MAX: usize = 64;
const BUTTONS_MAX: usize = 100;
/// What a button of an inline keyboard does. Each has exactly one of these.
const ACTIONS: [&str; 10] = [
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
];

/// Parses and validates the markup of a call. An inline keyboard without buttons is none.
pub(super) fn parse(params: &Params) -> HandlerResult<Option<Value>> {
    let markup = json_param(params, "reply_markup")
        .map_err(|_| bad_request("can't parse reply keyboard markup JSON object"))?;
    let Some(markup) = markup else { return Ok(None) };
    let Some(fields) = markup.as_object() else {
        return Err(bad_request("object expected as reply markup"));
    };
    if let Some(rows) = fields.get("inline_keyboard") {
        return Ok(check_inline(rows)?.then_some(markup));
    }
    if let Some(rows) = fields.get("keyboard") {
        check_rows(rows, "keyboard", |button| {
            let text = button.as_str().or_else(|| button["text"].as_str());
            match text {
                Some(text) if !text.is_empty() => Ok(()),
                _ => Err(bad_request("can't parse keyboard button: Field \"text\" must be of type String")),
            }
        })?;
    }
    let is_known =
        ["keyboard", "remove_keyboard", "force_reply"].iter().any(|name| fields.contains_key(*name));
    // Telegram ignores an object without any of the known fields.
    Ok(is_known.then_some(markup))
}

/// Whether an inline keyboard has a button.
fn check_inline(rows: &Value) -> HandlerResult<bool> {
    let count = check_rows(rows, "inline keyboard", |button| {
        if button.is_string() || !button.is_object() {
            return Err(bad_request(
                "can't parse inline keyboard button: InlineKeyboardButton must be an Object",
            ));
        }
        if button["text"].as_str().is_none_or(str::is_empty) {
            return Err(bad_request(
                "can't parse inline keyboard button: Field \"text\" must be of type String",
            ));
        }
        if ACTIONS.iter().filter(|name| button.get(**name).is_some()).count() != 1 {
            return Err(bad_request(
                "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ));
        }
        if let Some(data) = button.get("callback_data") {
            let length = data.as_str().map_or(0, str::len);
            if !(1..=DATA_BYTES_MAX).contains(&length) {
                return Err(bad_request("BUTTON_DATA_INVALID"));
            }
        }
        if let Some(url) = button.get("url") {
            let is_valid = url.as_str().is_some_and(|url| url::Url::parse(url).is_ok());
            if !is_valid {
                return Err(bad_request("inline keyboard button URL is invalid: Wrong HTTP URL"));
            }
        }
        Ok(())
    })?;
    if count > BUTTONS_MAX {
        return Err(bad_request("REPLY_MARKUP_TOO_LONG"));
    }
    Ok(count > 0)
}

/// Checks each button of a keyboard, and returns how many there are.
fn check_rows(rows: &Value, name: &str, check: impl Fn(&Value) -> HandlerResult<()>) -> HandlerResult<usize> {
    let Some(rows) = rows.as_array() else {
        return Err(bad_request(&format!("can't parse {name}: Field must be of type Array")));
    };
    let mut count = 0;
    for row in rows {
        let Some(buttons) = row.as_array() else {
            return Err(bad_request(&format!("can't parse {name}: expected an Array of Array of buttons")));
        };
        for button in buttons {
            check(button)?;
        }
        count += buttons.len();
    }
    Ok(count)
}
