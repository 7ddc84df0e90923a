//! What makes plain pages livelier: every listener sits on the document, so that what is drawn later needs none of its
//! own. Without any of this the pages work too.

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

/// Starts listening; called once, when the WebAssembly is there.
pub fn start() {
    forms::start();
    checks::start();
    copy::start();
    filter::start();
    findings::start();
    notices::start();
    refresh::start();
    try_it::start();
}
