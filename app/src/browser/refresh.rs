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
use super::typed::{self, Typed};
use super::{dom, notices};

/// The pause before the first retry of a failed request.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a page is refreshed that shows something without events.
const LOOK_AGAIN: Duration = Duration::from_secs(6);
/// The attribute of a region whose new content waits until its form has been sent.
const LATE: &str = "data-late";

thread_local! {
    /// The number of refreshes so far.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    /// Whether the last refresh is still running.
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
    /// The HTML that the server rendered last for each region. The region itself differs when a reader opens or closes parts of it.
    static DRAWN: RefCell<HashMap<String, String>> = RefCell::default();
}

pub(super) fn start() {
    set_interval(look_again, LOOK_AGAIN);
}

/// Refreshes a page that shows something without events, a failed payment for example.
fn look_again() {
    if !dom::is_seen() || IS_LOOKING.get() {
        return;
    }
    let root = dom::document().document_element();
    if root.is_some_and(|root| dom::first(&root, "[data-look-again]").is_some()) {
        spawn_local(refresh());
    }
}

/// The next pause: twice as long, up to the longest.
pub(super) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

/// Refreshes the regions of this page.
pub async fn refresh() {
    let address = dom::window().location().href().unwrap_or_default();
    refresh_to(&address).await;
}

/// Replaces the regions of this page by those of the page at `address`, unless a later refresh has begun meanwhile, because answers
/// may overtake each other. An event arrives only once, so a failed request is repeated until it succeeds.
pub async fn refresh_to(address: &str) {
    let look = LOOKS.get().wrapping_add(1);
    LOOKS.set(look);
    IS_LOOKING.set(true);
    let mut wait = FIRST_PAUSE;
    let loaded = loop {
        let loaded = load(address).await;
        if LOOKS.get() != look {
            return;
        }
        if let Ok(loaded) = loaded {
            break loaded;
        }
        dom::pause(wait).await;
        if LOOKS.get() != look {
            return;
        }
        wait = longer(wait);
    };
    IS_LOOKING.set(false);
    match loaded {
        Some(new) => take(&new),
        // The address redirects, to the sign-in page for example. Reloading follows it.
        None => reload(),
    }
}

/// Refreshes this page unless a form is being sent: the form may have deleted what the page shows, and leads on itself.
pub async fn refresh_or_leave() {
    if !is_leaving() {
        refresh().await;
    }
}

/// Replaces the region of a form that has been sent, if its new content has waited for that.
pub async fn catch_up(form: &Element) {
    let late = form.closest("[data-late]").ok().flatten();
    if late.is_some_and(|region| region.remove_attribute(LATE).is_ok()) {
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
            // The page has other regions than before.
            None => return reload(),
        }
    }
    notices::show_scheduled();
}

fn renew(name: &str, region: &Element, content: &Element) {
    let key = content.get_attribute("data-key");
    let is_same_thing = region.get_attribute("data-key") == key;
    let new = content.inner_html();
    let is_no_news = DRAWN.with_borrow(|drawn| match drawn.get(name) {
        Some(drawn) => *drawn == new,
        None => first_drawn(region) == new,
    });
    if is_no_news || (is_same_thing && is_in_use(region)) {
        return;
    }
    if dom::first(region, "form[aria-busy]").is_some() {
        if region.set_attribute(LATE, "").is_err() {
            leptos::logging::error!("a region could not be marked");
        }
        return;
    }
    // A notice is about the state that it was shown with.
    if name == "state" {
        notices::take_away();
    }
    let (focus, typed) = (Focus::in_region(region), Typed::in_region(region));
    let open: Vec<String> = dom::all(region, "details[open][id]").iter().map(Element::id).collect();
    region.set_inner_html(&new);
    DRAWN.with_borrow_mut(|drawn| drawn.insert(name.to_owned(), new));
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
    dom::tell_drawn(region);
}

/// The HTML that the server rendered for a region at first. The shell's script saves it before it converts times to the reader's
/// time zone.
fn first_drawn(region: &Element) -> String {
    let kept = js_sys::Reflect::get(region, &JsValue::from_str("renderedHtml")).ok();
    kept.and_then(|html| html.as_string()).unwrap_or_else(|| region.inner_html())
}

/// Whether the reader works in a region: a dialog is open, a field has the focus or differs from how the server rendered it.
fn is_in_use(region: &Element) -> bool {
    let is_open = dom::first(region, ":popover-open, input:focus, textarea:focus, select:focus").is_some();
    is_open || typed::is_anything(region)
}
