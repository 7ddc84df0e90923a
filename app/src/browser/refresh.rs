//! Draws parts of the page anew: the server draws the page again, and its regions (`data-region`) take the new content.
//!
//! A region whose form is being filled in stays as it is, unless what the form is for has changed (`data-key`); then what
//! was typed is taken over. A region whose form is under way always stays.

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

/// How long to wait before what did not come is asked for again, at first.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a page is looked at that shows something no news come of.
const LOOK_AGAIN: Duration = Duration::from_secs(6);
/// Marks a region with news that waits until its form is no longer under way.
const LATE: &str = "data-late";

thread_local! {
    /// How many times the page was looked at.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    /// Whether the last look is still under way.
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
    /// What the server drew last into each region: people open and close parts of it, which is no news.
    static DRAWN: RefCell<HashMap<String, String>> = RefCell::default();
}

pub(super) fn start() {
    set_interval(look_again, LOOK_AGAIN);
}

/// Of some things nobody sends news: a payment that failed, for example.
fn look_again() {
    if !dom::is_seen() || IS_LOOKING.get() {
        return;
    }
    let root = dom::document().document_element();
    if root.is_some_and(|root| dom::first(&root, "[data-look-again]").is_some()) {
        spawn_local(refresh());
    }
}

/// How long to wait the next time: twice as long, up to the longest.
pub(super) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

/// Looks at this page again.
pub async fn refresh() {
    let address = dom::window().location().href().unwrap_or_default();
    refresh_to(&address).await;
}

/// Takes the regions of the page at another address into this one, unless a later look has begun meanwhile: answers may
/// overtake each other. News are told once: a page that does not come is asked for until it does.
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
        // It leads elsewhere now, to sign in for example: so does the browser.
        None => reload(),
    }
}

/// Looks at this page again, unless a form is under way: what that has deleted is not to be looked for, it leads on by
/// itself.
pub async fn refresh_or_leave() {
    if !is_leaving() {
        refresh().await;
    }
}

/// A form is no longer under way: what was not drawn around it meanwhile is drawn now.
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
        None => first_drawn(region) == new,
    });
    if is_no_news || (is_same_thing && is_in_use(region)) {
        return;
    }
    if dom::first(region, "form[aria-busy]").is_some() {
        if region.set_attribute(LATE, "").is_err() {
            leptos::logging::error!("a region cannot be marked");
        }
        return;
    }
    // What was just done has come to something else.
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
        leptos::logging::error!("a region cannot be marked");
    }
    for details in dom::all(region, "details[id]") {
        if open.contains(&details.id()) && details.set_attribute("open", "").is_err() {
            leptos::logging::error!("a part cannot be opened");
        }
    }
    typed.restore(region);
    if let Some(focus) = focus {
        focus.restore(region);
    }
    dom::tell_drawn(region);
}

/// What the server drew into a region at first: the shell's script keeps it there, before times are said in the reader's time
/// zone.
fn first_drawn(region: &Element) -> String {
    let kept = js_sys::Reflect::get(region, &JsValue::from_str("drawn")).ok();
    kept.and_then(|drawn| drawn.as_string()).unwrap_or_else(|| region.inner_html())
}

/// Whether somebody works in it: a dialog is open, or a field is not as the server drew it.
fn is_in_use(region: &Element) -> bool {
    let is_open = dom::first(region, ":popover-open, input:focus, textarea:focus, select:focus").is_some();
    is_open || typed::is_anything(region)
}
