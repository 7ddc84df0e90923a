//! Scripts that enhance plain pages, which work without them. Every listener is on the document, so that content that is
//! rendered later needs none of its own.

mod api_console;
mod check_results;
mod copy;
mod dom;
mod filter;
mod focus;
mod form_errors;
mod form_state;
mod forms;
pub(crate) mod live;
mod notices;
mod password_field;
mod refresh;
mod validation;

/// Starts all scripts. It is called once, when the WebAssembly has loaded.
pub(crate) fn start() {
    forms::start();
    validation::start();
    copy::start();
    filter::start();
    check_results::start();
    notices::start();
    refresh::start();
    api_console::start();
    focus::focus_after_navigation();
}
