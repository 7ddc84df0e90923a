//! `GET /api/v1/me` and `GET /api/v1/models`: what the caller's API key may do, and which models activation accepts.

use axum::Json;
use axum::extract::State;
use reef_domain::catalog::{self, Model};
use reef_domain::wire::{ApiMode, Provider};
use reef_domain::{Issue, Timestamp, query};
use reef_service::{Error, Services};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::ApiKeyAuth;
use super::query::Params;
use super::responses::{ReadResponses, ScopedReadResponses};
use super::schema::ErrorResponse;
use crate::api_error::ApiError;

/// An API key and its permissions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRights {
    /// The ID of the user that the key belongs to.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// The ID of the API key.
    #[schema(format = Uuid)]
    pub key_id: String,
    /// The name that its owner gave it.
    pub name: String,
    /// The first characters of the key, which are safe to show.
    pub prefix: String,
    /// What the key may do.
    pub scopes: Vec<reef_domain::wire::Scope>,
    /// When the key expires; null if it never does.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, to the minute; null if it never was.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// The API key that the request was made with.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyRightsResponse {
    /// The API key and its permissions.
    pub data: KeyRights,
}

/// Get current API key
///
/// Returns the owner and the permissions of the API key that the request is made with. Needs no scope.
#[utoipa::path(
    get, path = "/api/v1/me", operation_id = "getMe", tag = "Account",
    responses(ReadResponses, (status = 200, description = "The API key and its permissions.", body = KeyRightsResponse))
)]
pub async fn me(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
) -> Result<Json<KeyRightsResponse>, ApiError> {
    let key = services.get_own_api_key(&caller).await?;
    let data = KeyRights {
        user_id: caller.user_id.to_string(),
        key_id: key.id.to_string(),
        scopes: key.scopes(),
        name: key.name,
        prefix: key.prefix,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
    };
    Ok(Json(KeyRightsResponse { data }))
}

/// A model that activation accepts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// The provider of the model.
    pub provider: Provider,
    /// The ID to send as `modelId`.
    pub id: String,
    /// The name of the model for people.
    pub name: String,
    /// The modes in which the model is available.
    pub modes: Vec<ApiMode>,
}

/// The catalog of available models.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelListResponse {
    /// The models, each provider's recommended ones first.
    pub data: Vec<ModelInfo>,
}

/// List models
///
/// Returns the models that activation accepts.
#[utoipa::path(
    get, path = "/api/v1/models", operation_id = "listModels", tag = "Account",
    security(("apiKey" = ["read"])),
    params(
        ("mode" = Option<ApiMode>, Query, description = "Only models for this mode."),
        ("provider" = Option<Provider>, Query, description = "Only models of this provider."),
    ),
    responses(
        ScopedReadResponses,
        (status = 200, description = "The models.", body = ModelListResponse),
        (status = 400, description = "`INVALID_REQUEST`: the parameter `mode` or `provider` is unknown.", body = ErrorResponse),
    )
)]
pub async fn models(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    Params(params): Params,
) -> Result<Json<ModelListResponse>, ApiError> {
    caller.require_scope(reef_domain::wire::Scope::Read)?;
    let mut issues = Vec::new();
    let mut value =
        |name| query::find_param(&params, name).map_err(|issue| issues.push(issue)).ok().flatten();
    let (mode, provider) = (value("mode"), value("provider"));
    let mode = mode.map(ApiMode::parse);
    if mode == Some(None) {
        issues.push(Issue::new("mode", "invalid_value", "mode must be byok or managed."));
    }
    let provider = provider.map(catalog::parse_provider).transpose();
    let provider = provider.map_err(|issue| issues.push(Issue { path: "provider".to_owned(), ..issue }));
    if !issues.is_empty() {
        return Err(Error::InvalidRequest(issues).into());
    }
    let provider = provider.ok().flatten();
    let matches = |model: &&Model| provider.is_none_or(|provider| model.provider == provider);
    // Every model of the catalog is served in both modes: managed assistants reach it through OpenRouter.
    let catalog = services.catalog().await?;
    let data = catalog.models().iter().filter(matches).map(|model| ModelInfo {
        provider: model.provider,
        id: model.id.clone(),
        name: model.name.clone(),
        modes: mode.flatten().map_or_else(|| ApiMode::ALL.to_vec(), |mode| vec![mode]),
    });
    Ok(Json(ModelListResponse { data: data.collect() }))
}
