//! The entry point of the WebAssembly, which brings the pages of `reef-app` to life in the browser.

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the scripts of every page. The shell's script calls this once, and hydrates the islands afterwards.
#[wasm_bindgen]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
    reef_app::browser::start();
}
