//! Replaces parts of the page: the server renders the page again, and its regions (`data-region`) get the new content.
//!
//! A region with a form that is being filled in stays as it is, unless what the form is for has changed (`data-key`). Then
//! what was typed is restored into the new form. A region with a form that is being sent always stays.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use leptos::prelude::set_interval;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys;
use web_sys::{Document, DomParser, Element, RequestInit, Response, SupportedType};

use super::focus::Focus;
use super::form_state::{self, FormState};
use super::{dom, notices};

/// The pause before the first retry of a failed request.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a page is refreshed that shows something without events.
const REFRESH_INTERVAL: Duration = Duration::from_secs(6);
/// The attribute of a region whose new content waits until its form has been sent.
const WAITING: &str = "data-late";

thread_local! {
    /// The number of refreshes so far.
    static REFRESHES: Cell<u32> = const { Cell::new(0) };
    /// Whether the last refresh is still running.
    static IS_REFRESHING: Cell<bool> = const { Cell::new(false) };
    /// The HTML that the server rendered last for each region. The region itself differs when a reader opens or closes parts of it.
    static RENDERED: RefCell<HashMap<String, String>> = RefCell::default();
}

pub(super) fn start() {
    set_interval(refresh_unless_running, REFRESH_INTERVAL);
}

/// Refreshes a page that shows something without events, a failed payment for example.
fn refresh_unless_running() {
    if !dom::is_visible() || IS_REFRESHING.get() {
        return;
    }
    let root = dom::document().document_element();
    if root.is_some_and(|root| dom::first(&root, "[data-look-again]").is_some()) {
        spawn_local(refresh());
    }
}

/// The next pause: twice as long, up to the longest.
pub(super) fn next_pause(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

/// Refreshes the regions of this page.
pub(super) async fn refresh() {
    let address = dom::window().location().href().unwrap_or_default();
    refresh_to(&address).await;
}

/// Replaces the regions of this page by those of the page at `address`, unless a later refresh has begun in the meantime, because
/// responses may overtake each other. An event arrives only once, so a failed request is repeated until it succeeds.
pub(super) async fn refresh_to(address: &str) {
    let number = REFRESHES.get().wrapping_add(1);
    REFRESHES.set(number);
    IS_REFRESHING.set(true);
    let mut wait = FIRST_PAUSE;
    let loaded = loop {
        let loaded = load(address).await;
        if REFRESHES.get() != number {
            return;
        }
        if let Ok(loaded) = loaded {
            break loaded;
        }
        dom::sleep(wait).await;
        if REFRESHES.get() != number {
            return;
        }
        wait = next_pause(wait);
    };
    IS_REFRESHING.set(false);
    match loaded {
        Some(new) => replace_regions(&new),
        // The address redirects, to the sign-in page for example. Reloading follows it.
        None => reload(),
    }
}

/// Refreshes this page unless a form is being sent: the form may have deleted what the page shows, and then leads to another page
/// itself.
pub(super) async fn refresh_unless_form_busy() {
    if !is_form_busy() {
        refresh().await;
    }
}

/// Replaces the region of a form that has been sent, if its new content was waiting for that.
pub(super) async fn refresh_waiting_region(form: &Element) {
    let waiting = form.closest("[data-late]").ok().flatten();
    if waiting.is_some_and(|region| region.remove_attribute(WAITING).is_ok()) {
        refresh().await;
    }
}

fn is_form_busy() -> bool {
    let root = dom::document().document_element();
    root.is_some_and(|root| dom::first(&root, "form[aria-busy]").is_some())
}

fn reload() {
    if is_form_busy() {
        return;
    }
    if dom::window().location().reload().is_err() {
        leptos::logging::error!("the page could not be reloaded");
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

fn replace_regions(new: &Document) {
    dom::document().set_title(&new.title());
    let (Some(here), Some(there)) = (dom::document().document_element(), new.document_element()) else {
        return;
    };
    for region in dom::all(&here, "[data-region]") {
        let name = region.get_attribute("data-region").unwrap_or_default();
        let found = dom::first(&there, &format!("[data-region='{name}']"));
        match found {
            Some(content) => replace_region(&name, &region, &content),
            // The page's regions have changed.
            None => return reload(),
        }
    }
    notices::show_scheduled();
}

fn replace_region(name: &str, region: &Element, content: &Element) {
    let key = content.get_attribute("data-key");
    let is_same_thing = region.get_attribute("data-key") == key;
    let new = content.inner_html();
    let is_unchanged = RENDERED.with_borrow(|rendered| match rendered.get(name) {
        Some(rendered) => *rendered == new,
        None => first_rendered(region) == new,
    });
    if is_unchanged || (is_same_thing && is_in_use(region)) {
        return;
    }
    if dom::first(region, "form[aria-busy]").is_some() {
        if region.set_attribute(WAITING, "").is_err() {
            leptos::logging::error!("a region could not be marked");
        }
        return;
    }
    // A notice belongs to the state that it was shown with.
    if name == "state" {
        notices::remove_all();
    }
    let (focus, typed) = (Focus::in_region(region), FormState::of_region(region));
    let open: Vec<String> = dom::all(region, "details[open][id]").iter().map(Element::id).collect();
    region.set_inner_html(&new);
    RENDERED.with_borrow_mut(|rendered| rendered.insert(name.to_owned(), new));
    if let Some(key) = key
        && region.set_attribute("data-key", &key).is_err()
    {
        leptos::logging::error!("a region could not be marked");
    }
    for details in dom::all(region, "details[id]") {
        if open.contains(&details.id()) && details.set_attribute("open", "").is_err() {
            leptos::logging::error!("a part could not be opened");
        }
    }
    typed.restore(region);
    if let Some(focus) = focus {
        focus.restore(region);
    }
    dom::announce_rendered(region);
}

/// The HTML that the server rendered for a region when the page loaded. The shell's script saves it before it converts times to
/// the reader's time zone.
fn first_rendered(region: &Element) -> String {
    let saved = js_sys::Reflect::get(region, &JsValue::from_str("renderedHtml")).ok();
    saved.and_then(|html| html.as_string()).unwrap_or_else(|| region.inner_html())
}

/// Whether the reader works in a region: a dialog is open, a field has the focus or differs from how the server rendered it.
fn is_in_use(region: &Element) -> bool {
    let is_open = dom::first(region, ":popover-open, input:focus, textarea:focus, select:focus").is_some();
    is_open || form_state::is_any_changed(region)
}
