//! The list of models, `GET /models`, which is public.

use reef_domain::catalog::{ListedModel, Prices};
use reef_domain::wire::Provider;
use reef_ports::ModelListError;
use serde::Deserialize;
use serde_json::Value;

use super::Envelope;
use crate::http::{HttpRequest, HttpResponse};

const TIMEOUT_MS: u64 = 30_000;

/// The size limit of the list, which takes a few kilobytes for each of hundreds of models.
pub(crate) const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: Option<String>,
    architecture: Option<Architecture>,
    /// Prices in US dollars per token, as texts. A malformed one is no reason to do without the model.
    #[serde(default)]
    pricing: Value,
}

#[derive(Deserialize)]
struct Architecture {
    output_modalities: Option<Vec<String>>,
}

impl Entry {
    fn answers_in_text(&self) -> bool {
        let outputs =
            self.architecture.as_ref().and_then(|architecture| architecture.output_modalities.as_ref());
        outputs.is_none_or(|outputs| outputs.iter().any(|output| output == "text"))
    }

    fn prices(&self) -> Option<Prices> {
        let price = |name: &str| self.pricing.get(name).and_then(Value::as_str);
        Prices::parse(price("prompt")?, price("completion")?, price("input_cache_read"))
    }
}

/// Builds the request for the list. `base_url` includes the version and has no trailing slash.
pub fn list_models(base_url: &str) -> HttpRequest {
    let request = HttpRequest::get(Provider::Openrouter.as_str(), format!("{base_url}/models"), TIMEOUT_MS);
    let request = request.header("accept", "application/json");
    HttpRequest { response_bytes_max: LIST_BYTES_MAX, ..request }
}

/// Reads the models that answer in text. Entries are parsed one by one, so that a malformed one does not affect the others.
///
/// # Errors
/// [`ModelListError`] if the response is not a list.
pub fn read_models(response: &HttpResponse) -> Result<Vec<ListedModel>, ModelListError> {
    if response.status != 200 {
        return Err(ModelListError(format!("status {}", response.status)));
    }
    let list: Envelope<Vec<Value>> = serde_json::from_slice(&response.body)
        .map_err(|_| ModelListError("the response could not be parsed".to_owned()))?;
    let models = list.data.into_iter().filter_map(|entry| serde_json::from_value::<Entry>(entry).ok());
    let texts = models.filter(Entry::answers_in_text);
    Ok(texts
        .map(|entry| ListedModel {
            prices: entry.prices(),
            name: entry.name.unwrap_or_else(|| entry.id.clone()),
            id: entry.id,
        })
        .collect())
}
