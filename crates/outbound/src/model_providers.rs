//! The model providers: checks of keys and models, a greeting for the activation form, and OpenRouter's model list.

use async_trait::async_trait;
use reef_domain::catalog::ListedModel;
use reef_domain::wire::Provider;
use reef_ports::{GreetError, ModelCheckError, ModelListError, ModelProviders};
use reef_protocols::model::{
    Answer, Model, ModelError, TokenBudget, Turn, chat_request, default_url, key_check_request,
    model_check_request, read_answer, read_key_check, read_model_check,
};
use reef_protocols::{HttpRequest, HttpResponse, openrouter};
use secrecy::{ExposeSecret, SecretString};

use crate::http::Http;

/// The timeout of a greeting in milliseconds. It is short because a person waits for it at a form.
const GREETING_TIMEOUT_MS: u64 = 20_000;
/// The maximum length of a greeting, in characters.
const GREETING_CHARS_MAX: usize = 200;
const GREETING_SYSTEM: &str =
    "You are about to become a chat assistant. Answer in one short, friendly sentence.";
const GREETING_PROMPT: &str = "Say hello.";

/// The base URLs of the model providers, without trailing slashes. As in the vendors' own documentation, OpenAI's and
/// OpenRouter's include the version, and Anthropic's and Google's do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderUrls {
    /// Anthropic's base URL, by default `https://api.anthropic.com`.
    pub anthropic: String,
    /// OpenAI's base URL, by default `https://api.openai.com/v1`.
    pub openai: String,
    /// Google's base URL, by default `https://generativelanguage.googleapis.com`.
    pub google: String,
    /// OpenRouter's base URL, by default `https://openrouter.ai/api/v1`.
    pub openrouter: String,
}

impl Default for ProviderUrls {
    /// The providers' public base URLs.
    fn default() -> Self {
        Self {
            anthropic: default_url(Provider::Anthropic).to_owned(),
            openai: default_url(Provider::Openai).to_owned(),
            google: default_url(Provider::Google).to_owned(),
            openrouter: default_url(Provider::Openrouter).to_owned(),
        }
    }
}

impl ProviderUrls {
    /// The base URL of a provider.
    #[must_use]
    pub fn get(&self, provider: Provider) -> &str {
        match provider {
            Provider::Anthropic => &self.anthropic,
            Provider::Openai => &self.openai,
            Provider::Google => &self.google,
            Provider::Openrouter => &self.openrouter,
        }
    }
}

/// The client for the four model providers.
#[derive(Clone, Debug)]
pub struct ModelProvidersClient {
    http: Http,
    urls: ProviderUrls,
}

impl ModelProvidersClient {
    /// Creates a client for the providers at these URLs.
    #[must_use]
    pub fn new(http: Http, urls: ProviderUrls) -> Self {
        Self { http, urls }
    }

    /// Requests a greeting, and like a turn retries it with other token budgets that may help.
    async fn request_greeting(&self, model: Model<'_>) -> Result<Answer, GreetError> {
        let mut budget = TokenBudget::default();
        loop {
            let request = chat_request(model, GREETING_SYSTEM, &[Turn::user(GREETING_PROMPT)], &[], budget);
            let request = HttpRequest { timeout_ms: GREETING_TIMEOUT_MS, ..request };
            let sent = self.http.send(request).await;
            let answer = sent.map_err(|error| GreetError::NoAnswer(error.to_string()))?;
            // The reset time of a limit is not used, so the current time does not matter.
            let error = match read_answer(model.provider, &answer, 0) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(other) = budget.retry_budget(error, &answer) else {
                return Err(greet_error(budget.final_error(error)));
            };
            budget = other;
        }
    }

    async fn send_check(&self, request: HttpRequest) -> Result<HttpResponse, ModelCheckError> {
        self.http.send(request).await.map_err(|error| ModelCheckError::Unavailable(error.to_string()))
    }
}

#[async_trait]
impl ModelProviders for ModelProvidersClient {
    async fn check(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<(), ModelCheckError> {
        let (url, key) = (self.urls.get(provider), key.expose_secret());
        let answer = self.send_check(key_check_request(provider, url, key)).await?;
        read_key_check(provider, &answer).map_err(check_error)?;
        let answer = self.send_check(model_check_request(provider, url, key, model_id)).await?;
        read_model_check(provider, model_id, &answer).map_err(check_error)
    }

    async fn greet(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<String, GreetError> {
        let (provider_url, api_key) = (self.urls.get(provider), key.expose_secret());
        let answer = self.request_greeting(Model { provider, provider_url, id: model_id, api_key }).await?;
        Ok(one_line(&answer.text))
    }

    async fn list(&self) -> Result<Vec<ListedModel>, ModelListError> {
        let sent = self.http.send(openrouter::list_models(&self.urls.openrouter)).await;
        openrouter::read_models(&sent.map_err(|error| ModelListError(error.to_string()))?)
    }
}

/// Joins a text into one line and truncates it.
fn one_line(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(GREETING_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn greet_error(error: ModelError) -> GreetError {
    match error {
        ModelError::KeyRejected => GreetError::KeyRejected,
        ModelError::ModelNotFound => GreetError::ModelUnavailable,
        ModelError::OutOfCredit => GreetError::OutOfCredit,
        error => GreetError::NoAnswer(error.to_string()),
    }
}

fn check_error(error: ModelError) -> ModelCheckError {
    match error {
        ModelError::KeyRejected => ModelCheckError::KeyRejected,
        ModelError::ModelNotFound => ModelCheckError::ModelUnavailable,
        error => ModelCheckError::Unavailable(error.to_string()),
    }
}
