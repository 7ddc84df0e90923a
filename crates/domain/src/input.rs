//! Parses the JSON bodies of v1 into typed inputs and reports every issue at once. Only the form is checked here;
//! whether a value fits the assistant is decided later.

use serde_json::{Map, Value};

use crate::error::Issue;
use crate::validation;
use crate::wire::ApiMode;

/// A parsed value, or every issue with what was sent.
pub type Parsed<T> = Result<T, Vec<Issue>>;

/// The body of an activation. Rules that depend on the mode are not applied yet.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivateInput {
    /// The display name without surrounding spaces.
    pub name: String,
    /// The provider as sent; ignored in managed mode.
    pub model_provider: Option<String>,
    /// The model id as sent, not yet compared with the catalog.
    pub model_id: String,
    /// The bot token, not yet verified with Telegram.
    pub telegram_bot_token: String,
    /// The model key as sent; ignored in managed mode.
    pub model_api_key: Option<String>,
    /// The callback URL, if one was sent.
    pub callback_url: Option<String>,
}

/// The body of a PATCH. At least one field is set, and `None` keeps the current value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpdateInput {
    /// The new display name without surrounding spaces.
    pub name: Option<String>,
    /// The new provider as sent.
    pub model_provider: Option<String>,
    /// The new model id as sent, not yet compared with the catalog.
    pub model_id: Option<String>,
    /// The new bot token, not yet verified with Telegram.
    pub telegram_bot_token: Option<String>,
    /// The new model key as sent.
    pub model_api_key: Option<String>,
}

/// What a redeploy does with the callback URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CallbackChange {
    /// The field was left out, so the current URL stays.
    #[default]
    Keep,
    /// The field was a string, the new URL.
    Replace(String),
    /// The field was `null`, which removes the URL.
    Clear,
}

impl CallbackChange {
    /// Applies the change to a callback URL.
    pub fn apply(self, url: &mut Option<String>) {
        match self {
            Self::Keep => {}
            Self::Replace(new) => *url = Some(new),
            Self::Clear => *url = None,
        }
    }
}

/// Removes known fields from an object and collects their issues. The keys that remain at the end are unknown.
pub(crate) struct Fields {
    pub(crate) map: Map<String, Value>,
    pub(crate) issues: Vec<Issue>,
}

impl Fields {
    pub(crate) const fn new(map: Map<String, Value>) -> Self {
        Self { map, issues: Vec::new() }
    }

    /// Removes the string at `key`. `None` if it is absent or, with an issue, if it has another type.
    pub(crate) fn string(&mut self, key: &str) -> Option<String> {
        match self.map.shift_remove(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.issues.push(Issue::new(key, "invalid_type", "This must be a string."));
                None
            }
        }
    }

    /// Removes the string at `key` and validates it with `rule`.
    pub(crate) fn optional<T>(
        &mut self,
        key: &str,
        rule: impl Fn(&str, &str) -> Result<T, Issue>,
    ) -> Option<T> {
        let text = self.string(key)?;
        rule(key, &text).map_err(|issue| self.issues.push(issue)).ok()
    }

    /// Like [`Self::optional`], but a missing field is an issue.
    pub(crate) fn required<T>(
        &mut self,
        key: &str,
        rule: impl Fn(&str, &str) -> Result<T, Issue>,
    ) -> Option<T> {
        if !self.map.contains_key(key) {
            self.issues.push(Issue::new(key, "required", "This field is required."));
        }
        self.optional(key, rule)
    }

    /// Removes the boolean at `key`. `None` if it is absent or, with an issue, if it has another type.
    #[cfg(feature = "settings")]
    pub(crate) fn boolean(&mut self, key: &str) -> Option<bool> {
        match self.map.shift_remove(key)? {
            Value::Bool(value) => Some(value),
            _ => {
                self.issues.push(Issue::new(key, "invalid_type", "This must be true or false."));
                None
            }
        }
    }

    /// Removes the object at `key` and reads it with `read`. The issues of its fields have paths below `key`.
    #[cfg(feature = "settings")]
    pub(crate) fn object<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let Value::Object(map) = self.map.shift_remove(key)? else {
            self.issues.push(Issue::new(key, "invalid_type", "This must be an object."));
            return None;
        };
        let mut fields = Self::new(map);
        let value = read(&mut fields);
        if let Err(issues) = fields.finish(Some(())) {
            let below = |issue: Issue| Issue { path: format!("{key}.{}", issue.path), ..issue };
            self.issues.extend(issues.into_iter().map(below));
        }
        Some(value)
    }

    /// Reports the remaining keys as unknown and returns `value` if there is no issue at all.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Parsed<T> {
        let unknown = self
            .map
            .keys()
            .map(|key| Issue::new(key, "unknown_key", "This key isn't recognized. Remove it."));
        self.issues.extend(unknown);
        match value {
            Some(value) if self.issues.is_empty() => Ok(value),
            _ => Err(self.issues),
        }
    }
}

/// Parses the body of a purchase.
///
/// # Errors
/// Every [`Issue`] of the body.
pub fn parse_purchase(body: Map<String, Value>) -> Parsed<ApiMode> {
    let mut fields = Fields::new(body);
    let mode = fields.required("apiMode", |path, text| {
        ApiMode::parse(text).ok_or_else(|| Issue::new(path, "invalid_value", "This must be byok or managed."))
    });
    fields.finish(mode)
}

