//! Shorthands for what the scripts need from the document.

use std::time::Duration;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::Promise;
use web_sys::{Document, Element, Event, NodeList, Window};

/// The window of the page.
pub(super) fn window() -> Window {
    web_sys::window().expect("a page has a window")
}

/// The document of the page.
pub(super) fn document() -> Document {
    window().document().expect("a page has a document")
}

/// Whether the page is in a visible tab.
pub(super) fn is_visible() -> bool {
    !document().hidden()
}

/// Listens to an event on the whole document for the life of the page; with `capture` also to events that don't bubble.
pub(super) fn listen(event: &str, capture: bool, handler: impl Fn(Event) + 'static) {
    let handler = Closure::<dyn Fn(Event)>::new(handler).into_js_value();
    let added = document().add_event_listener_with_callback_and_bool(event, handler.unchecked_ref(), capture);
    if added.is_err() {
        leptos::logging::error!("a listener for {event} could not be added");
    }
}

/// The target of an event, if it is of the type `T`.
pub(super) fn target<T: JsCast>(event: &Event) -> Option<T> {
    event.target()?.dyn_into().ok()
}

/// All elements below `root` that match a selector.
pub(super) fn all(root: &Element, selector: &str) -> Vec<Element> {
    root.query_selector_all(selector).map(elements).unwrap_or_default()
}

fn elements(list: NodeList) -> Vec<Element> {
    (0..list.length()).filter_map(|index| list.item(index)?.dyn_into().ok()).collect()
}

/// The first element below `root` that matches a selector.
pub(super) fn first(root: &Element, selector: &str) -> Option<Element> {
    root.query_selector(selector).ok().flatten()
}

/// Dispatches the event on which the shell's script hydrates new islands below `root` and converts new times.
pub(super) fn announce_rendered(root: &Element) {
    let init = web_sys::CustomEventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = web_sys::CustomEvent::new_with_event_init_dict("reef:rendered", &init)
        && root.dispatch_event(&event).is_err()
    {
        leptos::logging::error!("the event of a new region could not be dispatched");
    }
}

/// Waits for this long.
pub(super) async fn sleep(time: Duration) {
    let millis = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let promise = Promise::new(&mut |resolve, _| {
        if window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis).is_err() {
            leptos::logging::error!("a timeout could not be set");
        }
    });
    // This promise is never rejected.
    let _ = JsFuture::from(promise).await;
}
