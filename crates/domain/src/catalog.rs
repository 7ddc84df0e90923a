//! The models that an activation accepts.
//!
//! The built-in models (ids as in the providers' own lists, November 2026) are always accepted, so that Reef works when
//! OpenRouter cannot be reached. The others come from OpenRouter's public list.

mod model_name;
mod prices;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::Issue;
use crate::wire::{ApiMode, Provider};
use model_name::{listed_name, name_from_id};
pub use prices::{PriceList, Prices};

/// The source of the list of OpenRouter's models, as it is stored.
pub const OPENROUTER_SOURCE: &str = "openrouter";

/// The maximum length of a model's id or name, in characters.
const TEXT_MAX: usize = 200;

/// A model that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The provider whose API serves the model.
    pub provider: Provider,
    /// The id in the provider's API.
    pub id: String,
    /// The name that pages show.
    pub name: String,
    /// The id of the same model at OpenRouter, which managed assistants use.
    pub openrouter_id: String,
}

/// An entry of OpenRouter's model list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedModel {
    /// OpenRouter's id: `vendor/model`, optionally followed by `:variant`.
    pub id: String,
    /// OpenRouter's name, usually in the form `Vendor: Model`.
    pub name: String,
    /// What it costs; `None` if that varies or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
}

impl ListedModel {
    /// Whether the entry can be shown and stored: the id is `vendor/model` in the characters that ids use, the name has
    /// no control characters, and neither is longer than 200 characters.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let is_sign = |c: char| c.is_ascii_alphanumeric() || "-._:/~@+".contains(c);
        let is_id = |part: &str| !part.is_empty() && part.chars().all(is_sign);
        let has_vendor = self.id.split_once('/').is_some_and(|(vendor, model)| is_id(vendor) && is_id(model));
        let is_name = !self.name.trim().is_empty() && !self.name.chars().any(char::is_control);
        has_vendor && is_name && self.id.len() <= TEXT_MAX && self.name.chars().count() <= TEXT_MAX
    }

    /// The same model in its vendor's own API, if the vendor's id follows from OpenRouter's.
    fn vendor_model(&self) -> Option<(Provider, String)> {
        let (vendor, model) = self.id.split_once('/')?;
        // Variants such as `:free` exist only at OpenRouter.
        if model.contains(':') {
            return None;
        }
        match vendor {
            "anthropic" if model.starts_with("claude-") => {
                Some((Provider::Anthropic, model.replace('.', "-")))
            }
            // OpenAI's API does not serve its open-weight models.
            "openai" if model.starts_with("gpt-") && !model.starts_with("gpt-oss") => {
                Some((Provider::Openai, model.to_owned()))
            }
            "google" if model.starts_with("gemini-") => Some((Provider::Google, model.to_owned())),
            _ => None,
        }
    }
}

/// All models that an activation accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalog {
    models: Vec<Model>,
}

