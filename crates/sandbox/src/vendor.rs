//! The vendors that the sandbox simulates.

use serde_json::json;

use crate::{
    models::{self, anthropic, google, openai, openrouter},
    telegram,
    web::ErrorResponse,
};

/// A vendor whose API the sandbox simulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Polar,
    Telegram,
    Anthropic,
    OpenAi,
    Google,
    OpenRouter,
}

impl Vendor {
    /// The maximum size of a request. Models are sent pictures and documents.
    pub fn body_bytes_max(self) -> usize {
        match self {
            Self::Anthropic | Self::OpenAi | Self::Google | Self::OpenRouter => models::BODY_BYTES_MAX,
            Self::Polar | Self::Telegram => crate::BODY_BYTES_MAX,
        }
    }

    const ALL: [Self; 6] =
        [Self::Polar, Self::Telegram, Self::Anthropic, Self::OpenAi, Self::Google, Self::OpenRouter];

    pub fn name(self) -> &'static str {
        match self {
            Self::Polar => "polar",
            Self::Telegram => "telegram",
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Google => "google",
            Self::OpenRouter => "openrouter",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == name)
    }

    /// Returns the vendor of a path `/sandbox/{vendor}/…`.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::parse(path.strip_prefix("/sandbox/")?.split('/').next()?)
    }

    /// Returns an error in the format of this vendor.
    pub fn error(self, status: u16, message: &str) -> ErrorResponse {
        let refusal = match self {
            Self::Polar => ErrorResponse::new(status, json!({"error": "PolarError", "detail": message})),
            Self::Telegram => telegram::error(status, message),
            Self::Anthropic => anthropic::error(status, message),
            Self::OpenAi => openai::error(status, message),
            Self::Google => google::error(status, message),
            Self::OpenRouter => openrouter::error(status, message),
        };
        if status == 429 && refusal.retry_after.is_none() { refusal.retry_after(1) } else { refusal }
    }
}
