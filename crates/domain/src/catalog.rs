//! The models an activation accepts, and which model a request means.
//!
//! What ships here is the fallback (ids as the providers' own model lists name them, November 2026) and always accepted.
//! The rest is learned from OpenRouter's public list.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::Issue;
use crate::model_name::{name_of_listed, readable};
use crate::wire::{ApiMode, Provider};

/// The longest id or name of a model, in characters.
const TEXT_MAX: usize = 200;

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Who offers it.
    pub provider: Provider,
    /// The provider's id of it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// OpenRouter's id of the same model.
    pub openrouter_id: String,
}

/// A model as OpenRouter lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// OpenRouter's id: `vendor/model`, perhaps with `:variant`.
    pub id: String,
    /// `Vendor: Model`.
    pub name: String,
}

impl Listed {
    /// Whether it can be what it says: an id of letters, digits and the few signs that ids have, and a name without
    /// control characters, both of a sensible length.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_sign = |c: char| c.is_ascii_alphanumeric() || "-._:/~@+".contains(c);
        let is_id = |part: &str| !part.is_empty() && part.chars().all(is_sign);
        let has_vendor = self.id.split_once('/').is_some_and(|(vendor, model)| is_id(vendor) && is_id(model));
        let is_name = !self.name.trim().is_empty() && !self.name.chars().any(char::is_control);
        has_vendor && is_name && self.id.len() <= TEXT_MAX && self.name.chars().count() <= TEXT_MAX
    }

    /// The same model at its vendor, where the vendor's own id follows from OpenRouter's.
    fn at_its_vendor(&self) -> Option<(Provider, String)> {
        let (vendor, model) = self.id.split_once('/')?;
        // Variants are OpenRouter's own.
        if model.contains(':') {
            return None;
        }
        match vendor {
            "anthropic" if model.starts_with("claude-") => {
                Some((Provider::Anthropic, model.replace('.', "-")))
            }
            // Open weights are not served by the vendor itself.
            "openai" if model.starts_with("gpt-") && !model.starts_with("gpt-oss") => {
                Some((Provider::Openai, model.to_owned()))
            }
            "google" if model.starts_with("gemini-") => Some((Provider::Google, model.to_owned())),
            _ => None,
        }
    }
}

/// Every model an activation accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalog {
    models: Vec<Model>,
}

/// Every model that ships with Reef, the recommended one of each provider first: provider, id, name, OpenRouter's id.
const SHIPPED: &[(Provider, &str, &str, &str)] = &[
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
    /// What ships with Reef.
    fn default() -> Self {
        let model = |(provider, id, name, openrouter_id): &(Provider, &str, &str, &str)| Model {
            provider: *provider,
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            openrouter_id: (*openrouter_id).to_owned(),
        };
        Self { models: SHIPPED.iter().map(model).collect() }
    }
}

impl Catalog {
    /// What ships with Reef, then what OpenRouter lists, in its order; in its own name and, where that is known, in its
    /// vendor's.
    #[must_use]
    pub fn with(listed: &[Listed]) -> Self {
        let mut models = Self::default().models;
        let mut known: HashSet<_> = models.iter().map(|model| (model.provider, model.id.clone())).collect();
        for listed in listed {
            let own = Some((Provider::Openrouter, listed.id.clone()));
            for (provider, id) in [listed.at_its_vendor(), own].into_iter().flatten() {
                if known.insert((provider, id.clone())) {
                    let name = name_of_listed(listed, provider, &models);
                    models.push(Model { provider, id, name, openrouter_id: listed.id.clone() });
                }
            }
        }
        Self { models }
    }

    /// What people call a model, wherever it is shown: also one that the catalog does not have any more.
    #[must_use]
    pub fn name_of(&self, provider: Option<Provider>, model_id: &str) -> String {
        let of_provider =
            self.models.iter().find(|model| Some(model.provider) == provider && model.id == model_id);
        // A managed assistant may name a model by its vendor's own id.
        let found = of_provider.or_else(|| self.models.iter().find(|model| model.id == model_id));
        found.map_or_else(|| readable(model_id), |model| model.name.clone())
    }

