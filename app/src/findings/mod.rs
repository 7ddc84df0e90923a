//! What was found when a bot and a model were tried, in words: the server says it, and a page or a script shows it at
//! its field.

#[cfg(feature = "ssr")]
mod words;

use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub use words::{Tried, callback_url_finding, of_preflight};

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about, as the API calls it.
    pub about: String,
    /// Whether it can be deployed like that.
    pub good: bool,
    /// What was found and, if it is not good, how to mend it.
    pub words: String,
    /// A picture to show beside it, as a `data:` URL.
    pub picture: Option<String>,
}
