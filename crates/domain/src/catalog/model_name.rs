//! Display names for models that OpenRouter lists with an id in place of a name.

use super::{ListedModel, Model};
use crate::wire::Provider;

/// Returns the display name of a listed model at a provider. Some entries of OpenRouter's list repeat the id as the
/// name.
pub(super) fn listed_name(listed: &ListedModel, provider: Provider, known: &[Model]) -> String {
    let name = listed.name.trim();
    let model = listed.id.split_once('/').map_or(&*listed.id, |(_, model)| model);
    if name.eq_ignore_ascii_case(&listed.id) || name.eq_ignore_ascii_case(model) {
        let same = known.iter().find(|known| known.openrouter_id == listed.id);
        return same.map_or_else(|| name_from_id(&listed.id), |same| same.name.clone());
    }
    match (provider, name.split_once(": ")) {
        (Provider::Openrouter, _) | (_, None) => name.to_owned(),
        (_, Some((_, name))) => name.trim().to_owned(),
    }
}

/// Derives a display name from an id: `x-ai/grok-9-fast` becomes "Grok 9 Fast".
pub(super) fn name_from_id(id: &str) -> String {
    let model = id.rsplit_once('/').map_or(id, |(_, model)| model);
    let (model, variant) =
        model.split_once(':').map_or((model, None), |(model, variant)| (model, Some(variant)));
    let is_number = |word: &str| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut name = String::new();
    let mut last = "";
    for word in model.split(['-', '_']).filter(|word| !word.is_empty()) {
        if !name.is_empty() {
            // Some vendors write the dot of a version as a dash: `claude-opus-6-1`.
            let is_version = is_number(word) && is_number(last);
            name.push(if is_version {
                '.'
            } else if last.eq_ignore_ascii_case("gpt") {
                '-'
            } else {
                ' '
            });
        }
        let mut letters = word.chars();
        match letters.next() {
            _ if word.eq_ignore_ascii_case("gpt") => name.push_str("GPT"),
            Some(first) => name.extend(first.to_uppercase().chain(letters)),
            None => {}
        }
        last = word;
    }
    match variant {
        Some(variant) => format!("{name} ({variant})"),
        None if name.is_empty() => id.to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalog, ListedModel};
    use crate::wire::Provider;

    fn listed(id: &str, name: &str) -> ListedModel {
        ListedModel { id: id.to_owned(), name: name.to_owned(), prices: None }
    }

    #[test]
    fn unnamed_model_is_named_from_id() {
        let catalog = Catalog::with_listed(&[
            listed("openai/gpt-5", "openai/gpt-5"),
            listed("openai/gpt-7-mini", "gpt-7-mini"),
            listed("x-ai/grok-9-fast:free", "x-ai/grok-9-fast:free"),
            listed("anthropic/claude-opus-6.1", "anthropic/claude-opus-6.1"),
        ]);
        let name = |provider, id| catalog.display_name(Some(provider), id);
        assert_eq!(name(Provider::Openrouter, "openai/gpt-5"), "GPT-5");
        assert_eq!(name(Provider::Openai, "gpt-7-mini"), "GPT-7 Mini");
        assert_eq!(name(Provider::Openrouter, "x-ai/grok-9-fast:free"), "Grok 9 Fast (free)");
        assert_eq!(name(Provider::Anthropic, "claude-opus-6-1"), "Claude Opus 6.1");
        // These models are not in the catalog.
        assert_eq!(name(Provider::Anthropic, "claude-sonnet-3-7-20250219"), "Claude Sonnet 3.7 20250219");
        assert_eq!(catalog.display_name(None, "claude-sonnet-5"), "Claude Sonnet 5");
        assert_eq!(name(Provider::Openrouter, "claude-sonnet-5"), "Claude Sonnet 5");
        assert_eq!(catalog.display_name(None, "-"), "-");
    }
}
