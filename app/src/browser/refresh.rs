//! Draws parts of the page anew: the server draws the page again, and its regions (`data-region`) take the new content.
//!
//! A region whose form is being filled in stays as it is, unless what the form is for has changed (`data-key`).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Document, DomParser, Element, HtmlInputElement, HtmlSelectElement, RequestInit, Response, SupportedType,
};

use super::focus::Focus;
use super::{dom, notices};

thread_local! {
    /// How many times the page was looked at.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    /// What the server drew last into each region: people open and close parts of it, which is no news.
    static DRAWN: RefCell<HashMap<String, String>> = RefCell::default();
}

/// Looks at this page again.
pub async fn refresh() {
    let address = dom::window().location().href().unwrap_or_default();
    refresh_to(&address).await;
}

/// Takes the regions of the page at another address into this one, unless a later look has begun meanwhile: answers may
/// overtake each other.
pub async fn refresh_to(address: &str) {
    let look = LOOKS.get().wrapping_add(1);
    LOOKS.set(look);
    let loaded = load(address).await;
    if LOOKS.get() != look {
        return;
    }
    match loaded {
        Ok(Some(new)) => take(&new),
        // It leads elsewhere now, to sign in for example: so does the browser.
        Ok(None) => reload(),
        // Without a connection the stream will say so; what is shown stays.
        Err(_) => {}
    }
}

/// Looks at this page again, unless a form is under way: what that has deleted is not to be looked for, it leads on by
/// itself.
pub async fn refresh_or_leave() {
    if !is_leaving() {
        refresh().await;
    }
}

fn is_leaving() -> bool {
    let root = dom::document().document_element();
    root.is_some_and(|root| dom::first(&root, "form[aria-busy]").is_some())
}

fn reload() {
    if is_leaving() {
        return;
    }
    if dom::window().location().reload().is_err() {
        leptos::logging::error!("the page cannot be reloaded");
    }
}

async fn load(address: &str) -> Result<Option<Document>, JsValue> {
    let init = RequestInit::new();
    let headers = web_sys::Headers::new()?;
    headers.set("Accept", "text/html")?;
    init.set_headers(&headers);
    let response: Response =
        JsFuture::from(dom::window().fetch_with_str_and_init(address, &init)).await?.dyn_into()?;
    if response.redirected() || !(response.ok() || response.status() == 404) {
        return if response.status() >= 500 { Err(JsValue::NULL) } else { Ok(None) };
    }
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    DomParser::new()?.parse_from_string(&text, SupportedType::TextHtml).map(Some)
}

fn take(new: &Document) {
    dom::document().set_title(&new.title());
    let (Some(here), Some(there)) = (dom::document().document_element(), new.document_element()) else {
        return;
    };
    for region in dom::all(&here, "[data-region]") {
        let name = region.get_attribute("data-region").unwrap_or_default();
        let found = dom::first(&there, &format!("[data-region='{name}']"));
        match found {
            Some(content) => renew(&name, &region, &content),
            // The page has become another one.
            None => return reload(),
        }
    }
}

fn renew(name: &str, region: &Element, content: &Element) {
    let key = content.get_attribute("data-key");
    let is_same_thing = region.get_attribute("data-key") == key;
    let new = content.inner_html();
    let is_no_news = DRAWN.with_borrow(|drawn| match drawn.get(name) {
        Some(drawn) => *drawn == new,
        None => region.inner_html() == new,
    });
    if is_no_news || (is_same_thing && is_in_use(region)) {
        return;
    }
    // What was just done has come to something else.
    if name == "state" {
        notices::take_away();
    }
    let focus = Focus::in_region(region);
    let open: Vec<String> = dom::all(region, "details[open][id]").iter().map(Element::id).collect();
    region.set_inner_html(&new);
    DRAWN.with_borrow_mut(|drawn| drawn.insert(name.to_owned(), new));
    if let Some(key) = key
        && region.set_attribute("data-key", &key).is_err()
    {
        leptos::logging::error!("a region cannot be marked");
    }
    for details in dom::all(region, "details[id]") {
        if open.contains(&details.id()) && details.set_attribute("open", "").is_err() {
            leptos::logging::error!("a part cannot be opened");
        }
    }
    if let Some(focus) = focus {
        focus.restore(region);
    }
    dom::tell_drawn(region);
}

/// Whether somebody works in it: a dialog is open, a form is under way, or a field is not as the server drew it.
fn is_in_use(region: &Element) -> bool {
    let busy =
        dom::first(region, ":popover-open, form[aria-busy], input:focus, textarea:focus, select:focus")
            .is_some();
    busy || dom::all(region, "input, textarea, select").iter().any(is_changed)
}

fn is_changed(field: &Element) -> bool {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        return match input.type_().as_str() {
            "hidden" | "submit" => false,
            "checkbox" | "radio" => input.checked() != input.default_checked(),
            _ => input.value() != input.default_value(),
        };
    }
    if let Some(text) = field.dyn_ref::<web_sys::HtmlTextAreaElement>() {
        return text.default_value() != Ok(text.value());
    }
    // A select is as it was drawn while its drawn option, or else its first, is the chosen one.
    let Some(select) = field.dyn_ref::<HtmlSelectElement>() else { return false };
    let drawn = dom::first(field, "option[selected]").or_else(|| dom::first(field, "option"));
    let drawn = drawn.map(|option| option.get_attribute("value").unwrap_or_default());
    drawn.is_some_and(|value| value != select.value())
}