/// Parses the body of an activation. `callback_url` validates a URL at a path, as [`crate::callback_url`] does; the
/// browser has no URL parser and passes another rule.
///
/// # Errors
/// Every [`Issue`] of the body's form.
pub fn parse_activation(
    body: Map<String, Value>,
    callback_url: impl Fn(&str, &str) -> Result<String, Issue>,
) -> Parsed<ActivateInput> {
    let mut fields = Fields::new(body);
    let name = fields.required("name", validation::name);
    let model_provider = fields.string("modelProvider");
    let model_id = fields.required("modelId", validation::model_id);
    let telegram_bot_token = fields.required("telegramBotToken", validation::bot_token);
    let model_api_key = fields.string("modelApiKey");
    let callback_url = fields.optional("callbackUrl", callback_url);
    let all = name.zip(model_id).zip(telegram_bot_token);
    fields.finish(all.map(|((name, model_id), telegram_bot_token)| ActivateInput {
        name,
        model_provider,
        model_id,
        telegram_bot_token,
        model_api_key,
        callback_url,
    }))
}

/// Parses the body of a PATCH.
///
/// # Errors
/// Every [`Issue`] of the body's form. A body without any field is one.
pub fn parse_update(body: Map<String, Value>) -> Parsed<UpdateInput> {
    let mut fields = Fields::new(body);
    if fields.map.is_empty() {
        fields.issues.push(Issue::new("", "required", "At least one field is required."));
    }
    let input = UpdateInput {
        name: fields.optional("name", validation::name),
        model_provider: fields.string("modelProvider"),
        model_id: fields.optional("modelId", validation::model_id),
        telegram_bot_token: fields.optional("telegramBotToken", validation::bot_token),
        model_api_key: fields.string("modelApiKey"),
    };
    fields.finish(Some(input))
}

/// Parses the body of a request that takes no fields. A missing body and `{}` are both accepted.
///
/// # Errors
/// An [`Issue`] for every key.
pub fn parse_empty(body: Map<String, Value>) -> Parsed<()> {
    Fields::new(body).finish(Some(()))
}

/// Parses the body of a redeploy. A missing body counts as `{}`; `callback_url` validates a URL at a path.
///
/// # Errors
/// Every [`Issue`] of the body's form.
pub fn parse_redeploy(
    mut body: Map<String, Value>,
    callback_url: impl Fn(&str, &str) -> Result<String, Issue>,
) -> Parsed<CallbackChange> {
    if body.get("callbackUrl").is_some_and(Value::is_null) {
        body.shift_remove("callbackUrl");
        return Fields::new(body).finish(Some(CallbackChange::Clear));
    }
    let mut fields = Fields::new(body);
    let change =
        fields.optional("callbackUrl", callback_url).map_or(CallbackChange::Keep, CallbackChange::Replace);
    fields.finish(Some(change))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("not an object: {other}"),
        }
    }

    fn any_url(_: &str, text: &str) -> Result<String, Issue> {
        Ok(text.to_owned())
    }

    fn codes<T>(parsed: Parsed<T>) -> Vec<(String, String)> {
        parsed.err().unwrap_or_default().into_iter().map(|issue| (issue.path, issue.code)).collect()
    }

    fn pair(path: &str, code: &str) -> (String, String) {
        (path.to_owned(), code.to_owned())
    }

    #[test]
    fn activation_lists_every_issue() {
        let body = map(json!({"name": 1, "modelApiKey": null, "surprise": {}, "callbackUrl": null}));
        assert_eq!(
            codes(parse_activation(body, any_url)),
            [
                pair("name", "invalid_type"),
                pair("modelId", "required"),
                pair("telegramBotToken", "required"),
                pair("modelApiKey", "invalid_type"),
                pair("callbackUrl", "invalid_type"),
                pair("surprise", "unknown_key"),
            ]
        );
    }

    #[test]
    fn purchase_accepts_two_modes() {
        assert_eq!(parse_purchase(map(json!({"apiMode": "managed"}))), Ok(ApiMode::Managed));
        assert_eq!(codes(parse_purchase(map(json!({})))), [pair("apiMode", "required")]);
        assert_eq!(
            codes(parse_purchase(map(json!({"apiMode": "BYOK"})))),
            [pair("apiMode", "invalid_value")]
        );
        let both = parse_purchase(map(json!({"apiMode": null, "x": 1})));
        assert_eq!(codes(both), [pair("apiMode", "invalid_type"), pair("x", "unknown_key")]);
    }

    #[test]
    fn update_without_field_or_with_callback_is_rejected() {
        assert_eq!(codes(parse_update(Map::new())), [pair("", "required")]);
        assert_eq!(
            codes(parse_update(map(json!({"callbackUrl": "https://x.test"})))),
            [pair("callbackUrl", "unknown_key")]
        );
        assert_eq!(codes(parse_update(map(json!({"name": null})))), [pair("name", "invalid_type")]);
    }

    #[test]
    fn redeploy_keeps_replaces_or_clears_callback() {
        assert_eq!(parse_redeploy(Map::new(), any_url), Ok(CallbackChange::Keep));
        assert_eq!(parse_redeploy(map(json!({"callbackUrl": null})), any_url), Ok(CallbackChange::Clear));
        let replaced = parse_redeploy(map(json!({"callbackUrl": "https://a.test"})), any_url);
        assert_eq!(replaced, Ok(CallbackChange::Replace("https://a.test".into())));
        assert_eq!(
            codes(parse_redeploy(map(json!({"callbackUrl": null, "y": 1})), any_url)),
            [pair("y", "unknown_key")]
        );
    }
}
