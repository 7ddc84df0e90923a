//! Shows the results of a search form (`form[data-filter]`, sent by GET) while the reader types.

use std::cell::Cell;
use std::time::Duration;

use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use web_sys::{Element, FormData, HtmlFormElement, UrlSearchParams};

use super::dom;
use super::refresh::refresh_to;

/// How long to wait for another change before searching.
const PAUSE: Duration = Duration::from_millis(150);

thread_local! {
    static CHANGES: Cell<u32> = const { Cell::new(0) };
}

pub(super) fn start() {
    dom::listen("input", false, |event| {
        let form = dom::target::<Element>(&event)
            .and_then(|field| field.closest("form[data-filter]").ok().flatten());
        let Some(form) = form.and_then(|form| wasm_bindgen::JsCast::dyn_into::<HtmlFormElement>(form).ok())
        else {
            return;
        };
        let change = CHANGES.get().wrapping_add(1);
        CHANGES.set(change);
        let search = move || {
            if CHANGES.get() == change {
                spawn_local(show_results(form.clone()));
            }
        };
        leptos::prelude::set_timeout(search, PAUSE);
    });
}

async fn show_results(form: HtmlFormElement) {
    let Ok(address) = address_of(&form) else { return };
    let Ok(history) = dom::window().history() else { return };
    if history.replace_state_with_url(&JsValue::NULL, "", Some(&address)).is_ok() {
        refresh_to(&address).await;
    }
}

fn address_of(form: &HtmlFormElement) -> Result<String, JsValue> {
    let data = FormData::new_with_form(form)?;
    let pairs = UrlSearchParams::new_with_str_sequence_sequence(&data.into())?;
    let path = form.get_attribute("action").unwrap_or_default();
    Ok(format!("{path}?{}", pairs.to_string().as_string().unwrap_or_default()))
}
