//! The request and response bodies as the OpenAPI document describes them. `reef_domain::input` parses requests; a test
//! checks that the two agree.

use std::sync::Arc;

use reef_domain::Timestamp;
use reef_domain::error::{ErrorCode, Issue};
use reef_domain::wire::{ApiMode, AssistantRecord, AssistantStatus, DeliveryState, EventKind, Scope, Status};
use reef_service::callbacks::Delivery;
use reef_service::events::TimelineEntry;
use reef_service::idempotency::Purchased;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The purchase of a slot.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct PurchaseRequest {
    /// Whether the deployment uses your own model key or managed credit.
    pub api_mode: ApiMode,
}

/// A slot whose checkout is open.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurchaseResult {
    /// The deployment ID of the slot.
    #[schema(format = Uuid)]
    pub deployment_id: String,
    /// The URL of the checkout page.
    pub checkout_url: String,
}

impl From<&Purchased> for PurchaseResult {
    fn from(purchased: &Purchased) -> Self {
        Self { deployment_id: purchased.id.to_string(), checkout_url: purchased.checkout_url.clone() }
    }
}

/// The configuration of the assistant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ActivateRequest {
    /// Display name: 1–100 characters after trimming, no control characters.
    #[schema(min_length = 1)]
    pub name: String,
    /// Provider ID (`anthropic`, `openai`, `google` or `openrouter`). Required in BYOK mode; ignored in managed mode.
    #[schema(nullable = false)]
    pub model_provider: Option<String>,
    /// Model ID; `GET /api/v1/models` lists them.
    #[schema(min_length = 1, max_length = 200)]
    pub model_id: String,
    /// Telegram bot token, without spaces or control characters.
    #[schema(min_length = 1, max_length = 256)]
    pub telegram_bot_token: String,
    /// Your API key at the model provider: 1–512 visible ASCII characters. Required in BYOK mode; ignored in managed mode.
    #[schema(nullable = false)]
    pub model_api_key: Option<String>,
    /// The https URL on a public host that receives status callbacks. IP address literals and international domain names are
    /// accepted if they are public.
    #[schema(nullable = false, max_length = 2048)]
    pub callback_url: Option<String>,
}

/// The fields to change, at least one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UpdateRequest {
    /// Display name: 1–100 characters after trimming, no control characters.
    #[schema(nullable = false, min_length = 1)]
    pub name: Option<String>,
    /// Provider ID. A new provider requires `modelApiKey`, too.
    #[schema(nullable = false)]
    pub model_provider: Option<String>,
    /// Model ID; `GET /api/v1/models` lists them.
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub model_id: Option<String>,
    /// A Telegram bot token that replaces the current one.
    #[schema(nullable = false, min_length = 1, max_length = 256)]
    pub telegram_bot_token: Option<String>,
    /// A model API key that replaces the current one: 1–512 visible ASCII characters. BYOK only.
    #[schema(nullable = false, min_length = 1, max_length = 512)]
    pub model_api_key: Option<String>,
}

/// The settings that a redeployment can change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RedeployRequest {
    /// The new callback URL, under the same rules as at activation. Omit it to keep the current one; send `null` to remove it.
    #[schema(max_length = 2048)]
    pub callback_url: Option<String>,
}

/// A slot that was ordered.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurchaseResponse {
    /// The slot and its checkout.
    pub data: PurchaseResult,
}

/// An assistant in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssistantResponse {
    /// The record of the assistant.
    pub data: Arc<AssistantRecord>,
}

/// A list of assistants.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssistantListResponse {
    /// The assistants' records, newest first.
    pub data: Vec<Arc<AssistantRecord>>,
}

/// The status of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusResponse {
    /// The status of the assistant.
    pub data: AssistantStatus,
}

/// An entry of the timeline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AssistantEvent)]
pub struct EventInfo {
    /// The ID of the entry.
    #[schema(format = Uuid)]
    pub id: String,
    /// `assistant.status_changed`, `assistant.health_changed` or `assistant.deleted`; or, without a callback,
    /// `assistant.payment_flagged` or `assistant.credit_used_up` (managed mode).
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventKind,
    /// Increases by one with each entry of an assistant.
    pub sequence: i64,
    /// The status after the event.
    pub status: Status,
    /// The status before the event.
    #[schema(required)]
    pub previous_status: Option<Status>,
    /// The status message of the event.
    #[schema(required)]
    pub status_message: Option<String>,
    /// The URL of the worker at the time of the event.
    #[schema(required)]
    pub worker_url: Option<String>,
    /// When the event occurred.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<TimelineEntry> for EventInfo {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind,
            sequence: entry.sequence,
            status: entry.status,
            previous_status: entry.previous_status,
            status_message: entry.status_message,
            worker_url: entry.worker_url,
            created_at: entry.created_at,
        }
    }
}

/// The timeline of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventListResponse {
    /// The latest 100 entries, newest first.
    pub data: Vec<EventInfo>,
}

/// A callback with all its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallbackDelivery)]
pub struct DeliveryInfo {
    /// The `webhook-id` of all its attempts.
    #[schema(format = Uuid)]
    pub id: String,
    /// The type of the event.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventKind,
    /// The sequence number of the event.
    pub sequence: i64,
    /// The callback URL at the time of the event.
    pub url: String,
    /// The state of the delivery.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: i64,
    /// The HTTP status of the last response.
    #[schema(required)]
    pub last_status: Option<i64>,
    /// The error of the last attempt.
    #[schema(required)]
    pub last_error: Option<String>,
    /// When the event occurred.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the callback was delivered or given up.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryInfo {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            kind: delivery.kind,
            sequence: delivery.sequence,
            url: delivery.url,
            state: delivery.state,
            attempts: delivery.attempts,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}

/// The delivery log of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryListResponse {
    /// The latest 100 callbacks, newest first.
    pub data: Vec<DeliveryInfo>,
}

/// A callback of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryResponse {
    /// The callback with its attempts.
    pub data: DeliveryInfo,
}

/// Confirmation of a successful operation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    /// The value is always true.
    pub success: bool,
}

/// Confirmation of a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuccessResponse {
    /// The confirmation of the deletion.
    pub data: Success,
}

/// The envelope of every error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ErrorResponse {
    /// The error that occurred.
    pub error: ErrorBody,
}

/// An error with its code.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ErrorBody {
    /// A stable code for programs. The set of codes is closed.
    pub code: ErrorCode,
    /// An explanation for people.
    pub message: String,
    /// Further details, depending on the code.
    #[schema(nullable = false)]
    pub details: Option<ErrorDetails>,
}

/// Further details of an error.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ErrorDetails {
    /// With `INVALID_REQUEST` and `INVALID_INPUT`: all validation issues, at most the first 20.
    #[schema(nullable = false, max_items = 20)]
    pub issues: Option<Vec<Issue>>,
    /// The number of further issues; absent if there are none.
    #[schema(nullable = false, minimum = 1)]
    pub omitted: Option<u32>,
    /// With `INVALID_STATE`: the current status.
    #[schema(nullable = false)]
    pub current_status: Option<Status>,
    /// With `INVALID_STATE`: the statuses in which the request is allowed.
    #[schema(nullable = false)]
    pub allowed_statuses: Option<Vec<Status>>,
    /// With `INTERNAL_ERROR`, if the checkout could not be created: `payment_provider_unavailable` if Polar did not answer,
    /// `checkout_refused` if it refused. `message` says what to do.
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// With `FORBIDDEN`: the scope that the API key lacks.
    #[schema(nullable = false)]
    pub required_scope: Option<Scope>,
}
