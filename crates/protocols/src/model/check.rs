//! The checks of a key and a model before a deployment. They only read lists, so they cost nothing and cannot tell
//! whether the account has credit.

use reef_domain::wire::Provider;
use serde::de::IgnoredAny;

use super::error::{self, ModelError};
use super::provider::{parse_body, with_key};
use crate::google;
use crate::http::{HttpRequest, HttpResponse, encode_segment};
use crate::openrouter::{self, Envelope};

/// The timeout of a check, in milliseconds.
const CHECK_TIMEOUT_MS: u64 = 15_000;

/// Builds the request that checks a key at the provider's base URL.
pub fn key_check_request(provider: Provider, provider_url: &str, api_key: &str) -> HttpRequest {
    let path = match provider {
        Provider::Anthropic => "/v1/models?limit=1",
        Provider::Openai => "/models",
        Provider::Google => "/v1beta/models?pageSize=1",
        // OpenRouter's `/models` is public and does not check the key.
        Provider::Openrouter => "/key",
    };
    check_request(provider, format!("{provider_url}{path}"), api_key)
}

/// Reads the response to [`key_check_request`]. A restricted OpenAI key that may chat but not read lists is valid. An
/// OpenRouter management key cannot chat and is not valid.
///
/// # Errors
/// [`ModelError::KeyRejected`] if the key is not valid, another [`ModelError`] if the check itself failed.
pub fn read_key_check(provider: Provider, response: &HttpResponse) -> Result<(), ModelError> {
    match (provider, response.status) {
        (Provider::Openrouter, 200) => {
            let key: Envelope<openrouter::KeyBody> = parse_body(response)?;
            if key.data.cannot_chat() { Err(ModelError::KeyRejected) } else { Ok(()) }
        }
        (_, 200) => parse_body::<IgnoredAny>(response).map(|_| ()),
        (Provider::Openai, _) if error::is_valid_without_lists(response) => Ok(()),
        // These lists always exist, so a 404 means that the base URL is wrong.
        (_, 404) => Err(ModelError::Unavailable),
        _ => Err(error::read_error(response)),
    }
}

/// Builds the request that checks whether a model exists for a key.
pub fn model_check_request(
    provider: Provider,
    provider_url: &str,
    api_key: &str,
    model_id: &str,
) -> HttpRequest {
    let path = match provider {
        Provider::Anthropic => format!("/v1/models/{}", encode_segment(model_id)),
        Provider::Openai => format!("/models/{}", encode_segment(model_id)),
        Provider::Google => google::model_path(model_id),
        Provider::Openrouter => "/models".to_owned(),
    };
    check_request(provider, format!("{provider_url}{path}"), api_key)
}

/// Reads the response to [`model_check_request`] for the same model.
///
/// # Errors
/// [`ModelError::ModelNotFound`] if the model does not exist or cannot chat, another [`ModelError`] if the check itself
/// failed.
pub fn read_model_check(
    provider: Provider,
    model_id: &str,
    response: &HttpResponse,
) -> Result<(), ModelError> {
    let exists = match (provider, response.status) {
        (Provider::Openrouter, 200) => {
            let models: Envelope<Vec<openrouter::ModelBody>> = parse_body(response)?;
            models.data.iter().any(|model| model.matches(model_id))
        }
        (Provider::Google, 200) => parse_body::<google::ModelBody>(response)?.can_chat(),
        (_, 200) => parse_body::<IgnoredAny>(response).is_ok(),
        (Provider::Openai, _) if error::is_valid_without_lists(response) => true,
        // The key was checked before, so Google rejects the name of the model here.
        (Provider::Google, 400) if error::read_error(response) == ModelError::UnexpectedResponse => false,
        _ => return Err(error::read_error(response)),
    };
    if exists { Ok(()) } else { Err(ModelError::ModelNotFound) }
}

fn check_request(provider: Provider, url: String, api_key: &str) -> HttpRequest {
    // OpenRouter has no lookup by id, so its whole list is read.
    let request = with_key(HttpRequest::get(provider.as_str(), url, CHECK_TIMEOUT_MS), provider, api_key);
    HttpRequest { response_bytes_max: openrouter::LIST_BYTES_MAX, ..request }
}