/// The built-in models, the recommended one of each provider first, as (provider, id, name, OpenRouter's id).
const BUILT_IN: &[(Provider, &str, &str, &str)] = &[
    (Provider::Anthropic, "claude-sonnet-5-5", "Claude Sonnet 5.5", "anthropic/claude-sonnet-5.5"),
    (Provider::Anthropic, "claude-opus-5-5", "Claude Opus 5.5", "anthropic/claude-opus-5.5"),
    (Provider::Anthropic, "claude-haiku-5-5", "Claude Haiku 5.5", "anthropic/claude-haiku-5.5"),
    (Provider::Anthropic, "claude-opus-5", "Claude Opus 5", "anthropic/claude-opus-5"),
    (Provider::Anthropic, "claude-sonnet-5", "Claude Sonnet 5", "anthropic/claude-sonnet-5"),
    (Provider::Anthropic, "claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "anthropic/claude-sonnet-4.5"),
    (Provider::Anthropic, "claude-sonnet-4-5", "Claude Sonnet 4.5 (latest)", "anthropic/claude-sonnet-4.5"),
    (Provider::Anthropic, "claude-haiku-4-5", "Claude Haiku 4.5", "anthropic/claude-haiku-4.5"),
    (Provider::Openai, "gpt-5.5", "GPT-5.5", "openai/gpt-5.5"),
    (Provider::Openai, "gpt-6-astra", "GPT-6 Astra", "openai/gpt-6-astra"),
    (Provider::Openai, "gpt-5", "GPT-5", "openai/gpt-5"),
    (Provider::Openai, "gpt-5-mini", "GPT-5 mini", "openai/gpt-5-mini"),
    (Provider::Openai, "gpt-4o", "GPT-4o", "openai/gpt-4o"),
    (Provider::Openai, "gpt-4o-mini", "GPT-4o mini", "openai/gpt-4o-mini"),
    (Provider::Google, "gemini-3.5-flash", "Gemini 3.5 Flash", "google/gemini-3.5-flash"),
    (Provider::Google, "gemini-3.5-pro", "Gemini 3.5 Pro", "google/gemini-3.5-pro"),
    (Provider::Google, "gemini-2.5-flash", "Gemini 2.5 Flash", "google/gemini-2.5-flash"),
    (Provider::Openrouter, "openrouter/auto", "Auto (OpenRouter chooses)", "openrouter/auto"),
    (Provider::Openrouter, "anthropic/claude-sonnet-5.5", "Claude Sonnet 5.5", "anthropic/claude-sonnet-5.5"),
    (Provider::Openrouter, "anthropic/claude-sonnet-5", "Claude Sonnet 5", "anthropic/claude-sonnet-5"),
    (Provider::Openrouter, "anthropic/claude-sonnet-4.5", "Claude Sonnet 4.5", "anthropic/claude-sonnet-4.5"),
    (Provider::Openrouter, "openai/gpt-5.5", "GPT-5.5", "openai/gpt-5.5"),
    (Provider::Openrouter, "openai/gpt-5-mini", "GPT-5 mini", "openai/gpt-5-mini"),
    (Provider::Openrouter, "google/gemini-3.5-flash", "Gemini 3.5 Flash", "google/gemini-3.5-flash"),
];

impl Default for Catalog {
    /// Only the built-in models.
    fn default() -> Self {
        let model = |(provider, id, name, openrouter_id): &(Provider, &str, &str, &str)| Model {
            provider: *provider,
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            openrouter_id: (*openrouter_id).to_owned(),
        };
        Self { models: BUILT_IN.iter().map(model).collect() }
    }
}

impl Catalog {
    /// The built-in models, followed by the listed ones in OpenRouter's order. A listed model is added under OpenRouter
    /// and, if its vendor's own id is known, under the vendor as well.
    #[must_use]
    pub fn with_listed(listed: &[ListedModel]) -> Self {
        let mut models = Self::default().models;
        let mut known: HashSet<_> = models.iter().map(|model| (model.provider, model.id.clone())).collect();
        for listed in listed {
            let own = Some((Provider::Openrouter, listed.id.clone()));
            for (provider, id) in [listed.vendor_model(), own].into_iter().flatten() {
                if known.insert((provider, id.clone())) {
                    let name = listed_name(listed, provider, &models);
                    models.push(Model { provider, id, name, openrouter_id: listed.id.clone() });
                }
            }
        }
        Self { models }
    }

    /// Returns the name that pages show for a model. For a model that has left the catalog it is derived from the id.
    #[must_use]
    pub fn display_name(&self, provider: Option<Provider>, model_id: &str) -> String {
        let of_provider =
            self.models.iter().find(|model| Some(model.provider) == provider && model.id == model_id);
        // A managed assistant may use the vendor's own id for a model.
        let found = of_provider.or_else(|| self.models.iter().find(|model| model.id == model_id));
        found.map_or_else(|| name_from_id(model_id), |model| model.name.clone())
    }

    /// Lists all models; those of a provider begin with the recommended ones.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Lists the models of one provider, recommended ones first.
    pub fn models_of(&self, provider: Provider) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(move |model| model.provider == provider)
    }

    /// Finds OpenRouter's id for the model of a managed assistant, which may be given by OpenRouter's or its vendor's
    /// id.
    #[must_use]
    pub fn openrouter_id(&self, model_id: &str) -> Option<&str> {
        self.models.iter().find(|model| model.id == model_id).map(|model| model.openrouter_id.as_str())
    }

    /// Validates that the provider offers `model_id` (BYOK), or that OpenRouter does (managed).
    ///
    /// # Errors
    /// An issue at `modelId` that names the closest known models.
    pub fn validate(&self, mode: ApiMode, provider: Provider, model_id: &str) -> Result<(), Issue> {
        let known: Vec<&str> = match mode {
            ApiMode::Byok => self.models_of(provider).map(|model| model.id.as_str()).collect(),
            ApiMode::Managed => self.models.iter().map(|model| model.id.as_str()).collect(),
        };
        if known.contains(&model_id) {
            return Ok(());
        }
        let names = closest_matches(model_id, &known).join(", ");
        let owner = match mode {
            ApiMode::Byok => provider.as_str(),
            ApiMode::Managed => "managed mode",
        };
        Err(Issue::new(
            "modelId",
            "unknown_model",
            format!("Unknown model for {owner}. Closest matches: {names}."),
        ))
    }
}

/// Parses the name of a provider.
///
/// # Errors
/// An issue at `modelProvider` that lists the providers.
pub fn parse_provider(text: &str) -> Result<Provider, Issue> {
    Provider::parse(text).ok_or_else(|| {
        let all: Vec<_> = Provider::ALL.iter().map(|provider| provider.as_str()).collect();
        Issue::new(
            "modelProvider",
            "unknown_provider",
            format!("Unknown provider. Use one of: {}.", all.join(", ")),
        )
    })
}

