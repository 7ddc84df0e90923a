//! Turns forms into the bodies that the API takes, so that the same rules validate both.

use reef_domain::input::Parsed;
use reef_domain::wire::{AssistantRecord, Provider};
use reef_domain::{callback_url, input};
use reef_service::assistants::Change;
use serde_json::{Map, Value};

use super::form_baseline::FormBaseline;
use crate::components::model::parse_value;
use crate::secret::Secret;

/// The fields that are not empty, as a body.
pub(super) fn non_empty(fields: &[(&str, &str)]) -> Map<String, Value> {
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// Provider and model of the model field. The provider is empty in managed mode.
fn provider_and_model(value: &str) -> (&str, &str) {
    let (provider, model) = parse_value(value);
    (provider.map_or("", Provider::as_str), model)
}

/// The bot token and the model key, without the spaces that copying adds.
fn secrets<'a>((bot_token, model_key): (&'a Secret, &'a Secret)) -> [(&'static str, &'a str); 2] {
    [("telegramBotToken", bot_token.expose().trim()), ("modelApiKey", model_key.expose().trim())]
}

/// The body of an activation. `keys` are the bot token and the model key.
pub(super) fn activation_body(
    name: &str,
    model: &str,
    keys: (&Secret, &Secret),
    callback_url: &str,
) -> Map<String, Value> {
    let (provider, model_id) = provider_and_model(model);
    let mut body = non_empty(&secrets(keys));
    body.extend(non_empty(&[("name", name), ("modelProvider", provider), ("modelId", model_id)]));
    body.extend(non_empty(&[("callbackUrl", callback_url.trim())]));
    body
}

/// The body of an update: the values that differ both from the form's baseline and from the record. Secrets that are empty are left
/// as they are.
pub(super) fn update_body(
    record: &AssistantRecord,
    baseline: &FormBaseline,
    name: &str,
    model: &str,
    keys: (&Secret, &Secret),
) -> Map<String, Value> {
    let mut body = non_empty(&secrets(keys));
    if name.trim() != baseline.name {
        body.insert("name".to_owned(), name.into());
    }
    // A new key belongs to the provider that the form has shown.
    if model == baseline.model && !body.contains_key("modelApiKey") {
        return body;
    }
    let (provider, model_id) = provider_and_model(model);
    if !provider.is_empty() && record.model_provider.map(Provider::as_str) != Some(provider) {
        body.insert("modelProvider".to_owned(), provider.into());
    }
    if !model_id.is_empty() && record.model_id.as_deref() != Some(model_id) {
        body.insert("modelId".to_owned(), model_id.into());
    }
    body
}

/// The callback URL for the body of a redeployment: absent when it was not changed, `null` when it was cleared.
pub(super) fn callback_change(baseline: &FormBaseline, callback_url: &str) -> Map<String, Value> {
    let callback_url = callback_url.trim();
    if callback_url == baseline.callback_url {
        return Map::new();
    }
    let value = if callback_url.is_empty() { None } else { Some(callback_url) };
    Map::from_iter([("callbackUrl".to_owned(), value.map_or(Value::Null, Value::from))])
}

/// Parses what a form changes of an assistant.
pub(super) fn parse_change(
    configuration: Map<String, Value>,
    callback: Map<String, Value>,
) -> Parsed<Change> {
    let update =
        if configuration.is_empty() { Ok(None) } else { input::parse_update(configuration).map(Some) };
    let callback = input::parse_redeploy(callback, callback_url::validate);
    match (update, callback) {
        (Ok(update), Ok(callback)) => Ok(Change { update, callback }),
        (update, callback) => Err(update.err().into_iter().chain(callback.err()).flatten().collect()),
    }
}

#[cfg(test)]
mod tests {
    use reef_domain::Timestamp;
    use reef_domain::wire::{ApiMode, ChannelType, PaymentStatus, Status};
    use serde_json::json;

    use super::*;

    fn record() -> AssistantRecord {
        AssistantRecord {
            id: "1".into(),
            user_id: "2".into(),
            organization_id: None,
            name: "Ann".into(),
            model_provider: Some(Provider::Anthropic),
            model_id: Some("claude-sonnet-5".into()),
            channel_type: ChannelType::Telegram,
            api_mode: ApiMode::Byok,
            worker_name: None,
            worker_url: None,
            status: Status::Stopped,
            status_message: None,
            payment_status: PaymentStatus::Paid,
            polar_subscription_id: None,
            current_period_end: None,
            canceled_at: None,
            is_prebuy: false,
            user_callback_url: Some("https://a.example/x".into()),
            created_at: Timestamp::from_unix_ms(0),
            updated_at: Timestamp::from_unix_ms(0),
        }
    }

    fn baseline() -> FormBaseline {
        FormBaseline::of(&record(), "anthropic:claude-sonnet-5".to_owned())
    }

    #[test]
    fn unchanged_values_are_left_out() {
        let changed = |name, model, key: &str| {
            let keys = (&Secret::from(String::new()), &Secret::from(key.to_owned()));
            Value::from(update_body(&record(), &baseline(), name, model, keys))
        };
        assert_eq!(changed(" Ann ", "anthropic:claude-sonnet-5", ""), json!({}));
        assert_eq!(
            changed("", "anthropic:claude-opus-5", ""),
            json!({"name": "", "modelId": "claude-opus-5"})
        );
        assert_eq!(
            changed("Ann", "openai:gpt-5.5", " k "),
            json!({"modelApiKey": "k", "modelProvider": "openai", "modelId": "gpt-5.5"})
        );
        assert_eq!(changed("Ann", "openrouter/auto", ""), json!({"modelId": "openrouter/auto"}));
    }

    #[test]
    fn values_changed_elsewhere_are_left_out() {
        let elsewhere = AssistantRecord {
            name: "Bob".into(),
            model_provider: Some(Provider::Openai),
            model_id: Some("gpt-5.5".into()),
            ..record()
        };
        let keys = (&Secret::from(String::new()), &Secret::from(String::new()));
        let changed = |name, model| Value::from(update_body(&elsewhere, &baseline(), name, model, keys));
        assert_eq!(changed("Ann", "anthropic:claude-sonnet-5"), json!({}));
        assert_eq!(changed("Cy", "anthropic:claude-sonnet-5"), json!({"name": "Cy"}));
        let both = json!({"modelProvider": "anthropic", "modelId": "claude-opus-5"});
        assert_eq!(changed("Ann", "anthropic:claude-opus-5"), both);
        assert_eq!(Value::from(callback_change(&baseline(), "https://a.example/x")), json!({}));
        // A new key belongs to the provider that the form has shown.
        let keys = (&Secret::from(String::new()), &Secret::from("sk-ant-new".to_owned()));
        let rekeyed = update_body(&elsewhere, &baseline(), "Ann", "anthropic:claude-sonnet-5", keys);
        let whole =
            json!({"modelApiKey": "sk-ant-new", "modelProvider": "anthropic", "modelId": "claude-sonnet-5"});
        assert_eq!(Value::from(rekeyed), whole);
    }

    #[test]
    fn callback_url_is_kept_replaced_or_cleared() {
        let change = |text| Value::from(callback_change(&baseline(), text));
        assert_eq!(change(" https://a.example/x "), json!({}));
        assert_eq!(change("https://b.example"), json!({"callbackUrl": "https://b.example"}));
        assert_eq!(change(""), json!({"callbackUrl": null}));
        let none = FormBaseline { callback_url: String::new(), ..baseline() };
        assert_eq!(Value::from(callback_change(&none, "")), json!({}));
    }
}
