//! The results of a check of bot, model and webhook URL, as sentences. The server writes them, and a page or a script shows each
//! at its field.

#[cfg(feature = "ssr")]
mod messages;

use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub(crate) use messages::{SavedChecks, callback_url_result, preflight_results};

/// The result about one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The field, as the API names it.
    pub about: String,
    /// Whether the value can be deployed.
    pub good: bool,
    /// The result and, if the value cannot be deployed, how to fix it.
    pub words: String,
    /// The bot's picture, as a `data:` URL.
    pub picture: Option<String>,
}
