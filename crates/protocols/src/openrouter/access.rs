//! What a key may do: `GET /key` describes it, and `GET /models` lists the models.

use serde::Deserialize;

/// A key as `GET /key` describes it.
#[derive(Deserialize)]
pub(crate) struct KeyBody {
    #[serde(default)]
    is_management_key: bool,
    /// OpenRouter's older name for `is_management_key`.
    #[serde(default)]
    is_provisioning_key: bool,
}

impl KeyBody {
    /// Whether the key only manages other keys.
    pub fn cannot_chat(&self) -> bool {
        self.is_management_key || self.is_provisioning_key
    }
}

/// An entry of `GET /models`.
#[derive(Deserialize)]
pub(crate) struct ModelBody {
    id: String,
    canonical_slug: Option<String>,
}

impl ModelBody {
    /// Whether this entry is the model. Routing variants such as `:nitro` and `:online` are not listed, only their
    /// base.
    pub fn matches(&self, model_id: &str) -> bool {
        let base = model_id.split_once(':').map_or(model_id, |(base, _)| base);
        self.id == model_id || self.id == base || self.canonical_slug.as_deref() == Some(model_id)
    }
}
