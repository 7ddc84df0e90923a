//! The result of a check of bot, model or webhook URL. The server writes it, and a page or a script shows it at its field.

use serde::{Deserialize, Serialize};

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
