//! The checks of a deployment with the model providers.

use async_trait::async_trait;
use reef_assistant::model::{
    Answer, Budget, ModelError, chat_request, key_check_request, model_check_request, read_answer,
    read_key_check, read_model_check,
};
use reef_assistant::{HttpRequest, HttpResponse, Method, Provider as AssistantProvider, Settings, Turn};
use reef_domain::catalog::Listed;
use reef_domain::wire::Provider;
use reef_service::ports::{GreetError, ModelCheckError, ModelListError, ModelProviders};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::http::Http;

/// How long OpenRouter's list may take, in milliseconds.
const LIST_TIMEOUT_MS: u64 = 30_000;
/// How long it may be: some kilobytes for each of hundreds of models.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a model may take to say hello, in milliseconds: somebody is looking at a form.
const GREETING_TIMEOUT_MS: u64 = 20_000;
/// How much of it is kept, in characters.
const GREETING_CHARS_MAX: usize = 200;
const GREETING_SYSTEM: &str =
    "You are about to become a chat assistant. Answer in one short, friendly sentence.";
const GREETING_ASKED: &str = "Say hello.";

/// Where the providers are, without trailing slashes; Anthropic's and Google's without their version, OpenAI's and
/// OpenRouter's with it, as those vendors write their base URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderUrls {
    /// Anthropic: `https://api.anthropic.com`.
    pub anthropic: String,
    /// OpenAI: `https://api.openai.com/v1`.
    pub openai: String,
    /// Google: `https://generativelanguage.googleapis.com`.
    pub google: String,
    /// OpenRouter: `https://openrouter.ai/api/v1`.
    pub openrouter: String,
}

impl Default for ProviderUrls {
    /// The providers' own.
    fn default() -> Self {
        Self {
            anthropic: AssistantProvider::Anthropic.default_url().to_owned(),
            openai: AssistantProvider::OpenAi.default_url().to_owned(),
            google: AssistantProvider::Google.default_url().to_owned(),
            openrouter: AssistantProvider::OpenRouter.default_url().to_owned(),
        }
    }
}

impl ProviderUrls {
    /// Where that provider is.
    #[must_use]
    pub fn of(&self, provider: Provider) -> &str {
        match provider {
            Provider::Anthropic => &self.anthropic,
            Provider::Openai => &self.openai,
            Provider::Google => &self.google,
            Provider::Openrouter => &self.openrouter,
        }
    }
}

/// The API's provider as the assistant's code names it.
#[must_use]
pub const fn assistant_provider(provider: Provider) -> AssistantProvider {
    match provider {
        Provider::Anthropic => AssistantProvider::Anthropic,
        Provider::Openai => AssistantProvider::OpenAi,
        Provider::Google => AssistantProvider::Google,
        Provider::Openrouter => AssistantProvider::OpenRouter,
    }
}

/// The four model providers.
#[derive(Clone, Debug)]
pub struct Providers {
    http: Http,
    urls: ProviderUrls,
}

impl Providers {
    /// The providers at these URLs.
    #[must_use]
    pub fn new(http: Http, urls: ProviderUrls) -> Self {
        Self { http, urls }
    }

    /// Asks for a greeting, and once more with each other budget that can help, as a turn does.
    async fn greeting(&self, settings: &Settings) -> Result<Answer, GreetError> {
        let mut budget = Budget::default();
        loop {
            let request = chat_request(settings, GREETING_SYSTEM, &[Turn::user(GREETING_ASKED)], budget);
            let request = HttpRequest { timeout_ms: GREETING_TIMEOUT_MS, ..request };
            let sent = self.http.send(request).await;
            let answer = sent.map_err(|error| GreetError::NoAnswer(error.to_string()))?;
            // Nobody is told when a limit ends, so the time of the answer does not matter.
            let error = match read_answer(settings.provider, &answer, 0) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(other) = budget.after(error, &answer) else {
                return Err(greet_error(budget.final_error(error)));
            };
            budget = other;
        }
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, ModelCheckError> {
        self.http.send(request).await.map_err(|error| ModelCheckError::Unavailable(error.to_string()))
    }
}

#[async_trait]
impl ModelProviders for Providers {
    async fn check(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<(), ModelCheckError> {
        let (url, key) = (self.urls.of(provider), key.expose_secret());
        let provider = assistant_provider(provider);
        let answer = self.ask(key_check_request(provider, url, key)).await?;
        read_key_check(provider, &answer).map_err(check_error)?;
        let answer = self.ask(model_check_request(provider, url, key, model_id)).await?;
        read_model_check(provider, model_id, &answer).map_err(check_error)
    }

    async fn greet(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<String, GreetError> {
        let settings = Settings {
            name: String::new(),
            bot_token: String::new(),
            bot_username: String::new(),
            telegram_url: String::new(),
            provider: assistant_provider(provider),
            provider_url: self.urls.of(provider).to_owned(),
            model_id: model_id.to_owned(),
            api_key: key.expose_secret().to_owned(),
            credit: None,
        };
        let answer = self.greeting(&settings).await?;
        Ok(one_line(&answer.text))
    }

    async fn list(&self) -> Result<Vec<Listed>, ModelListError> {
        let request = HttpRequest {
            vendor: AssistantProvider::OpenRouter.name(),
            method: Method::Get,
            url: format!("{}/models", self.urls.openrouter),
            headers: vec![("accept", "application/json".to_owned())],
            body: Vec::new(),
            timeout_ms: LIST_TIMEOUT_MS,
            response_bytes_max: LIST_BYTES_MAX,
        };
        let failed = |reason: String| ModelListError(reason);
        let answer = self.http.send(request).await.map_err(|error| failed(error.to_string()))?;
        if answer.status != 200 {
            return Err(failed(format!("status {}", answer.status)));
        }
        let list: ModelList = serde_json::from_slice(&answer.body)
            .map_err(|_| failed("the answer was not understood".to_owned()))?;
        let models = list.data.into_iter().filter_map(|entry| serde_json::from_value::<Entry>(entry).ok());
        let texts = models.filter(Entry::answers_in_text);
        Ok(texts
            .map(|entry| Listed { name: entry.name.unwrap_or_else(|| entry.id.clone()), id: entry.id })
            .collect())
    }
}

/// OpenRouter's `GET /models`. One entry that is not understood does not spoil the others.
#[derive(Deserialize)]
struct ModelList {
    data: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: Option<String>,
    architecture: Option<Architecture>,
}

#[derive(Deserialize)]
struct Architecture {
    output_modalities: Option<Vec<String>>,
}

impl Entry {
    fn answers_in_text(&self) -> bool {
        let outputs =
            self.architecture.as_ref().and_then(|architecture| architecture.output_modalities.as_ref());
        outputs.is_none_or(|outputs| outputs.iter().any(|output| output == "text"))
    }
}

/// The words of a text on one line, cut where it gets long.
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
