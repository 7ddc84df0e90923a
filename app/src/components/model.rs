//! The model field: one list, grouped by provider, so that a provider is never sent with another provider’s model.

use std::collections::HashSet;
use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::catalog::{Catalog, Model};
use reef_domain::wire::{ApiMode, AssistantRecord, Provider};

use crate::components::form::{FieldIssue, Form};
use crate::labels;

/// The API has two fields for the one of the form.
const PATHS: &[&str] = &["modelId", "modelProvider"];

/// The model field. Its value is `provider:model`, or the model alone in managed mode, where Reef has the key.
#[component]
pub(crate) fn ModelField(form: Form, record: AssistantRecord, catalog: Arc<Catalog>) -> impl IntoView {
    let id = form.id("model");
    let issue_id = format!("{id}-issue");
    let is_wrong = form.issue(PATHS).is_some();
    let mode = record.api_mode;
    let typed = form.typed_value("model").filter(|typed| !typed.is_empty());
    let chosen = typed.unwrap_or_else(|| current_value(&record));
    let groups = groups(&catalog, mode, &chosen);
    // The current model stays an option after it has left the catalog.
    let known = groups.iter().any(|(_, models)| models.iter().any(|(value, _)| *value == chosen));
    let unknown = (!known && !chosen.is_empty()).then(|| {
        let (provider, model) = parse_value(&chosen);
        let name = name(&catalog, provider.or(record.model_provider), model);
        view! { <option value=chosen.clone() selected>{name}</option> }
    });
    let option = |(value, name): (String, String)| {
        let selected = value == chosen;
        view! { <option value=value selected=selected>{name}</option> }
    };
    let group = |(provider, models): (Provider, Vec<(String, String)>)| {
        view! {
            <optgroup label=labels::provider_name(provider)>{models.into_iter().map(option).collect_view()}</optgroup>
        }
    };
    view! {
        <div class="field">
            <label for=id.clone()>"Model"</label>
            <select
                id=id
                name="model"
                required
                aria-invalid=is_wrong.then_some("true")
                aria-describedby=issue_id.clone()
            >
                <option value="">"Choose a model"</option>
                {unknown}
                {groups.into_iter().map(group).collect_view()}
            </select>
            <FieldIssue form id=issue_id path=PATHS/>
        </div>
    }
}

/// The value of the field for a record; empty when no model is chosen.
pub(crate) fn current_value(record: &AssistantRecord) -> String {
    match (record.model_provider, &record.model_id) {
        (Some(provider), Some(model)) => value_of(record.api_mode, provider, model),
        (None, Some(model)) => model.clone(),
        (_, None) => String::new(),
    }
}

/// The provider and the model in a value of the field; the model alone in managed mode.
pub(crate) fn parse_value(value: &str) -> (Option<Provider>, &str) {
    match value.split_once(':').map(|(provider, model)| (Provider::parse(provider), model)) {
        Some((Some(provider), model)) => (Some(provider), model),
        _ => (None, value),
    }
}

/// The name of a model, as all pages show it.
pub(crate) fn name(catalog: &Catalog, provider: Option<Provider>, model_id: &str) -> String {
    short_name(&catalog.display_name(provider, model_id)).to_owned()
}

/// OpenRouter lists models as `Vendor: Model`, the other providers without the vendor.
fn short_name(name: &str) -> &str {
    name.split_once(": ").map_or(name, |(_, model)| model.trim())
}

fn value_of(mode: ApiMode, provider: Provider, model: &str) -> String {
    match mode {
        ApiMode::Byok => format!("{provider}:{model}"),
        ApiMode::Managed => model.to_owned(),
    }
}

/// The catalog by provider: field value and name. In managed mode a model that has two ids is listed once.
fn groups(catalog: &Catalog, mode: ApiMode, chosen: &str) -> Vec<(Provider, Vec<(String, String)>)> {
    let mut seen = HashSet::new();
    let mut is_shown = |model: &Model| match mode {
        ApiMode::Byok => true,
        ApiMode::Managed => seen.insert(model.openrouter_id.clone()) || model.id == chosen,
    };
    // Managed assistants run on OpenRouter. Its group comes first, so that its ids are the ones that are listed.
    let (mut first, rest): (Vec<Provider>, Vec<Provider>) = Provider::ALL
        .iter()
        .partition(|provider| mode == ApiMode::Managed && **provider == Provider::Openrouter);
    first.extend(rest);
    let models = |provider| {
        let shown = catalog.models_of(provider).filter(|model| is_shown(model));
        let shown =
            shown.map(|model| (value_of(mode, provider, &model.id), short_name(&model.name).to_owned()));
        (provider, shown.collect::<Vec<_>>())
    };
    first.into_iter().map(models).filter(|(_, models)| !models.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use reef_domain::catalog::ListedModel;

    use super::*;

    #[test]
    fn each_model_is_listed_once() {
        let catalog = Catalog::default();
        let byok: Vec<String> = groups(&catalog, ApiMode::Byok, "")
            .into_iter()
            .flat_map(|(_, models)| models)
            .map(|(value, _)| value)
            .collect();
        assert_eq!(byok.len(), catalog.models().len());
        assert!(byok.contains(&"anthropic:claude-sonnet-5".to_owned()));

        let managed: Vec<String> = groups(&catalog, ApiMode::Managed, "")
            .into_iter()
            .flat_map(|(_, models)| models)
            .map(|(value, _)| value)
            .collect();
        let served: HashSet<_> = managed.iter().map(|id| catalog.openrouter_id(id)).collect();
        assert_eq!(served.len(), managed.len(), "{managed:?}");
        assert!(managed.contains(&"openrouter/auto".to_owned()));
        // An id that was set by the API stays an option.
        let kept = groups(&catalog, ApiMode::Managed, "claude-sonnet-5");
        assert!(kept.iter().any(|(_, models)| models.iter().any(|(value, _)| value == "claude-sonnet-5")));
    }

    #[test]
    fn listed_models_are_named_without_their_vendor() {
        let listed =
            |id: &str, name: &str| ListedModel { id: id.to_owned(), name: name.to_owned(), prices: None };
        let catalog = Catalog::with_listed(&[
            listed("anthropic/claude-opus-7", "Anthropic: Claude Opus 7"),
            listed("x-ai/grok-9", "xAI: Grok 9"),
        ]);
        let groups = groups(&catalog, ApiMode::Managed, "");
        let names: Vec<&str> =
            groups.iter().flat_map(|(_, models)| models).map(|(_, name)| &**name).collect();
        assert!(names.contains(&"Claude Opus 7") && names.contains(&"Grok 9"), "{names:?}");
        assert!(!names.iter().any(|name| name.contains(": ")), "{names:?}");
        assert_eq!(name(&catalog, Some(Provider::Openrouter), "x-ai/grok-9"), "Grok 9");
    }
}
