//! Sends every `form[data-form]` in the background, so that nothing typed is lost when it fails.

use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Element, Event, FormData, Headers, HtmlElement, HtmlFormElement, RequestInit, Response, SubmitEvent,
    UrlSearchParams, console,
};

use super::focus::{self, Focus};
use super::form_errors::{FormFailure, clear_errors, show_failure};
use super::refresh::refresh_waiting_region;
use super::{check_results, dom, notices};
use crate::CheckResult;

/// The header with which leptos_axum marks a response that redirects.
const REDIRECT_HEADER: &str = "serverfnredirect";
const UNREACHABLE: &str = "Reef can’t be reached. Check your connection and try again.";

/// The response of a server function that succeeded.
pub(super) struct FormResponse {
    /// What the function returned, as JSON.
    pub(super) text: String,
    /// The address that it redirects to.
    location: String,
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
    // The back/forward cache restores a page with its forms still busy.
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
    // Some buttons only check the fields.
    let is_check = button.as_ref().is_some_and(|button| button.has_attribute("data-finds"));
    let sender = focus::sender(&form, button.as_ref());
    set_busy(&form, button.as_ref(), true);
    // A notice from an earlier form would look like the result of this one.
    notices::remove_all();
    spawn_local(async move {
        let failure = if is_check {
            submit_check(&form, button.as_ref(), &path, &body).await.err()
        } else {
            submit_and_open(&path, &body, sender.as_ref()).await.err()
        };
        let stays_on_page = is_check || failure.is_some();
        if let Some(failure) = failure {
            set_busy(&form, button.as_ref(), false);
            show_failure(&form, failure);
        }
        if stays_on_page {
            focus::focus_after_submit(&form, sender.as_ref());
        }
        refresh_waiting_region(&form).await;
    });
}

/// Posts a form and opens the page that it leads to. The form stays busy until that page is shown.
async fn submit_and_open(path: &str, body: &str, sender: Option<&Focus>) -> Result<(), FormFailure> {
    let answer = post(path, body).await?;
    focus::save_sender(&answer.location, sender);
    open_page(&answer.location)
        .map_err(|_| FormFailure::with_message("Your browser can’t open the next page. Reload this page."))
}

/// Posts a form to be checked, and shows the results.
async fn submit_check(
    form: &HtmlFormElement,
    button: Option<&HtmlElement>,
    path: &str,
    body: &str,
) -> Result<(), FormFailure> {
    check_results::clear(form);
    let answer = post(path, body).await?;
    let results: Vec<CheckResult> = serde_json::from_str(&answer.text).map_err(|_| {
        FormFailure::with_message("Reef’s answer can’t be read. Reload the page and try again.")
    })?;
    set_busy(form, button, false);
    clear_errors(form);
    check_results::show_results(form, &results);
    Ok(())
}

/// The fields as a plain form sends them, including the pressed button's.
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

/// Posts a form. Returns the response if it succeeds.
pub(super) async fn post(path: &str, body: &str) -> Result<FormResponse, FormFailure> {
    let response = send(path, body).await.map_err(|_| FormFailure::with_message(UNREACHABLE))?;
    // Chromium reports a response that is not read to its end as a failed request.
    let text = text_of(&response).await;
    if response.ok() {
        return Ok(FormResponse { text, location: location_of(&response) });
    }
    Err(serde_json::from_str(&text).unwrap_or_else(|_| {
        FormFailure::with_message(format!(
            "Reef answered with status {}. Reload the page and try again.",
            response.status()
        ))
    }))
}

/// The address that a successful response redirects to.
fn location_of(response: &Response) -> String {
    let headers = response.headers();
    let is_redirect = headers.has(REDIRECT_HEADER).unwrap_or(false);
    let to = headers.get("location").ok().flatten().filter(|_| is_redirect);
    // A success without a redirect opens the page again.
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

/// Opens a page, also if it is the current one.
fn open_page(to: &str) -> Result<(), JsValue> {
    let location = dom::window().location();
    let before = location.href()?;
    let here = before.split('#').next().unwrap_or_default();
    let target = web_sys::Url::new_with_base(to, &before)?.href();
    match target.split_once('#') {
        // Assigning an address with a fragment of the current page would only scroll.
        Some((page, _)) if page == here => {
            dom::window().history()?.replace_state_with_url(&JsValue::NULL, "", Some(&target))?;
            location.reload()
        }
        _ => location.assign(&target),
    }
}

/// Marks a form as busy: its buttons are disabled, and the pressed one says what happens.
fn set_busy(form: &Element, button: Option<&HtmlElement>, busy: bool) {
    let result =
        if busy { form.set_attribute("aria-busy", "true") } else { form.remove_attribute("aria-busy") };
    if result.is_err() {
        console::error_1(&"a form could not be marked as busy".into());
    }
    for each in dom::all(form, "button") {
        let Ok(each) = each.dyn_into::<web_sys::HtmlButtonElement>() else { continue };
        each.set_disabled(busy);
        let is_pressed = button.is_none_or(|button| button.is_same_node(Some(&each)));
        let label = each.dataset().get(if busy { "busy" } else { "label" });
        if let Some(label) = label.filter(|_| is_pressed) {
            if busy && each.dataset().set("label", &each.text_content().unwrap_or_default()).is_err() {
                continue;
            }
            each.set_text_content(Some(&label));
        }
    }
}
