//! Validates fields while they are filled in, with the rules of the server (`data-check` names the rule).
//!
//! A field is validated when the reader leaves it, and from then on with each change. Before that, only a value that can no
//! longer become valid is marked, such as a bot token that begins with a letter.
//!
//! An issue that the server found in a field without a rule is removed when the field changes.

use std::cell::Cell;
use std::time::Duration;

use leptos::task::spawn_local;
use reef_domain::{Issue, validation};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlElement, HtmlInputElement, UrlSearchParams};

use super::{dom, form_errors, forms};

/// The rule that the server checks, because its URL parser is too large for the browser.
const CALLBACK_URL: &str = "callback-url";
const BOT_TOKEN: &str = "bot-token";
/// How long to wait for another change before asking the server.
const PAUSE: Duration = Duration::from_millis(300);

thread_local! {
    static CHANGES: Cell<u32> = const { Cell::new(0) };
}

pub(super) fn start() {
    dom::listen("focusout", false, |event| validate_field(&event, true));
    dom::listen("input", false, |event| validate_field(&event, false));
}

fn validate_field(event: &Event, is_left: bool) {
    let Some(field) = dom::target::<HtmlElement>(event) else { return };
    let rule = field.get_attribute("data-check");
    let (Some(field), Some(rule)) = (field.dyn_ref::<HtmlInputElement>().cloned(), rule) else {
        if !is_left {
            clear_issue(&field);
        }
        return;
    };
    let Some(place) = issue_place(&field) else { return };
    let value = field.value();
    if rule == CALLBACK_URL {
        // Invalidates a request about the previous value.
        CHANGES.set(CHANGES.get().wrapping_add(1));
    }
    // A required field that is empty is marked only when the form is sent.
    if value.trim().is_empty() {
        return show_issue(&field, &place, None);
    }
    let was_wrong = field.get_attribute("aria-invalid").as_deref() == Some("true");
    let is_beyond_repair =
        !is_left && rule == BOT_TOKEN && validation::partial_bot_token("", value.trim()).is_err();
    if !is_left && !was_wrong && !is_beyond_repair {
        return;
    }
    if rule == CALLBACK_URL {
        return schedule_server_check(field, place);
    }
    // A token that is still being typed is incomplete.
    let is_unfinished = !is_left && rule == BOT_TOKEN && !is_beyond_repair;
    let wrong = if is_unfinished { None } else { check(&rule, &value) };
    show_issue(&field, &place, wrong.map(|issue| issue.message).as_deref());
}

/// Removes the issue that the server has found in a field, or in its group of choices.
fn clear_issue(field: &HtmlElement) {
    let group = field.closest("fieldset[aria-describedby]").ok().flatten();
    let Some(form) = field.closest("form").ok().flatten() else { return };
    for described in [Some(field.clone().unchecked_into::<Element>()), group].into_iter().flatten() {
        if let Some(place) = issue_place(&described) {
            form_errors::set_issue(&form, &place, None);
        }
    }
}

/// The element that shows the issue of a field.
fn issue_place(field: &Element) -> Option<Element> {
    let described = field.get_attribute("aria-describedby").unwrap_or_default();
    let mut places = described.split(' ').filter_map(|id| dom::document().get_element_by_id(id));
    places.find(|place| place.has_attribute("data-issue"))
}

fn show_issue(field: &HtmlInputElement, place: &Element, message: Option<&str>) {
    if let Some(form) = field.closest("form").ok().flatten() {
        form_errors::set_issue(&form, place, message);
    }
}

/// Asks the server about the field after a pause without changes.
fn schedule_server_check(field: HtmlInputElement, place: Element) {
    let change = CHANGES.get();
    let send_check = move || {
        if CHANGES.get() == change {
            spawn_local(check_on_server(field, place));
        }
    };
    leptos::prelude::set_timeout(send_check, PAUSE);
}

/// Asks the server. If the request fails, nothing is marked; sending the form finds the issue.
async fn check_on_server(field: HtmlInputElement, place: Element) {
    let value = field.value();
    let Ok(body) = callback_url_body(&value) else { return };
    let Ok(answer) = forms::post("/_fn/check_callback_url", &body).await else { return };
    let message = serde_json::from_str::<Option<String>>(&answer.text);
    // The field may have changed since.
    if let Ok(message) = message
        && field.value() == value
    {
        show_issue(&field, &place, message.as_deref());
    }
}

fn callback_url_body(value: &str) -> Result<String, JsValue> {
    let pairs = UrlSearchParams::new()?;
    pairs.append("callback_url", value);
    Ok(pairs.to_string().as_string().unwrap_or_default())
}

fn check(rule: &str, value: &str) -> Option<Issue> {
    match rule {
        "name" => validation::name("", value).err(),
        BOT_TOKEN => validation::complete_bot_token("", value.trim()).err(),
        "model-key" => validation::model_key("", value.trim()).err(),
        "email" => validation::email("", value).err(),
        "password" => validation::password("", value).err(),
        _ => None,
    }
}
