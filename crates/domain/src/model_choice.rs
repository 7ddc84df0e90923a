//! Resolves the provider, model and key that a request chooses, by the rules of the assistant's mode.

use crate::assistant::Config;
use crate::catalog::{self, Catalog};
use crate::error::Issue;
use crate::input::{ActivateInput, UpdateInput};
use crate::validation;
use crate::wire::{ApiMode, Provider};

/// A provider and one of its models, and the new model key if the request has one.
#[derive(Clone, PartialEq, Eq)]
pub struct ModelChoice {
    /// The provider of the model; `None` while neither the request nor the assistant names one.
    pub provider: Option<Provider>,
    /// The id of the model; `None` while neither the request nor the assistant names one.
    pub model_id: Option<String>,
    /// The model key to store; `None` keeps the current one.
    pub model_api_key: Option<String>,
}

/// Resolves the choice of an activation.
///
/// # Errors
/// Every [`Issue`] that makes the payload inconsistent with the mode (`INVALID_INPUT`).
pub fn for_activation(
    catalog: &Catalog,
    mode: ApiMode,
    input: &ActivateInput,
) -> Result<ModelChoice, Vec<Issue>> {
    if mode == ApiMode::Managed {
        catalog.validate(mode, Provider::Openrouter, &input.model_id).map_err(|issue| vec![issue])?;
        let model_id = Some(input.model_id.clone());
        return Ok(ModelChoice { provider: Some(Provider::Openrouter), model_id, model_api_key: None });
    }
    let mut issues = Vec::new();
    let missing = |path, message: &str| Issue::new(path, "required", message);
    let provider = match input.model_provider.as_deref() {
        None | Some("") => Err(missing("modelProvider", "Choose the provider of your model key.")),
        Some(text) => catalog::parse_provider(text),
    };
    let key = match input.model_api_key.as_deref() {
        None => Err(missing("modelApiKey", "Enter your model key.")),
        Some(text) => validation::model_key("modelApiKey", text),
    };
    let provider = provider.map_err(|issue| issues.push(issue)).ok();
    if let Some(provider) = provider {
        issues.extend(catalog.validate(mode, provider, &input.model_id).err());
    }
    let model_api_key = key.map_err(|issue| issues.push(issue)).ok();
    if issues.is_empty() {
        Ok(ModelChoice { provider, model_id: Some(input.model_id.clone()), model_api_key })
    } else {
        Err(issues)
    }
}

/// Resolves the choice of a PATCH against the current configuration. The current model is accepted even if it has left
/// the catalog.
///
/// # Errors
/// Every [`Issue`] that makes the change inconsistent with the mode or the current configuration (`INVALID_INPUT`).
pub fn for_update(
    catalog: &Catalog,
    mode: ApiMode,
    current: &Config,
    input: &UpdateInput,
) -> Result<ModelChoice, Vec<Issue>> {
    match mode {
        ApiMode::Managed => managed_update(catalog, current, input),
        ApiMode::Byok => byok_update(catalog, current, input),
    }
}

