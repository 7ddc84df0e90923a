//! Validates fields while they are filled in, with the rules of the server (`data-check` names the rule).
//!
//! A field is validated when the reader leaves it, and from then on with each change. Before that only a value is marked that
//! cannot become valid any more: a bot token that begins with a letter.
//!
//! An issue that the server has found in a field without a rule is removed when the field changes.

use std::cell::Cell;
use std::time::Duration;

use leptos::task::spawn_local;
use reef_domain::{Issue, text};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlElement, HtmlInputElement, UrlSearchParams};

use super::{dom, forms};

/// The rule that the server checks, because its URL parser is too large for the browser.
const CALLBACK_URL: &str = "callback-url";
const BOT_TOKEN: &str = "bot-token";
/// How long to wait for another change before asking the server.
const PAUSE: Duration = Duration::from_millis(300);

thread_local! {
    static CHANGES: Cell<u32> = const { Cell::new(0) };
}

pub(super) fn start() {
    dom::listen("focusout", false, |event| judge(&event, true));
    dom::listen("input", false, |event| judge(&event, false));
}

fn judge(event: &Event, is_left: bool) {
    let Some(field) = dom::target::<HtmlElement>(event) else { return };
    let rule = field.get_attribute("data-check");
    let (Some(field), Some(rule)) = (field.dyn_ref::<HtmlInputElement>().cloned(), rule) else {
        if !is_left {
            forget(&field);
        }
        return;
    };
    let Some(place) = place_of(&field) else { return };
    let value = field.value();
    if rule == CALLBACK_URL {
        // Invalidates a request about the value before.
        CHANGES.set(CHANGES.get().wrapping_add(1));
    }
    // A required field that is empty is marked only when the form is sent.
    if value.trim().is_empty() {
        return say(&field, &place, None);
    }
    let was_wrong = field.get_attribute("aria-invalid").as_deref() == Some("true");
    let is_hopeless = !is_left && rule == BOT_TOKEN && text::bot_token_beginning("", value.trim()).is_err();
    if !is_left && !was_wrong && !is_hopeless {
        return;
    }
    if rule == CALLBACK_URL {
        return ask_soon(field, place);
    }
    // A token that is still being typed is incomplete.
    let is_unfinished = !is_left && rule == BOT_TOKEN && !is_hopeless;
    let wrong = if is_unfinished { None } else { check(&rule, &value) };
    say(&field, &place, wrong.map(|issue| issue.message).as_deref());
}

/// Removes the issue that the server has found in a field, or in its group of choices.
fn forget(field: &HtmlElement) {
    let group = field.closest("fieldset[aria-describedby]").ok().flatten();
    let Some(form) = field.closest("form").ok().flatten() else { return };
    for described in [Some(field.clone().unchecked_into::<Element>()), group].into_iter().flatten() {
        if let Some(place) = place_of(&described) {
            forms::mark(&form, &place, None);
        }
    }
}

/// The element that says what is wrong with a field.
fn place_of(field: &Element) -> Option<Element> {
    let described = field.get_attribute("aria-describedby").unwrap_or_default();
    let mut places = described.split(' ').filter_map(|id| dom::document().get_element_by_id(id));
    places.find(|place| place.has_attribute("data-issue"))
}

fn say(field: &HtmlInputElement, place: &Element, words: Option<&str>) {
    if let Some(form) = field.closest("form").ok().flatten() {
        forms::mark(&form, place, words);
    }
}

/// Asks the server about the field after a pause without changes.
fn ask_soon(field: HtmlInputElement, place: Element) {
    let change = CHANGES.get();
    let ask = move || {
        if CHANGES.get() == change {
            spawn_local(ask(field, place));
        }
    };
    leptos::prelude::set_timeout(ask, PAUSE);
}

/// Asks the server. When the request fails nothing is marked; sending the form finds the issue.
async fn ask(field: HtmlInputElement, place: Element) {
    let value = field.value();
    let Ok(body) = callback_url_body(&value) else { return };
    let Ok(answer) = forms::post("/_fn/check_callback_url", &body).await else { return };
    let words = serde_json::from_str::<Option<String>>(&answer.text);
    // The field may have changed since.
    if let Ok(words) = words
        && field.value() == value
    {
        say(&field, &place, words.as_deref());
    }
}

fn callback_url_body(value: &str) -> Result<String, JsValue> {
    let pairs = UrlSearchParams::new()?;
    pairs.append("callback_url", value);
    Ok(pairs.to_string().as_string().unwrap_or_default())
}

fn check(rule: &str, value: &str) -> Option<Issue> {
    match rule {
        "name" => text::name("", value).err(),
        BOT_TOKEN => text::bot_token_shape("", value.trim()).err(),
        "model-key" => text::model_key("", value.trim()).err(),
        "email" => text::email("", value).err(),
        "password" => text::password("", value).err(),
        _ => None,
    }
}
