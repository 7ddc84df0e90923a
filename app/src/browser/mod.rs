//! Scripts that enhance plain pages, which work without them. Every listener is on the document, so that content that is
//! rendered later needs none of its own.

mod checks;
mod copy;
pub mod dom;
mod filter;
mod findings;
mod focus;
mod forms;
pub mod live;
mod notices;
mod password;
pub mod refresh;
mod try_it;
mod typed;

/// Starts all of them. Called once, when the WebAssembly is loaded.
pub fn start() {
    forms::start();
    checks::start();
    copy::start();
    filter::start();
    findings::start();
    notices::start();
    refresh::start();
    try_it::start();
    focus::focus_after_navigation();
}