/// Returns the three known names that are most similar to `name`, the most similar first.
#[must_use]
pub fn closest_matches<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut ranked: Vec<_> = known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), *candidate))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: &str, name: &str) -> ListedModel {
        ListedModel { id: id.to_owned(), name: name.to_owned(), prices: None }
    }

    #[test]
    fn unknown_model_names_closest_matches() {
        let catalog = Catalog::default();
        let issue = catalog.validate(ApiMode::Byok, Provider::Anthropic, "claude-sonet-5").unwrap_err();
        assert_eq!((issue.path.as_str(), issue.code.as_str()), ("modelId", "unknown_model"));
        assert!(issue.message.contains("claude-sonnet-5,"), "{}", issue.message);
        assert!(catalog.validate(ApiMode::Byok, Provider::Openai, "claude-sonnet-5").is_err());
        assert!(catalog.validate(ApiMode::Byok, Provider::Anthropic, "claude-sonnet-4-5-20250929").is_ok());
    }

    #[test]
    fn managed_model_accepts_both_ids() {
        let catalog = Catalog::default();
        for id in ["openrouter/auto", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"] {
            assert_eq!(catalog.validate(ApiMode::Managed, Provider::Openrouter, id), Ok(()), "{id}");
        }
        assert_eq!(catalog.openrouter_id("claude-sonnet-4-5-20250929"), Some("anthropic/claude-sonnet-4.5"));
    }

    #[test]
    fn listed_models_follow_built_in_ones() {
        let catalog = Catalog::with_listed(&[
            listed("anthropic/claude-opus-6.1", "Anthropic: Claude Opus 6.1"),
            listed("anthropic/claude-opus-6.1:beta", "Anthropic: Claude Opus 6.1 (beta)"),
            listed("openai/gpt-7", "OpenAI: GPT-7"),
            listed("openai/gpt-oss-500b", "OpenAI: gpt-oss-500b"),
            listed("google/gemini-4-pro", "Google: Gemini 4 Pro"),
            listed("google/gemma-9", "Google: Gemma 9"),
            listed("x-ai/grok-9", "xAI: Grok 9"),
            listed("openai/gpt-5", "OpenAI: GPT-5"),
        ]);
        let shipped = Catalog::default();
        assert_eq!(catalog.models()[..shipped.models().len()], *shipped.models());
        let added: Vec<_> = catalog.models()[shipped.models().len()..]
            .iter()
            .map(|model| format!("{} {} ({})", model.provider, model.id, model.name))
            .collect();
        assert_eq!(
            added,
            [
                "anthropic claude-opus-6-1 (Claude Opus 6.1)",
                "openrouter anthropic/claude-opus-6.1 (Anthropic: Claude Opus 6.1)",
                "openrouter anthropic/claude-opus-6.1:beta (Anthropic: Claude Opus 6.1 (beta))",
                "openai gpt-7 (GPT-7)",
                "openrouter openai/gpt-7 (OpenAI: GPT-7)",
                "openrouter openai/gpt-oss-500b (OpenAI: gpt-oss-500b)",
                "google gemini-4-pro (Gemini 4 Pro)",
                "openrouter google/gemini-4-pro (Google: Gemini 4 Pro)",
                "openrouter google/gemma-9 (Google: Gemma 9)",
                "openrouter x-ai/grok-9 (xAI: Grok 9)",
                "openrouter openai/gpt-5 (OpenAI: GPT-5)",
            ]
        );
        assert_eq!(catalog.openrouter_id("claude-opus-6-1"), Some("anthropic/claude-opus-6.1"));
        assert_eq!(catalog.validate(ApiMode::Byok, Provider::Google, "gemini-4-pro"), Ok(()));
    }

    #[test]
    fn malformed_entry_is_invalid() {
        assert!(listed("meta-llama/llama-4.1-8b:free", "Meta: Llama").is_valid());
        let long = "x".repeat(300);
        for (id, name) in [
            ("claude", "No vendor"),
            ("/x", "No vendor"),
            ("a/", "No model"),
            ("a/<b>", "Signs"),
            ("a/b c", "A space"),
            ("a/b", " "),
            ("a/b", "Con\ntrol"),
            (&format!("a/{long}"), "Long"),
            ("a/b", &long),
        ] {
            assert!(!listed(id, name).is_valid(), "{id} {name}");
        }
    }

    #[test]
    fn built_in_models_are_valid() {
        let catalog = Catalog::default();
        for model in catalog.models() {
            assert_eq!(catalog.validate(ApiMode::Byok, model.provider, &model.id), Ok(()));
            assert!(!model.name.is_empty() && model.openrouter_id.contains('/'));
        }
    }
}
