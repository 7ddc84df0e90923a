//! Sends every `form[data-form]` in the background, so that an error loses nothing typed.

use leptos::task::spawn_local;
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Element, Event, FormData, Headers, HtmlElement, HtmlFormElement, RequestInit, Response, SubmitEvent,
};
use web_sys::{UrlSearchParams, console, js_sys::encode_uri_component};

use super::focus::{self, Focus};
use super::refresh::catch_up;
use super::{dom, findings, notices, password};
use crate::findings::Finding;

/// The header with which leptos_axum marks an answer that redirects.
const REDIRECT_HEADER: &str = "serverfnredirect";
const UNREACHABLE: &str = "Reef can’t be reached. Check your connection and try again.";

/// The error of a server function: the server's `AppError`.
#[derive(Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    is_signed_out: bool,
    message: String,
    #[serde(default)]
    issues: Vec<reef_domain::Issue>,
}

impl Refusal {
    fn saying(message: impl Into<String>) -> Self {
        Self { is_signed_out: false, message: message.into(), issues: Vec::new() }
    }
}

/// The answer of a server function that succeeded.
pub(super) struct Answer {
    /// What the function returned, as JSON.
    pub(super) text: String,
    /// The address that it redirects to.
    to: String,
}

pub(super) fn start() {
    dom::listen("submit", false, |event| {
        if let Some(form) = dom::target::<HtmlFormElement>(&event)
            && form.has_attribute("data-form")
        {
            event.prevent_default();
            submit(form, &event);
        }
    });
    // A page from the back/forward cache comes back busy, and must be usable again.
    let shown = wasm_bindgen::closure::Closure::<dyn Fn()>::new(|| {
        let root = dom::document().document_element();
        for form in root.iter().flat_map(|root| dom::all(root, "form[aria-busy]")) {
            set_busy(&form, None, false);
        }
    });
    dom::window().set_onpageshow(Some(shown.into_js_value().unchecked_ref()));
}

fn submit(form: HtmlFormElement, event: &Event) {
    if form.has_attribute("aria-busy") {
        return;
    }
    let button = event.dyn_ref::<SubmitEvent>().and_then(SubmitEvent::submitter);
    let Ok(body) = body_of(&form, button.as_ref()) else { return };
    let path = button
        .as_ref()
        .and_then(|button| button.get_attribute("formaction"))
        .or_else(|| form.get_attribute("action"))
        .unwrap_or_default();
    // A button may only check the fields.
    let asks = button.as_ref().is_some_and(|button| button.has_attribute("data-finds"));
    let sender = focus::sender(&form, button.as_ref());
    set_busy(&form, button.as_ref(), true);
    // A notice of an earlier form would be read as the answer to this one.
    notices::take_away();
    spawn_local(async move {
        let refused = if asks {
            try_out(&form, button.as_ref(), &path, &body).await.err()
        } else {
            leave(&path, &body, sender.as_ref()).await.err()
        };
        let stays = asks || refused.is_some();
        if let Some(refusal) = refused {
            set_busy(&form, button.as_ref(), false);
            show(&form, refusal);
        }
        if stays {
            focus::after_answer(&form, sender.as_ref());
        }
        catch_up(&form).await;
    });
}

/// Posts a form and goes where it leads. The form stays busy until the other page is there.
async fn leave(path: &str, body: &str, sender: Option<&Focus>) -> Result<(), Refusal> {
    let answer = post(path, body).await?;
    focus::save_sender(&answer.to, sender);
    go(&answer.to).map_err(|_| Refusal::saying("Your browser can’t open the next page. Reload this page."))
}

/// Posts a form to be checked, and shows the results.
async fn try_out(
    form: &HtmlFormElement,
    button: Option<&HtmlElement>,
    path: &str,
    body: &str,
) -> Result<(), Refusal> {
    findings::clear(form);
    let answer = post(path, body).await?;
    let found: Vec<Finding> = serde_json::from_str(&answer.text)
        .map_err(|_| Refusal::saying("Reef’s answer can’t be read. Reload the page and try again."))?;
    set_busy(form, button, false);
    clear(form);
    findings::show(form, &found);
    Ok(())
}

/// The fields as a plain form sends them, with the one of the pressed button.
fn body_of(form: &HtmlFormElement, button: Option<&HtmlElement>) -> Result<String, JsValue> {
    let data = FormData::new_with_form(form)?;
    let value =
        button.and_then(|button| Some((button.get_attribute("name")?, button.get_attribute("value")?)));
    if let Some((name, value)) = value {
        data.append_with_str(&name, &value)?;
    }
    let pairs = UrlSearchParams::new_with_str_sequence_sequence(&data.into())?;
    Ok(pairs.to_string().as_string().unwrap_or_default())
}

