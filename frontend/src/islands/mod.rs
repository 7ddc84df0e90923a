//! Islands: rendered on the server and hydrated in the browser.
//!
//! An island has no children rendered by the server, because the shell's script hydrates each island alone.

mod live;

pub use live::Live;
