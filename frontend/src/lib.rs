//! The browser's entry: what moves on the pages that the server drew.

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes ready for islands, which the shell's script wakes next, and starts what any page may use. Called once, when the
/// module is loaded.
#[wasm_bindgen]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
    reef_app::browser::start();
}
