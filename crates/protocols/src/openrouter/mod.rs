//! OpenRouter's API. The formats are those of its OpenAPI document and of the npm package `@openrouter/sdk` 1.3.
//!
//! Answers have the format of OpenAI's API and are read in [`crate::openai`].

mod access;

pub(crate) use access::{KeyBody, ModelBody};

use serde::Deserialize;

/// The base URL of the API, which includes the version.
pub(crate) const DEFAULT_URL: &str = "https://openrouter.ai/api/v1";

/// The body of most responses.
#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    pub data: T,
}
