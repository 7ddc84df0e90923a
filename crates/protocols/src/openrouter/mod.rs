//! OpenRouter's API. The formats are those of its OpenAPI document and of the npm package `@openrouter/sdk` 1.3.
//!
//! Answers have the format of OpenAI's API and are read where OpenAI's are.

mod access;
mod keys;
mod models;

pub use keys::{KeysApi, read_deletion, read_key_page, read_new_key, read_updated_key};
pub use models::{list_models, read_models};
use serde::Deserialize;

pub(crate) use access::{KeyBody, ModelBody};
pub(crate) use models::LIST_BYTES_MAX;

/// The base URL of the API, which includes the version.
pub(crate) const DEFAULT_URL: &str = "https://openrouter.ai/api/v1";

/// The body of most responses.
#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    pub data: T,
}
