//! Notices of a page: dismissing them, and those that a live page shows without being loaded again.

use std::cell::Cell;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use super::dom;

thread_local! {
    /// A notice that waits until the page shows what it is about.
    static NEXT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

pub(super) fn start() {
    dom::listen("click", false, |event| {
        let button =
            dom::target::<Element>(&event).and_then(|at| at.closest("[data-dismiss]").ok().flatten());
        if let Some(toast) = button.and_then(|button| button.closest(".toast").ok().flatten()) {
            event.prevent_default();
            dismiss(&toast);
        }
    });
}

/// Removes a toast. The focus moves to the content that follows it.
fn dismiss(toast: &Element) {
    toast.remove();
    let root = dom::document().document_element();
    let next = root.and_then(|root| dom::first(&root, ".form-result[tabindex], #main"));
    if let Some(next) = next.and_then(|next| next.dyn_into::<HtmlElement>().ok())
        && next.focus().is_err()
    {
        leptos::logging::error!("the focus is lost");
    }
}

/// Schedules a notice to be shown after the next refresh, because replacing the state removes notices.
pub(super) fn schedule(message: &'static str) {
    NEXT.set(Some(message));
}

/// Shows the notice that was scheduled, if there is one.
pub(super) fn show_scheduled() {
    if let (Some(message), Some(place)) = (NEXT.take(), container()) {
        place.set_inner_html("");
        if append_toast(&place, message).is_err() {
            leptos::logging::error!("a notice could not be shown");
        }
    }
}

/// Builds what the server renders for a notice (`components::notice::Toast`).
fn append_toast(place: &Element, message: &str) -> Result<(), JsValue> {
    let toast = append(place, "div")?;
    toast.set_class_name("toast");
    append(&toast, "p")?.set_text_content(Some(message));
    let button = append(&toast, "button")?;
    button.set_class_name("dismiss");
    button.set_text_content(Some("×"));
    for (name, value) in [("type", "button"), ("aria-label", "Dismiss"), ("data-dismiss", "")] {
        button.set_attribute(name, value)?;
    }
    Ok(())
}

fn append(parent: &Element, tag: &str) -> Result<Element, JsValue> {
    let element = dom::document().create_element(tag)?;
    parent.append_child(&element)?;
    Ok(element)
}

pub(super) fn remove_all() {
    if let Some(place) = container() {
        place.set_inner_html("");
    }
}

fn container() -> Option<Element> {
    dom::first(&dom::document().document_element()?, ".transient")
}
