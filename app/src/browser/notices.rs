//! What was just done is said once on a page that goes on: not again when that is reloaded or come back to.

use wasm_bindgen::JsValue;
use web_sys::Element;

use super::dom;

pub(super) fn start() {
    if place().is_some() && forget().is_err() {
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
