//! Bodies become commands: every issue at once, nothing guessed.

use serde_json::{Map, Value};

use crate::error::Issue;
use crate::text;
use crate::wire::ApiMode;

/// A parsed body, or everything that is wrong with it.
pub type Parsed<T> = Result<T, Vec<Issue>>;

/// What an activation asks for. Mode-dependent checks come after it.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivateInput {
    /// Display name, trimmed.
    pub name: String,
    /// Provider as written; ignored in managed mode.
    pub model_provider: Option<String>,
    /// Model id as written.
    pub model_id: String,
    /// Bot token.
    pub telegram_bot_token: String,
    /// Model key as written; ignored in managed mode.
    pub model_api_key: Option<String>,
    /// Callback URL as written.
    pub callback_url: Option<String>,
}

/// What a PATCH asks for; at least one field is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpdateInput {
    /// New display name, trimmed.
    pub name: Option<String>,
    /// New provider as written.
    pub model_provider: Option<String>,
    /// New model id as written.
    pub model_id: Option<String>,
    /// New bot token.
    pub telegram_bot_token: Option<String>,
    /// New model key as written.
    pub model_api_key: Option<String>,
}

/// What a redeploy says about the callback URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CallbackChange {
    /// Left out: as it was.
    #[default]
    Keep,
    /// A string: the new one.
    Replace(String),
    /// `null`: none any more.
    Clear,
}

/// Takes fields out of a body one by one and collects what is wrong; what is left is unknown.
struct Fields {
    map: Map<String, Value>,
    issues: Vec<Issue>,
}

impl Fields {
    const fn of(map: Map<String, Value>) -> Self {
        Self { map, issues: Vec::new() }
    }

    /// The string at `key`; `None` when it is absent or (with an issue) of another type.
    fn string(&mut self, key: &str) -> Option<String> {
        match self.map.shift_remove(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.issues.push(Issue::new(key, "invalid_type", "This must be a string."));
                None
            }
        }
    }

    /// The string at `key` passed through `rule`.
    fn checked<T>(&mut self, key: &str, rule: impl Fn(&str, &str) -> Result<T, Issue>) -> Option<T> {
        let text = self.string(key)?;
        rule(key, &text).map_err(|issue| self.issues.push(issue)).ok()
    }

    /// As [`Self::checked`], and absence is an issue too.
    fn required<T>(&mut self, key: &str, rule: impl Fn(&str, &str) -> Result<T, Issue>) -> Option<T> {
        if !self.map.contains_key(key) {
            self.issues.push(Issue::new(key, "required", "This field is required."));
        }
        self.checked(key, rule)
    }

    /// Rejects what nobody asked for and gives `value` when nothing was wrong.
    fn finish<T>(mut self, value: Option<T>) -> Parsed<T> {
        let unknown =
            self.map.keys().map(|key| Issue::new(key, "unknown_key", "This key is not known here."));
        self.issues.extend(unknown);
        match value {
            Some(value) if self.issues.is_empty() => Ok(value),
            _ => Err(self.issues),
        }
    }
}

/// Reads a purchase.
///
/// # Errors
/// Every [`Issue`] of the body.
pub fn purchase(body: Map<String, Value>) -> Parsed<ApiMode> {
    let mut fields = Fields::of(body);
    let mode = fields.required("apiMode", |path, text| {
        ApiMode::parse(text).ok_or_else(|| Issue::new(path, "invalid_value", "This must be byok or managed."))
    });
    fields.finish(mode)
}

/// Reads an activation.
///
/// # Errors
/// Every [`Issue`] of the body's form.
pub fn activate(
    body: Map<String, Value>,
    callback_url: impl Fn(&str, &str) -> Result<String, Issue>,
) -> Parsed<ActivateInput> {
    let mut fields = Fields::of(body);
    let name = fields.required("name", text::name);
    let model_provider = fields.string("modelProvider");
    let model_id = fields.required("modelId", text::model_id);
    let telegram_bot_token = fields.required("telegramBotToken", text::bot_token);
    let model_api_key = fields.string("modelApiKey");
    let callback_url = fields.checked("callbackUrl", callback_url);
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

/// Reads a PATCH.
///
/// # Errors
/// Every [`Issue`] of the body's form; an empty body is one.
pub fn update(body: Map<String, Value>) -> Parsed<UpdateInput> {
    let mut fields = Fields::of(body);
    if fields.map.is_empty() {
        fields.issues.push(Issue::new("", "required", "At least one field is required."));
    }
    let input = UpdateInput {
        name: fields.checked("name", text::name),
        model_provider: fields.string("modelProvider"),
        model_id: fields.checked("modelId", text::model_id),
        telegram_bot_token: fields.checked("telegramBotToken", text::bot_token),
        model_api_key: fields.string("modelApiKey"),
    };
    fields.finish(Some(input))
}

/// Reads a body where none is expected: an absent one and `{}` are fine.
///
/// # Errors
/// An [`Issue`] for every key.
pub fn nothing(body: Map<String, Value>) -> Parsed<()> {
    Fields::of(body).finish(Some(()))
}

/// Reads a redeploy; an absent body is an empty one.
///
/// # Errors
/// Every [`Issue`] of the body's form.
pub fn redeploy(
    mut body: Map<String, Value>,
    callback_url: impl Fn(&str, &str) -> Result<String, Issue>,
) -> Parsed<CallbackChange> {
    if body.get("callbackUrl").is_some_and(Value::is_null) {
        body.shift_remove("callbackUrl");
        return Fields::of(body).finish(Some(CallbackChange::Clear));
    }
    let mut fields = Fields::of(body);
    let change =
        fields.checked("callbackUrl", callback_url).map_or(CallbackChange::Keep, CallbackChange::Replace);
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
    fn every_issue_at_once() {
        let body = map(json!({"name": 1, "modelApiKey": null, "surprise": {}, "callbackUrl": null}));
        assert_eq!(
            codes(activate(body, any_url)),
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
    fn purchase_knows_two_modes() {
        assert_eq!(purchase(map(json!({"apiMode": "managed"}))), Ok(ApiMode::Managed));
        assert_eq!(codes(purchase(map(json!({})))), [pair("apiMode", "required")]);
        assert_eq!(codes(purchase(map(json!({"apiMode": "BYOK"})))), [pair("apiMode", "invalid_value")]);
        let both = purchase(map(json!({"apiMode": null, "x": 1})));
        assert_eq!(codes(both), [pair("apiMode", "invalid_type"), pair("x", "unknown_key")]);
    }

    #[test]
    fn update_wants_something_and_knows_no_callback() {
        assert_eq!(codes(update(Map::new())), [pair("", "required")]);
        assert_eq!(
            codes(update(map(json!({"callbackUrl": "https://x.test"})))),
            [pair("callbackUrl", "unknown_key")]
        );
        assert_eq!(codes(update(map(json!({"name": null})))), [pair("name", "invalid_type")]);
    }

    #[test]
    fn redeploy_keeps_replaces_clears() {
        assert_eq!(redeploy(Map::new(), any_url), Ok(CallbackChange::Keep));
        assert_eq!(redeploy(map(json!({"callbackUrl": null})), any_url), Ok(CallbackChange::Clear));
        let replaced = redeploy(map(json!({"callbackUrl": "https://a.test"})), any_url);
        assert_eq!(replaced, Ok(CallbackChange::Replace("https://a.test".into())));
        assert_eq!(
            codes(redeploy(map(json!({"callbackUrl": null, "y": 1})), any_url)),
            [pair("y", "unknown_key")]
        );
    }
}