fn managed_update(
    catalog: &Catalog,
    current: &Config,
    input: &UpdateInput,
) -> Result<ModelChoice, Vec<Issue>> {
    let mut issues = Vec::new();
    if input.model_provider.as_deref().is_some_and(|text| text != Provider::Openrouter.as_str()) {
        issues.push(Issue::new("modelProvider", "not_allowed", "Managed assistants always use openrouter."));
    }
    if let Some(model_id) = input.model_id.as_ref().filter(|_| input.model_id != current.model_id) {
        issues.extend(catalog.validate(ApiMode::Managed, Provider::Openrouter, model_id).err());
    }
    if input.model_api_key.is_some() {
        issues.push(Issue::new(
            "modelApiKey",
            "not_allowed",
            "Managed assistants come with a model key. Leave this field out.",
        ));
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    let model_id = input.model_id.clone().or_else(|| current.model_id.clone());
    Ok(ModelChoice { provider: Some(Provider::Openrouter), model_id, model_api_key: None })
}

fn byok_update(catalog: &Catalog, current: &Config, input: &UpdateInput) -> Result<ModelChoice, Vec<Issue>> {
    let mut issues = Vec::new();
    let requested = input.model_provider.as_deref().map(catalog::parse_provider).transpose();
    let asked = requested.map_err(|issue| issues.push(issue)).ok().flatten();
    let key =
        input.model_api_key.as_deref().map(|text| validation::model_key("modelApiKey", text)).transpose();
    let model_api_key = key.map_err(|issue| issues.push(issue)).ok().flatten();
    let provider = asked.or(current.provider);
    let model_id = input.model_id.clone().or_else(|| current.model_id.clone());
    let is_changed = provider != current.provider || model_id != current.model_id;
    if issues.is_empty() && is_changed {
        match (provider, &model_id) {
            (None, _) => {
                issues.push(Issue::new("modelProvider", "required", "Choose the provider of this model."));
            }
            (_, None) => issues.push(Issue::new("modelId", "required", "Choose a model of this provider.")),
            (Some(provider), Some(model_id)) => {
                issues.extend(catalog.validate(ApiMode::Byok, provider, model_id).err());
            }
        }
        if current.provider.is_some() && provider != current.provider && input.model_api_key.is_none() {
            issues.push(Issue::new(
                "modelApiKey",
                "required",
                "Changing the provider needs a new model key.",
            ));
        }
    }
    if issues.is_empty() { Ok(ModelChoice { provider, model_id, model_api_key }) } else { Err(issues) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_anthropic() -> Config {
        Config {
            provider: Some(Provider::Anthropic),
            model_id: Some("claude-sonnet-5".into()),
            ..Config::default()
        }
    }

    fn patch(provider: Option<&str>, model: Option<&str>, key: Option<&str>) -> UpdateInput {
        UpdateInput {
            model_provider: provider.map(str::to_owned),
            model_id: model.map(str::to_owned),
            model_api_key: key.map(str::to_owned),
            ..UpdateInput::default()
        }
    }

    fn paths(result: Result<ModelChoice, Vec<Issue>>) -> Vec<String> {
        result.err().unwrap_or_default().into_iter().map(|issue| issue.path).collect()
    }

    #[test]
    fn byok_update_requires_matching_model_and_key() {
        let now = on_anthropic();
        let none: [&str; 0] = [];
        let cases: [(UpdateInput, &[&str]); 9] = [
            (patch(None, Some("claude-opus-5"), None), &none),
            (patch(None, Some("gpt-5.5"), None), &["modelId"]),
            (patch(Some("anthropic"), None, None), &none),
            (patch(Some("openai"), None, Some("k")), &["modelId"]),
            (patch(Some("openai"), Some("gpt-5.5"), None), &["modelApiKey"]),
            (patch(Some("openai"), Some("gpt-5.5"), Some("k")), &none),
            (patch(Some("nobody"), Some("gpt-5.5"), Some("k")), &["modelProvider"]),
            (patch(None, None, Some("k")), &none),
            (patch(None, None, Some("")), &["modelApiKey"]),
        ];
        for (input, expected) in cases {
            let label = format!("{:?} {:?}", input.model_provider, input.model_id);
            assert_eq!(
                paths(for_update(&Catalog::default(), ApiMode::Byok, &now, &input)),
                expected,
                "{label}"
            );
        }
        let unset = Config::default();
        assert_eq!(
            paths(for_update(
                &Catalog::default(),
                ApiMode::Byok,
                &unset,
                &patch(None, Some("gpt-5.5"), None)
            )),
            ["modelProvider"]
        );
        assert!(
            for_update(
                &Catalog::default(),
                ApiMode::Byok,
                &unset,
                &patch(Some("openai"), Some("gpt-5.5"), None)
            )
            .is_ok()
        );
    }

    #[test]
    fn managed_update_accepts_only_the_model() {
        let now = Config { provider: Some(Provider::Openrouter), ..Config::default() };
        let bad = patch(Some("anthropic"), Some("nope"), Some("k"));
        assert_eq!(
            paths(for_update(&Catalog::default(), ApiMode::Managed, &now, &bad)),
            ["modelProvider", "modelId", "modelApiKey"]
        );
        assert!(
            for_update(
                &Catalog::default(),
                ApiMode::Managed,
                &now,
                &patch(Some("openrouter"), Some("openrouter/auto"), None)
            )
            .is_ok()
        );
    }

    #[test]
    fn current_model_missing_from_catalog_is_kept() {
        let gone = Some("claude-2".to_owned());
        let byok = Config { model_id: gone.clone(), ..on_anthropic() };
        let none: [&str; 0] = [];
        let cases: [(UpdateInput, &[&str]); 5] = [
            (patch(None, None, Some("k")), &none),
            (patch(None, Some("claude-2"), None), &none),
            (patch(Some("anthropic"), Some("claude-2"), None), &none),
            (patch(None, Some("claude-3"), None), &["modelId"]),
            (patch(Some("openai"), None, Some("k")), &["modelId"]),
        ];
        for (input, expected) in cases {
            let label = format!("{:?} {:?}", input.model_provider, input.model_id);
            assert_eq!(
                paths(for_update(&Catalog::default(), ApiMode::Byok, &byok, &input)),
                expected,
                "{label}"
            );
        }
        let managed = Config { provider: Some(Provider::Openrouter), model_id: gone, ..Config::default() };
        let kept =
            for_update(&Catalog::default(), ApiMode::Managed, &managed, &patch(None, Some("claude-2"), None));
        assert!(kept.is_ok_and(|choice| choice.model_id.as_deref() == Some("claude-2")));
    }

    #[test]
    fn activation_requires_provider_and_key_only_in_byok() {
        let input = ActivateInput {
            name: "x".into(),
            model_provider: None,
            model_id: "claude-sonnet-5".into(),
            telegram_bot_token: "1:a".into(),
            model_api_key: None,
            callback_url: None,
        };
        assert_eq!(
            paths(for_activation(&Catalog::default(), ApiMode::Byok, &input)),
            ["modelProvider", "modelApiKey"]
        );
        let managed = for_activation(
            &Catalog::default(),
            ApiMode::Managed,
            &ActivateInput { model_api_key: Some(" ".into()), ..input },
        );
        assert!(managed.is_ok_and(|choice| choice.model_api_key.is_none()));
    }
}
