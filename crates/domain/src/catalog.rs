//! The models an activation accepts, and which model a request means.
//!
//! What ships here is the fallback; ids as the providers' own model lists name them (November 2026).

use crate::error::Issue;
use crate::wire::{ApiMode, Provider};

/// A model of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Who offers it.
    pub provider: Provider,
    /// The provider's id of it.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// OpenRouter's id of the same model.
    pub openrouter_id: &'static str,
}

const fn model(
    provider: Provider,
    id: &'static str,
    name: &'static str,
    openrouter_id: &'static str,
) -> Model {
    Model { provider, id, name, openrouter_id }
}

/// Every model that ships with Reef, the recommended one of each provider first.
pub const MODELS: &[Model] = &[
    model(Provider::Anthropic, "claude-sonnet-5-5", "Claude Sonnet 5.5", "anthropic/claude-sonnet-5.5"),
    model(Provider::Anthropic, "claude-opus-5-5", "Claude Opus 5.5", "anthropic/claude-opus-5.5"),
    model(Provider::Anthropic, "claude-haiku-5-5", "Claude Haiku 5.5", "anthropic/claude-haiku-5.5"),
    model(Provider::Anthropic, "claude-opus-5", "Claude Opus 5", "anthropic/claude-opus-5"),
    model(Provider::Anthropic, "claude-sonnet-5", "Claude Sonnet 5", "anthropic/claude-sonnet-5"),
    model(
        Provider::Anthropic,
        "claude-sonnet-4-5-20250929",
        "Claude Sonnet 4.5",
        "anthropic/claude-sonnet-4.5",
    ),
    model(
        Provider::Anthropic,
        "claude-sonnet-4-5",
        "Claude Sonnet 4.5 (latest)",
        "anthropic/claude-sonnet-4.5",
    ),
    model(Provider::Anthropic, "claude-haiku-4-5", "Claude Haiku 4.5", "anthropic/claude-haiku-4.5"),
    model(Provider::Openai, "gpt-5.5", "GPT-5.5", "openai/gpt-5.5"),
    model(Provider::Openai, "gpt-6-astra", "GPT-6 Astra", "openai/gpt-6-astra"),
    model(Provider::Openai, "gpt-5", "GPT-5", "openai/gpt-5"),
    model(Provider::Openai, "gpt-5-mini", "GPT-5 mini", "openai/gpt-5-mini"),
    model(Provider::Openai, "gpt-4o", "GPT-4o", "openai/gpt-4o"),
    model(Provider::Openai, "gpt-4o-mini", "GPT-4o mini", "openai/gpt-4o-mini"),
    model(Provider::Google, "gemini-3.5-flash", "Gemini 3.5 Flash", "google/gemini-3.5-flash"),
    model(Provider::Google, "gemini-3.5-pro", "Gemini 3.5 Pro", "google/gemini-3.5-pro"),
    model(Provider::Google, "gemini-2.5-flash", "Gemini 2.5 Flash", "google/gemini-2.5-flash"),
    model(Provider::Openrouter, "openrouter/auto", "Auto (OpenRouter chooses)", "openrouter/auto"),
    model(
        Provider::Openrouter,
        "anthropic/claude-sonnet-5.5",
        "Claude Sonnet 5.5",
        "anthropic/claude-sonnet-5.5",
    ),
    model(Provider::Openrouter, "anthropic/claude-sonnet-5", "Claude Sonnet 5", "anthropic/claude-sonnet-5"),
    model(
        Provider::Openrouter,
        "anthropic/claude-sonnet-4.5",
        "Claude Sonnet 4.5",
        "anthropic/claude-sonnet-4.5",
    ),
    model(Provider::Openrouter, "openai/gpt-5.5", "GPT-5.5", "openai/gpt-5.5"),
    model(Provider::Openrouter, "openai/gpt-5-mini", "GPT-5 mini", "openai/gpt-5-mini"),
    model(Provider::Openrouter, "google/gemini-3.5-flash", "Gemini 3.5 Flash", "google/gemini-3.5-flash"),
];

/// The models of one provider, recommended first.
pub fn of(provider: Provider) -> impl Iterator<Item = &'static Model> {
    MODELS.iter().filter(move |model| model.provider == provider)
}

/// The models a managed assistant may name: OpenRouter's ids, and the providers' own ids of the same
/// models.
pub fn managed() -> impl Iterator<Item = &'static Model> {
    MODELS.iter()
}

/// OpenRouter's id for a model a managed assistant names.
#[must_use]
pub fn openrouter_id(model_id: &str) -> Option<&'static str> {
    MODELS.iter().find(|model| model.id == model_id).map(|model| model.openrouter_id)
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

/// Checks that `model_id` is one of the provider's (BYOK) or one that OpenRouter serves (managed).
///
/// # Errors
/// An issue at `modelId` that names the nearest known models.
pub fn model_of(mode: ApiMode, provider: Provider, model_id: &str) -> Result<(), Issue> {
    let known: Vec<&str> = match mode {
        ApiMode::Byok => of(provider).map(|model| model.id).collect(),
        ApiMode::Managed => managed().map(|model| model.id).collect(),
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

    #[test]
    fn an_unknown_model_names_the_nearest() {
        let issue = model_of(ApiMode::Byok, Provider::Anthropic, "claude-sonet-5").unwrap_err();
        assert_eq!((issue.path.as_str(), issue.code.as_str()), ("modelId", "unknown_model"));
        assert!(issue.message.contains("claude-sonnet-5,"), "{}", issue.message);
        assert!(model_of(ApiMode::Byok, Provider::Openai, "claude-sonnet-5").is_err());
        assert!(model_of(ApiMode::Byok, Provider::Anthropic, "claude-sonnet-4-5-20250929").is_ok());
    }

    #[test]
    fn managed_takes_either_spelling() {
        for id in ["openrouter/auto", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"] {
            assert_eq!(model_of(ApiMode::Managed, Provider::Openrouter, id), Ok(()), "{id}");
        }
        assert_eq!(openrouter_id("claude-sonnet-4-5-20250929"), Some("anthropic/claude-sonnet-4.5"));
    }

    #[test]
    fn every_model_can_be_named() {
        for model in MODELS {
            assert_eq!(model_of(ApiMode::Byok, model.provider, model.id), Ok(()));
            assert!(!model.name.is_empty() && model.openrouter_id.contains('/'));
        }
    }
}
