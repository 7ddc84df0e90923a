//! What every request to a provider needs: its base URL and the header with the key.

use reef_domain::wire::Provider;
use serde::de::DeserializeOwned;

use super::error::ModelError;
use crate::http::{HttpRequest, HttpResponse};
use crate::{anthropic, google, openai, openrouter};

/// The public base URL of a provider's API. As in the vendors' own documentation, OpenAI's and OpenRouter's include the
/// version, and Anthropic's and Google's do not.
pub fn default_url(provider: Provider) -> &'static str {
    match provider {
        Provider::Anthropic => anthropic::DEFAULT_URL,
        Provider::Openai => openai::DEFAULT_URL,
        Provider::Google => google::DEFAULT_URL,
        Provider::Openrouter => openrouter::DEFAULT_URL,
    }
}

/// Adds the header with the key, as the provider requires it.
pub(super) fn with_key(request: HttpRequest, provider: Provider, key: &str) -> HttpRequest {
    match provider {
        Provider::Anthropic => {
            request.header("x-api-key", key).header("anthropic-version", anthropic::VERSION)
        }
        Provider::Openai | Provider::Openrouter => request.header("authorization", format!("Bearer {key}")),
        Provider::Google => request.header("x-goog-api-key", key),
    }
}

/// Parses a JSON body. [`ModelError::UnexpectedResponse`] if it does not have the documented format.
pub(super) fn parse_body<T: DeserializeOwned>(response: &HttpResponse) -> Result<T, ModelError> {
    serde_json::from_slice(&response.body).map_err(|_| ModelError::UnexpectedResponse)
}
