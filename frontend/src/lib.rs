//! The browser's entry: takes over the page that the server drew.

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the server's HTML live. The shell's script calls it once, when the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(reef_app::App);
}
