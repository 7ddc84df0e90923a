//! What runs in the browser: islands, and scripts that enhance the plain pages of `reef-app`.
//!
//! On the server this crate has the islands as HTML and what both sides exchange. The rest is compiled for wasm32 only.

#![allow(clippy::needless_pass_by_value, reason = "components take their properties by value")]

#[cfg(target_arch = "wasm32")]
mod browser;
mod check_result;
#[cfg(any(target_arch = "wasm32", test))]
mod deployment_outcome;
mod islands;

pub use check_result::CheckResult;
pub use islands::Live;

/// Starts the scripts of every page. The shell's script calls this once, and hydrates the islands afterwards.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
    browser::start();
}
