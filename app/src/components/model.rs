//! Choosing a model: one list, grouped by provider, so that no pair that does not go together can be sent.

use std::collections::HashSet;
use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::catalog::{Catalog, Model};
use reef_domain::wire::{ApiMode, AssistantRecord, Provider};

use crate::components::form::{FieldIssue, Form};
use crate::text;

/// What the API calls what is chosen here.
const PATHS: &[&str] = &["modelId", "modelProvider"];

/// The model field. Its value is `provider:model`, or the model alone in managed mode, where Reef has the key.
#[component]
pub fn ModelField(
    /// The form it belongs to.
    form: Form,
    /// What is chosen now.
    record: AssistantRecord,
    /// What there is to choose from.
    catalog: Arc<Catalog>,
) -> impl IntoView {
    let id = form.id("model");
    let issue_id = format!("{id}-issue");
    let is_wrong = form.issue(PATHS).is_some();
    let mode = record.api_mode;
    let kept = form.kept("model").filter(|kept| !kept.is_empty());
    let chosen = kept.unwrap_or_else(|| current(&record));
    let groups = groups(&catalog, mode, &chosen);
    // What the catalog does not have any more can still be kept, by its name.
    let known = groups.iter().any(|(_, models)| models.iter().any(|(value, _)| *value == chosen));
    let unknown = (!known && !chosen.is_empty()).then(|| {
        let (provider, model) = choice(&chosen);
        let name = catalog.name_of(provider.or(record.model_provider), model);
        view! { <option value=chosen.clone() selected>{name}</option> }
    });
    let option = |(value, name): (String, String)| {
        let selected = value == chosen;
        view! { <option value=value selected=selected>{name}</option> }
    };
    let group = |(provider, models): (Provider, Vec<(String, String)>)| {
        view! {
            <optgroup label=text::provider(provider)>{models.into_iter().map(option).collect_view()}</optgroup>
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

/// What the field says of a record; empty when no model is chosen.
pub fn current(record: &AssistantRecord) -> String {
    match (record.model_provider, &record.model_id) {
        (Some(provider), Some(model)) => value_of(record.api_mode, provider, model),
        (None, Some(model)) => model.clone(),
        (_, None) => String::new(),
    }
}

/// What a value of the field says: `provider:model`, or a model alone in managed mode.
pub fn choice(value: &str) -> (Option<Provider>, &str) {
    match value.split_once(':').map(|(provider, model)| (Provider::parse(provider), model)) {
        Some((Some(provider), model)) => (Some(provider), model),
        _ => (None, value),
    }
}

fn value_of(mode: ApiMode, provider: Provider, model: &str) -> String {
    match mode {
        ApiMode::Byok => format!("{provider}:{model}"),
        ApiMode::Managed => model.to_owned(),
    }
}

/// The catalog by provider: field value and name. In managed mode a model that goes by two ids is listed once.
fn groups(catalog: &Catalog, mode: ApiMode, chosen: &str) -> Vec<(Provider, Vec<(String, String)>)> {
    let mut seen = HashSet::new();
    let mut is_shown = |model: &Model| match mode {
        ApiMode::Byok => true,
        ApiMode::Managed => seen.insert(model.openrouter_id.clone()) || model.id == chosen,
    };
    // Managed assistants run on OpenRouter: its own names first, so that they are the ones listed.
    let (mut first, rest): (Vec<Provider>, Vec<Provider>) = Provider::ALL
        .iter()
        .partition(|provider| mode == ApiMode::Managed && **provider == Provider::Openrouter);
    first.extend(rest);
    let models = |provider| {
        let shown = catalog.of(provider).filter(|model| is_shown(model));
        let shown = shown.map(|model| (value_of(mode, provider, &model.id), model.name.clone()));
        (provider, shown.collect::<Vec<_>>())
    };
    first.into_iter().map(models).filter(|(_, models)| !models.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_can_be_chosen_once() {
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
        // The id that an assistant was given by the API stays choosable.
        let kept = groups(&catalog, ApiMode::Managed, "claude-sonnet-5");
        assert!(kept.iter().any(|(_, models)| models.iter().any(|(value, _)| value == "claude-sonnet-5")));
    }
}
