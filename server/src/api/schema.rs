//! What bodies look like in the OpenAPI document. The parsing is `reef_domain::input`'s; a test holds the two
//! together.

use reef_domain::error::{ErrorCode, Issue};
use reef_domain::wire::{ApiMode, AssistantRecord, AssistantStatus, Scope, Status};
use reef_service::assistants::Purchased;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A slot to buy.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct PurchaseRequest {
    /// Whether the deployment uses your own model key or managed credits.
    pub api_mode: ApiMode,
}

/// A slot that was bought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurchaseResult {
    /// The slot's deployment id.
    #[schema(format = Uuid)]
    pub deployment_id: String,
    /// The page to pay on.
    pub checkout_url: String,
}

impl From<&Purchased> for PurchaseResult {
    fn from(bought: &Purchased) -> Self {
        Self { deployment_id: bought.id.to_string(), checkout_url: bought.checkout_url.clone() }
    }
}

/// What a purchased slot is to become.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ActivateRequest {
    /// Assistant name: 1–100 characters after trimming, no control characters.
    #[schema(min_length = 1)]
    pub name: String,
    /// Provider id (`anthropic`, `openai`, `google` or `openrouter`). Required in BYOK mode; ignored in managed mode.
    #[schema(nullable = false)]
    pub model_provider: Option<String>,
    /// Model identifier; GET /api/v1/models lists them.
    #[schema(min_length = 1, max_length = 200)]
    pub model_id: String,
    /// Telegram bot token; no spaces or control characters.
    #[schema(min_length = 1, max_length = 256)]
    pub telegram_bot_token: String,
    /// Your key at the provider: 1–512 visible ASCII characters. Required in BYOK mode; ignored in managed mode.
    #[schema(nullable = false)]
    pub model_api_key: Option<String>,
    /// Where status callbacks go: https, on a public host. An address literal or an international name is taken too if
    /// it is public.
    #[schema(nullable = false, max_length = 2048)]
    pub callback_url: Option<String>,
}

/// What is to change; at least one field.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateRequest {
    /// Display name: 1–100 characters after trimming, no control characters.
    #[schema(nullable = false, min_length = 1)]
    pub name: Option<String>,
    /// Provider id; needs modelApiKey when it changes.
    #[schema(nullable = false)]
    pub model_provider: Option<String>,
    /// Model identifier; GET /api/v1/models lists them.
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub model_id: Option<String>,
    /// Bot token in the place of the current one.
    #[schema(nullable = false, min_length = 1, max_length = 256)]
    pub telegram_bot_token: Option<String>,
    /// Model key in the place of the current one: 1–512 visible ASCII characters; BYOK only.
    #[schema(nullable = false, min_length = 1, max_length = 512)]
    pub model_api_key: Option<String>,
}

/// What a redeploy may change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RedeployRequest {
    /// Left out keeps the callback URL, a string replaces it (the rules are activation's), null clears it.
    #[schema(max_length = 2048)]
    pub callback_url: Option<String>,
}

/// A purchase's answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurchaseResponse {
    /// The slot.
    pub data: PurchaseResult,
}

/// One assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssistantResponse {
    /// The record.
    pub data: AssistantRecord,
}

/// Several assistants.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssistantListResponse {
    /// The records, newest first.
    pub data: Vec<AssistantRecord>,
}

/// An assistant's status.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusResponse {
    /// The light record.
    pub data: AssistantStatus,
}

/// That something was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    /// Always true.
    pub success: bool,
}

/// A deletion's answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuccessResponse {
    /// That it was done.
    pub data: Success,
}

/// Every error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ErrorResponse {
    /// What went wrong.
    pub error: ErrorBody,
}

/// What went wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ErrorBody {
    /// A stable code to match on; the set is closed.
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
    /// More, depending on the code.
    #[schema(nullable = false)]
    pub details: Option<ErrorDetails>,
}

/// What is added to an error.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ErrorDetails {
    /// With `INVALID_REQUEST` and `INVALID_INPUT`: what is wrong, all at once; the first 20 when there is more.
    #[schema(nullable = false, max_items = 20)]
    pub issues: Option<Vec<Issue>>,
    /// How many issues are left out; absent when none is.
    #[schema(nullable = false, minimum = 1)]
    pub omitted: Option<u32>,
    /// With `INVALID_STATE`: how it is.
    #[schema(nullable = false)]
    pub current_status: Option<Status>,
    /// With `INVALID_STATE`: how it would have to be.
    #[schema(nullable = false)]
    pub allowed_statuses: Option<Vec<Status>>,
    /// With `INTERNAL_ERROR`, when no checkout could be made: `payment_provider_unavailable` when the payment provider does
    /// not answer, `checkout_refused` when it refuses; `message` says what to do then.
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// With `FORBIDDEN`: the scope the key lacks.
    #[schema(nullable = false)]
    pub required_scope: Option<Scope>,
}
