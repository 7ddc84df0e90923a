//! Short words for what every behaviour asks of the document.

use std::time::Duration;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::Promise;
use web_sys::{Document, Element, Event, NodeList, Window};

/// The window. There always is one: this code runs in pages only.
pub fn window() -> Window {
    web_sys::window().expect("a page has a window")
}

/// The document.
pub fn document() -> Document {
    window().document().expect("a page has a document")
}

/// Whether the page is in a tab that somebody sees.
pub fn is_seen() -> bool {
    !document().hidden()
}

/// Listens to an event of the whole document for the life of the page. `capture` hears what does not bubble too.
pub fn listen(event: &str, capture: bool, handler: impl Fn(Event) + 'static) {
    let handler = Closure::<dyn Fn(Event)>::new(handler).into_js_value();
    let added = document().add_event_listener_with_callback_and_bool(event, handler.unchecked_ref(), capture);
    if added.is_err() {
        leptos::logging::error!("the browser does not take a listener for {event}");
    }
}

/// The element that an event happened to, as a certain kind.
pub fn target<T: JsCast>(event: &Event) -> Option<T> {
    event.target()?.dyn_into().ok()
}

/// Every element below `root` that a selector names.
pub fn all(root: &Element, selector: &str) -> Vec<Element> {
    root.query_selector_all(selector).map(elements).unwrap_or_default()
}

fn elements(list: NodeList) -> Vec<Element> {
    (0..list.length()).filter_map(|index| list.item(index)?.dyn_into().ok()).collect()
}

/// The first element below `root` that a selector names.
pub fn first(root: &Element, selector: &str) -> Option<Element> {
    root.query_selector(selector).ok().flatten()
}

/// Everything below `root` is new: islands in it are woken by the shell's script.
pub fn tell_drawn(root: &Element) {
    let init = web_sys::CustomEventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = web_sys::CustomEvent::new_with_event_init_dict("reef:drawn", &init)
        && root.dispatch_event(&event).is_err()
    {
        leptos::logging::error!("nobody could be told of a new region");
    }
}

/// Waits.
pub async fn pause(time: Duration) {
    let millis = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let over = Promise::new(&mut |resolve, _| {
        if window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis).is_err() {
            leptos::logging::error!("the browser has no time");
        }
    });
    // It is never rejected.
    let _ = JsFuture::from(over).await;
}