/// Posts a form. Returns the answer to a success.
pub(super) async fn post(path: &str, body: &str) -> Result<Answer, Refusal> {
    let response = send(path, body).await.map_err(|_| Refusal::saying(UNREACHABLE))?;
    // Chromium reports an answer that is not read to its end as a failed request.
    let text = text_of(&response).await;
    if response.ok() {
        return Ok(Answer { text, to: place_of(&response) });
    }
    Err(serde_json::from_str(&text).unwrap_or_else(|_| {
        Refusal::saying(format!(
            "Reef answered with status {}. Reload the page and try again.",
            response.status()
        ))
    }))
}

/// The address that a success redirects to.
fn place_of(response: &Response) -> String {
    let headers = response.headers();
    let leads = headers.has(REDIRECT_HEADER).unwrap_or(false);
    let to = headers.get("location").ok().flatten().filter(|_| leads);
    // A success without a redirect reloads the page.
    to.unwrap_or_else(|| dom::window().location().href().unwrap_or_default())
}

async fn text_of(response: &Response) -> String {
    match response.text() {
        Ok(text) => JsFuture::from(text).await.ok().and_then(|text| text.as_string()).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

async fn send(path: &str, body: &str) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.set("Accept", "application/json")?;
    headers.set("Content-Type", "application/x-www-form-urlencoded")?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&JsValue::from_str(body));
    JsFuture::from(dom::window().fetch_with_str_and_init(path, &init)).await?.dyn_into()
}

/// Opens a page; reloads it if it is this one.
fn go(to: &str) -> Result<(), JsValue> {
    let location = dom::window().location();
    let before = location.href()?;
    let here = before.split('#').next().unwrap_or_default();
    let target = web_sys::Url::new_with_base(to, &before)?.href();
    // Assigning an address that differs in the fragment alone would only scroll.
    if target.split('#').next() == Some(here) { location.reload() } else { location.assign(&target) }
}

/// Marks a form as busy: its buttons are disabled, and the pressed one says what happens.
fn set_busy(form: &Element, button: Option<&HtmlElement>, busy: bool) {
    let done =
        if busy { form.set_attribute("aria-busy", "true") } else { form.remove_attribute("aria-busy") };
    if done.is_err() {
        console::error_1(&"a form could not be marked as busy".into());
    }
    for each in dom::all(form, "button") {
        let Ok(each) = each.dyn_into::<web_sys::HtmlButtonElement>() else { continue };
        each.set_disabled(busy);
        let is_pressed = button.is_none_or(|button| button.is_same_node(Some(&each)));
        let words = each.dataset().get(if busy { "busy" } else { "label" });
        if let Some(words) = words.filter(|_| is_pressed) {
            if busy && each.dataset().set("label", &each.text_content().unwrap_or_default()).is_err() {
                continue;
            }
            each.set_text_content(Some(&words));
        }
    }
}

/// Shows an error: each issue at its field, and the rest above the form.
fn show(form: &HtmlFormElement, refusal: Refusal) {
    clear(form);
    let mut above = vec![refusal.message];
    for issue in refusal.issues {
        if issue.path == "password" && password::is_missing(form) {
            password::add_field(form);
        }
        match dom::first(form, &format!("[data-issue~='{}']", issue.path)) {
            Some(place) => mark(form, &place, Some(&issue.message)),
            None => above.push(issue.message),
        }
    }
    if let Some(problem) = dom::first(form, "[data-problem]") {
        for line in above {
            add(&problem, "p", &line);
        }
        if refusal.is_signed_out {
            lead_to_sign_in(&problem);
        }
    }
}

/// Appends an element with a text to a place.
fn add(place: &Element, tag: &str, words: &str) -> Option<Element> {
    let element = dom::document().create_element(tag).ok()?;
    element.set_text_content(Some(words));
    place.append_child(&element).ok()?;
    Some(element)
}

/// Offers to sign in again, which leads back to this page.
fn lead_to_sign_in(place: &Element) {
    let here = dom::window().location().pathname().unwrap_or_default();
    let to = format!("/signin?next={}", encode_uri_component(&here));
    let link = add(place, "p", "").and_then(|line| add(&line, "a", "Sign in"));
    if link.is_none_or(|link| link.set_attribute("href", &to).is_err()) {
        console::error_1(&"a link could not be shown".into());
    }
}

fn clear(form: &HtmlFormElement) {
    for place in dom::all(form, "[data-issue]") {
        mark(form, &place, None);
    }
    if let Some(problem) = dom::first(form, "[data-problem]") {
        problem.set_text_content(None);
    }
}

/// Shows what is wrong with a field at its place for issues, or removes that.
pub(super) fn mark(form: &Element, place: &Element, words: Option<&str>) {
    place.set_text_content(words);
    let Some(field) = dom::first(form, &format!("[aria-describedby~='{}']", place.id())) else { return };
    let done = match words {
        Some(_) => field.set_attribute("aria-invalid", "true"),
        None => field.remove_attribute("aria-invalid"),
    };
    if done.is_err() {
        console::error_1(&"a field could not be marked".into());
    }
}
