//! A model and its answer, whatever the provider.

use reef_domain::wire::Provider;
use serde_json::Value;

use super::usage::Usage;

/// A model at its provider, with the key that pays for its answers.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// The provider, which determines the format.
    pub provider: Provider,
    /// The provider's base URL without a trailing slash: [`default_url`](super::default_url), or another one for tests.
    pub provider_url: &'a str,
    /// The provider's id of the model.
    pub id: &'a str,
    /// The key for the provider.
    pub api_key: &'a str,
}

/// The answer of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text of the answer, never blank.
    pub text: String,
    /// Whether the answer is incomplete, because of the length limit or a failure of the provider.
    pub is_truncated: bool,
    /// What the answer has cost, if the provider says so.
    pub usage: Option<Usage>,
}

/// Joins the texts in a message's content, which is a string, a part, or a list of either. Parts of other types, such
/// as thinking or images, are skipped.
pub(crate) fn join_texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(join_texts).collect(),
        Value::Object(part) => match part.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") => {
                part.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        },
        _ => String::new(),
    }
}
