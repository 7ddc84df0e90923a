//! Copies the code of a `[data-copy]` with its button.

use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;
use web_sys::Element;

use super::dom;

/// How long the button says "Copied", in milliseconds.
const COPIED_SHOWN_MS: u32 = 2000;

pub(super) fn start() {
    dom::listen("click", false, |event| {
        let Some(button) =
            dom::target::<Element>(&event).and_then(|at| at.closest("button.copy").ok().flatten())
        else {
            return;
        };
        let code = button.closest("[data-copy]").ok().flatten().and_then(|block| dom::first(&block, "code"));
        // Copying again before the label is restored would make "Copied" the label.
        let is_copied = button.has_attribute("data-copied");
        if let Some(code) = code.filter(|_| !is_copied) {
            spawn_local(copy(button, code.text_content().unwrap_or_default()));
        }
    });
}

/// Browsers offer the clipboard only on https and on localhost. Elsewhere the text can be selected by hand.
async fn copy(button: Element, text: String) {
    let clipboard = dom::window().navigator().clipboard();
    let done = if clipboard.is_undefined() {
        false
    } else {
        JsFuture::from(clipboard.write_text(&text)).await.is_ok()
    };
    if button.toggle_attribute_with_force("data-copied", true).is_err() {
        return;
    }
    let before = button.text_content();
    button.set_text_content(Some(if done { "Copied" } else { "Select and copy by hand" }));
    let reset = move || {
        button.set_text_content(before.as_deref());
        if button.toggle_attribute_with_force("data-copied", false).is_err() {
            leptos::logging::error!("a button could not be reset");
        }
    };
    leptos::prelude::set_timeout(reset, std::time::Duration::from_millis(COPIED_SHOWN_MS.into()));
}
