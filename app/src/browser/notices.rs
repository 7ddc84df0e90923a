//! What was just done is said once on a page that goes on: not again when that is reloaded or come back to.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use super::dom;

pub(super) fn start() {
    if place().is_some() {
        forget_or_complain();
    }
    dom::listen("click", false, |event| {
        let button =
            dom::target::<Element>(&event).and_then(|at| at.closest("[data-dismiss]").ok().flatten());
        if let Some(toast) = button.and_then(|button| button.closest(".toast").ok().flatten()) {
            event.prevent_default();
            dismiss(&toast);
        }
    });
}

/// Takes a toast away. The keyboard goes on where it had come to before it.
fn dismiss(toast: &Element) {
    toast.remove();
    forget_or_complain();
    let root = dom::document().document_element();
    let next = root.and_then(|root| dom::first(&root, ".arrival[tabindex], #main"));
    if let Some(next) = next.and_then(|next| next.dyn_into::<HtmlElement>().ok())
        && next.focus().is_err()
    {
        leptos::logging::error!("the focus is lost");
    }
}

fn forget_or_complain() {
    if forget().is_err() {
        leptos::logging::error!("the address keeps what was done");
    }
}

/// Says it no longer.
pub(super) fn take_away() {
    if let Some(place) = place() {
        place.set_inner_html("");
    }
}

fn place() -> Option<Element> {
    dom::first(&dom::document().document_element()?, ".fleeting")
}

fn forget() -> Result<(), JsValue> {
    let url = web_sys::Url::new(&dom::window().location().href()?)?;
    let query = url.search_params();
    if query.has("done") {
        query.delete("done");
        dom::window().history()?.replace_state_with_url(&JsValue::NULL, "", Some(&url.href()))?;
    }
    Ok(())
}
