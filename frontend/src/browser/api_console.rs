//! Sends the requests of the API reference's forms (`form[data-try]`) to this server with the reader's own API key. The key is
//! not stored and goes nowhere else.

use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::{Date, encode_uri_component};
use web_sys::{
    Element, Headers, HtmlButtonElement, HtmlFormElement, HtmlInputElement, HtmlSelectElement,
    HtmlTextAreaElement, RequestInit, Response, UrlSearchParams,
};

use super::dom;

const UNREACHABLE: &str = "Reef can’t be reached. Check your connection and try again.";
const NOT_SENDABLE: &str = "The API key or another header has characters that HTTP headers can’t contain. The list of API keys \
                            shows only the beginning of each key. Use the whole key.";

pub(super) fn start() {
    dom::listen("submit", false, |event| {
        if let Some(form) = dom::target::<HtmlFormElement>(&event)
            && form.has_attribute("data-try")
        {
            event.prevent_default();
            spawn_local(run(form));
        }
    });
}

/// What the API has answered.
struct ApiResponse {
    status: u16,
    status_text: String,
    request_id: String,
    duration_ms: f64,
    body: String,
}

async fn run(form: HtmlFormElement) {
    let button = dom::first(&form, "button[type=submit]")
        .and_then(|button| button.dyn_into::<HtmlButtonElement>().ok());
    let busy = |is_busy| button.iter().for_each(|button| button.set_disabled(is_busy));
    busy(true);
    let answer = send(&form).await;
    busy(false);
    let Some(output) = dom::first(&form, "[data-output]") else { return };
    if show_response(&output, answer).is_err() {
        leptos::logging::error!("the answer could not be shown");
    }
}

/// Sends the request of a form. An error is the text to show instead of a response.
async fn send(form: &HtmlFormElement) -> Result<ApiResponse, &'static str> {
    let (path, init) = request_of(form).map_err(|_| NOT_SENDABLE)?;
    fetch(&path, &init).await.map_err(|_| UNREACHABLE)
}

fn request_of(form: &HtmlFormElement) -> Result<(String, RequestInit), JsValue> {
    let (path, headers) = (path_of(form)?, Headers::new()?);
    let init = RequestInit::new();
    init.set_method(&form.get_attribute("data-method").unwrap_or_default());
    for field in dom::all(form, "[data-in]") {
        let value = value_of(&field);
        let name = field.get_attribute("data-name").unwrap_or_default();
        match field.get_attribute("data-in").as_deref() {
            Some("key") => headers.set("X-API-Key", value.trim())?,
            Some("header") if !value.is_empty() => headers.set(&name, &value)?,
            Some("body") if !value.trim().is_empty() => {
                headers.set("Content-Type", "application/json")?;
                init.set_body(&JsValue::from_str(&value));
            }
            _ => {}
        }
    }
    init.set_headers(&headers);
    // The API takes no session, so no cookie is sent.
    init.set_credentials(web_sys::RequestCredentials::Omit);
    Ok((path, init))
}

async fn fetch(path: &str, init: &RequestInit) -> Result<ApiResponse, JsValue> {
    let started = Date::now();
    let response: Response =
        JsFuture::from(dom::window().fetch_with_str_and_init(path, init)).await?.dyn_into()?;
    let body = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    Ok(ApiResponse {
        status: response.status(),
        status_text: response.status_text(),
        request_id: response.headers().get("x-request-id")?.unwrap_or_default(),
        duration_ms: Date::now() - started,
        body,
    })
}

/// The path with its parameters filled in, and the query.
fn path_of(form: &HtmlFormElement) -> Result<String, JsValue> {
    let mut path = form.get_attribute("data-path").unwrap_or_default();
    let query = UrlSearchParams::new()?;
    for field in dom::all(form, "[data-in]") {
        let name = field.get_attribute("data-name").unwrap_or_default();
        let value = value_of(&field);
        match field.get_attribute("data-in").as_deref() {
            Some("path") => {
                let value = encode_uri_component(value.trim()).as_string().unwrap_or_default();
                path = path.replace(&format!("{{{name}}}"), &value);
            }
            Some("query") if !value.is_empty() => query.append(&name, &value),
            _ => {}
        }
    }
    let query = query.to_string().as_string().unwrap_or_default();
    Ok(if query.is_empty() { path } else { format!("{path}?{query}") })
}

fn value_of(field: &Element) -> String {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        input.value()
    } else if let Some(select) = field.dyn_ref::<HtmlSelectElement>() {
        select.value()
    } else {
        field.dyn_ref::<HtmlTextAreaElement>().map(HtmlTextAreaElement::value).unwrap_or_default()
    }
}

/// Shows a line with status and duration, and the body below it.
fn show_response(output: &Element, answer: Result<ApiResponse, &str>) -> Result<(), JsValue> {
    output.set_text_content(None);
    let ApiResponse { status, status_text, request_id, duration_ms, body } = match answer {
        Ok(answer) => answer,
        Err(message) => {
            append(output, "p", message)?;
            return Ok(());
        }
    };
    append(output, "p", &format!("{status} {status_text} · {duration_ms:.0} ms · request {request_id}"))?;
    if body.is_empty() {
        return Ok(());
    }
    let pretty = serde_json::from_str::<serde_json::Value>(&body).map_or(body, |json| format!("{json:#}"));
    let block = append(output, "div", "")?;
    block.set_class_name("code");
    block.set_attribute("data-copy", "")?;
    let pre = append(&block, "pre", "")?;
    for (name, value) in [("tabindex", "0"), ("role", "group"), ("aria-label", "Response body")] {
        pre.set_attribute(name, value)?;
    }
    append(&pre, "code", &pretty)?;
    let copy = append(&block, "button", "Copy")?;
    copy.set_class_name("copy quiet small");
    copy.set_attribute("type", "button")
}

/// Appends an element with a text to another one.
fn append(parent: &Element, name: &str, text: &str) -> Result<Element, JsValue> {
    let element = dom::document().create_element(name)?;
    element.set_text_content(Some(text));
    parent.append_child(&element)?;
    Ok(element)
}
