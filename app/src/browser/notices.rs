//! What was just done is said once on a page that goes on: not again when that is reloaded or come back to.

use wasm_bindgen::JsValue;

use super::dom;

pub(super) fn start() {
    let root = dom::document().document_element();
    if root.is_some_and(|root| dom::first(&root, ".fleeting").is_some()) && forget().is_err() {
        leptos::logging::error!("the address keeps what was done");
    }
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
