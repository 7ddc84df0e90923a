//! The files of the built site that pages link to.

use serde::Deserialize;

/// The file names of the built site, as `manifest.json` in the site folder lists them. Each has a hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Assets {
    /// The JavaScript module that loads the WebAssembly, relative to `/pkg/`.
    pub js: String,
    /// The WebAssembly, relative to `/pkg/`.
    pub wasm: String,
    /// The style sheet, relative to `/pkg/`.
    pub css: String,
}
