//! What is alive on a page: drawn on the server, taken over in the browser.
//!
//! An island has no children that the server draws: the shell's script wakes each by itself.

mod live;

pub use live::Live;
