//! The checks of a deployment: is the key good, does the model exist. They cost nothing: lists are read, no model is
//! asked. That an account has credit shows only when it is used.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{ModelError, authorized, error, google, parse, segment};
use crate::host::{HttpRequest, HttpResponse};
use crate::settings::Provider;

/// How long a check may take, in milliseconds.
const CHECK_TIMEOUT_MS: u64 = 15_000;

/// Lists are long: OpenRouter's, which has no look-up by id, is some kilobytes for each of hundreds of models.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Asks whether a key is good, at the provider's base URL.
pub fn key_check_request(provider: Provider, provider_url: &str, api_key: &str) -> HttpRequest {
    let path = match provider {
        Provider::Anthropic => "/v1/models?limit=1",
        Provider::OpenAi => "/models",
        Provider::Google => "/v1beta/models?pageSize=1",
        // Its `/models` is public and says nothing of the key.
        Provider::OpenRouter => "/key",
    };
    check(provider, format!("{provider_url}{path}"), api_key)
}

/// Reads the answer to [`key_check_request`]. A restricted OpenAI key that may chat but not read lists is good; an
/// OpenRouter management key, which cannot chat, is not.
///
/// # Errors
/// [`ModelError::KeyRejected`] when the key is not good, else why that could not be found out.
pub fn read_key_check(provider: Provider, response: &HttpResponse) -> Result<(), ModelError> {
    match (provider, response.status) {
        (Provider::OpenRouter, 200) => {
            let key: Envelope<Key> = parse(response)?;
            if key.data.cannot_chat() { Err(ModelError::KeyRejected) } else { Ok(()) }
        }
        (_, 200) => parse::<IgnoredAny>(response).map(|_| ()),
        (Provider::OpenAi, _) if error::is_only_unlisted(response) => Ok(()),
        // A list is never missing: the base URL is wrong.
        (_, 404) => Err(ModelError::Unavailable),
        _ => Err(error::read(response)),
    }
}

/// Asks whether a model exists for a key.
pub fn model_check_request(
    provider: Provider,
    provider_url: &str,
    api_key: &str,
    model_id: &str,
) -> HttpRequest {
    let path = match provider {
        Provider::Anthropic => format!("/v1/models/{}", segment(model_id)),
        Provider::OpenAi => format!("/models/{}", segment(model_id)),
        Provider::Google => google::model_path(model_id),
        Provider::OpenRouter => "/models".to_owned(),
    };
    check(provider, format!("{provider_url}{path}"), api_key)
}

/// Reads the answer to [`model_check_request`] for that model.
///
/// # Errors
/// [`ModelError::ModelNotFound`] when it does not exist or cannot chat, else why that could not be found out.
pub fn read_model_check(
    provider: Provider,
    model_id: &str,
    response: &HttpResponse,
) -> Result<(), ModelError> {
    let exists = match (provider, response.status) {
        (Provider::OpenRouter, 200) => {
            let models: Envelope<Vec<Listed>> = parse(response)?;
            models.data.iter().any(|model| model.is(model_id))
        }
        (Provider::Google, 200) => parse::<GoogleModel>(response)?.can_chat(),
        (_, 200) => parse::<IgnoredAny>(response).is_ok(),
        (Provider::OpenAi, _) if error::is_only_unlisted(response) => true,
        // The key has been checked; what Google dislikes here is the model's name.
        (Provider::Google, 400) if error::read(response) == ModelError::Invalid => false,
        _ => return Err(error::read(response)),
    };
    if exists { Ok(()) } else { Err(ModelError::ModelNotFound) }
}

fn check(provider: Provider, url: String, api_key: &str) -> HttpRequest {
    let request = authorized(HttpRequest::get(provider.name(), url, CHECK_TIMEOUT_MS), provider, api_key);
    HttpRequest { response_bytes_max: LIST_BYTES_MAX, ..request }
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    is_management_key: bool,
    /// The older name of the same.
    #[serde(default)]
    is_provisioning_key: bool,
}

impl Key {
    fn cannot_chat(&self) -> bool {
        self.is_management_key || self.is_provisioning_key
    }
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    canonical_slug: Option<String>,
}

impl Listed {
    /// A routing variant (`:nitro`, `:online`) of a listed model is not listed itself.
    fn is(&self, model_id: &str) -> bool {
        let base = model_id.split_once(':').map_or(model_id, |(base, _)| base);
        self.id == model_id || self.id == base || self.canonical_slug.as_deref() == Some(model_id)
    }
}

#[derive(Deserialize)]
struct GoogleModel {
    #[serde(rename = "supportedGenerationMethods")]
    methods: Option<Vec<String>>,
}

impl GoogleModel {
    /// Embedding models are in the same list.
    fn can_chat(&self) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|name| name == "generateContent"))
    }
}