    /// All of it; of each provider the recommended ones first.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The models of one provider, recommended first.
    pub fn of(&self, provider: Provider) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(move |model| model.provider == provider)
    }

    /// OpenRouter's id for a model a managed assistant names: by OpenRouter's id, or by its provider's own.
    #[must_use]
    pub fn openrouter_id(&self, model_id: &str) -> Option<&str> {
        self.models.iter().find(|model| model.id == model_id).map(|model| model.openrouter_id.as_str())
    }

    /// Checks that `model_id` is one of the provider's (BYOK) or one that OpenRouter serves (managed).
    ///
    /// # Errors
    /// An issue at `modelId` that names the nearest known models.
    pub fn check(&self, mode: ApiMode, provider: Provider, model_id: &str) -> Result<(), Issue> {
        let known: Vec<&str> = match mode {
            ApiMode::Byok => self.of(provider).map(|model| model.id.as_str()).collect(),
            ApiMode::Managed => self.models.iter().map(|model| model.id.as_str()).collect(),
        };
        if known.contains(&model_id) {
            return Ok(());
        }
        let names = nearest(model_id, &known).join(", ");
        let whose = match mode {
            ApiMode::Byok => provider.as_str(),
            ApiMode::Managed => "managed mode",
        };
        Err(Issue::new("modelId", "unknown_model", format!("Unknown model for {whose}. Nearest: {names}.")))
    }
}

/// The provider a text names.
///
/// # Errors
/// An issue at `modelProvider` that lists the providers.
pub fn provider(text: &str) -> Result<Provider, Issue> {
    Provider::parse(text).ok_or_else(|| {
        let all: Vec<_> = Provider::ALL.iter().map(|provider| provider.as_str()).collect();
        Issue::new(
            "modelProvider",
            "unknown_provider",
            format!("Unknown provider. Known are: {}.", all.join(", ")),
        )
    })
}

/// The three known names most like `name`, best first.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
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

    fn listed(id: &str, name: &str) -> Listed {
        Listed { id: id.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn an_unknown_model_names_the_nearest() {
        let catalog = Catalog::default();
        let issue = catalog.check(ApiMode::Byok, Provider::Anthropic, "claude-sonet-5").unwrap_err();
        assert_eq!((issue.path.as_str(), issue.code.as_str()), ("modelId", "unknown_model"));
        assert!(issue.message.contains("claude-sonnet-5,"), "{}", issue.message);
        assert!(catalog.check(ApiMode::Byok, Provider::Openai, "claude-sonnet-5").is_err());
        assert!(catalog.check(ApiMode::Byok, Provider::Anthropic, "claude-sonnet-4-5-20250929").is_ok());
    }

    #[test]
    fn managed_takes_either_spelling() {
        let catalog = Catalog::default();
        for id in ["openrouter/auto", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"] {
            assert_eq!(catalog.check(ApiMode::Managed, Provider::Openrouter, id), Ok(()), "{id}");
        }
        assert_eq!(catalog.openrouter_id("claude-sonnet-4-5-20250929"), Some("anthropic/claude-sonnet-4.5"));
    }

    #[test]
    fn what_openrouter_lists_is_added_and_what_ships_stays() {
        let catalog = Catalog::with(&[
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
        assert_eq!(catalog.check(ApiMode::Byok, Provider::Google, "gemini-4-pro"), Ok(()));
    }

    #[test]
    fn only_what_can_be_a_model_is_sound() {
        assert!(listed("meta-llama/llama-4.1-8b:free", "Meta: Llama").is_sound());
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
            assert!(!listed(id, name).is_sound(), "{id} {name}");
        }
    }

    #[test]
    fn every_model_can_be_named() {
        let catalog = Catalog::default();
        for model in catalog.models() {
            assert_eq!(catalog.check(ApiMode::Byok, model.provider, &model.id), Ok(()));
            assert!(!model.name.is_empty() && model.openrouter_id.contains('/'));
        }
    }
}
