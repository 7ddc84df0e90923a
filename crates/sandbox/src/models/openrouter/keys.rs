//! OpenRouter's key management at `/keys`, whose usage and limits are counted.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde_json::{Map, Value, json};

use super::caller::authorize_management;
use super::error;
use super::key_records::{self, Key};
use crate::{
    World,
    clock::{now_ms, parse_rfc3339, random_hex},
    web::{HandlerResult, parse_pairs},
};

const PAGE_SIZE: i64 = 100;
const KNOWN_FIELDS: [&str; 8] = [
    "name",
    "limit",
    "limit_reset",
    "include_byok_in_limit",
    "expires_at",
    "workspace_id",
    "external",
    "disabled",
];

/// `GET /keys?offset=&include_disabled=`: the newest keys first.
pub(super) async fn list(
    State(world): State<World>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    let query = parse_pairs(query.unwrap_or_default().as_bytes());
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let offset: i64 = match asked("offset").map(str::parse) {
        None => 0,
        Some(Ok(offset @ 0..)) => offset,
        Some(_) => return Err(error(400, "offset: expected a number of at least 0")),
    };
    let is_disabled_included = asked("include_disabled") == Some("true");
    let keys = key_records::list(&world, is_disabled_included, offset, PAGE_SIZE).await?;
    let data: Vec<Value> = keys.iter().map(Key::to_json).collect();
    Ok(Json(json!({"data": data})).into_response())
}

async fn get_key(world: &World, hash: &str) -> HandlerResult<Key> {
    key_records::find_by_hash(world, hash).await?.ok_or_else(|| error(404, "API key not found"))
}

/// Validates the body of `POST` and `PATCH`.
fn validate(raw: &[u8]) -> HandlerResult<Map<String, Value>> {
    let body: Map<String, Value> =
        serde_json::from_slice(raw).map_err(|_| error(400, "The request body is not valid JSON"))?;
    if let Some(name) = body.keys().find(|name| !KNOWN_FIELDS.contains(&name.as_str())) {
        return Err(error(400, &format!("Unrecognized key: \"{name}\"")));
    }
    for (name, value) in &body {
        let is_valid = match name.as_str() {
            "name" => value.as_str().is_some_and(|name| !name.trim().is_empty()),
            "limit" => value.is_null() || value.as_f64().is_some_and(|limit| limit >= 0.0),
            "limit_reset" => {
                value.is_null() || ["daily", "weekly", "monthly"].iter().any(|known| value == known)
            }
            "include_byok_in_limit" | "disabled" => value.is_boolean(),
            "expires_at" => {
                value.is_null()
                    || value.as_str().is_some_and(|text| text.ends_with('Z') && parse_rfc3339(text).is_some())
            }
            _ => true,
        };
        if !is_valid {
            return Err(error(400, &format!("{name}: Invalid input")));
        }
    }
    Ok(body)
}

/// `POST /keys`: 201. No later response contains the secret.
pub(super) async fn create(State(world): State<World>, headers: HeaderMap, raw: Bytes) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    let body = validate(&raw)?;
    let Some(name) = body.get("name").and_then(Value::as_str) else {
        return Err(error(400, "name: Required"));
    };
    let (secret, hash) = (format!("sk-or-v1-{}", random_hex(64)), random_hex(64));
    let label = format!("{}...{}", &secret[..12], &secret[secret.len() - 3..]);
    sqlx::query(
        "insert into openrouter_keys (hash, secret, name, label, usd_limit, limit_reset, include_byok_in_limit, created_at,
           updated_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
    )
    .bind(&hash)
    .bind(&secret)
    .bind(name)
    .bind(label)
    .bind(body.get("limit").and_then(Value::as_f64))
    .bind(body.get("limit_reset").and_then(Value::as_str))
    .bind(body.get("include_byok_in_limit") == Some(&json!(true)))
    .bind(now_ms())
    .bind(body.get("expires_at").and_then(Value::as_str).and_then(parse_rfc3339))
    .execute(&world.db)
    .await?;
    let key = get_key(&world, &hash).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": key.to_json(), "key": secret}))).into_response())
}

/// `GET /keys/{hash}`.
pub(super) async fn get(
    State(world): State<World>,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    Ok(Json(json!({"data": get_key(&world, &hash).await?.to_json()})).into_response())
}

/// `PATCH /keys/{hash}`: updates the given fields; `null` removes a limit.
pub(super) async fn update(
    State(world): State<World>,
    headers: HeaderMap,
    Path(hash): Path<String>,
    raw: Bytes,
) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    let body = validate(&raw)?;
    let key = get_key(&world, &hash).await?;
    let limit = body.get("limit").map_or(key.usd_limit, Value::as_f64);
    let reset = body.get("limit_reset").map_or(key.limit_reset, |reset| reset.as_str().map(str::to_owned));
    sqlx::query(
        "update openrouter_keys set name = $2, disabled = $3, usd_limit = $4, limit_reset = $5,
           include_byok_in_limit = $6, updated_at = $7 where hash = $1",
    )
    .bind(&hash)
    .bind(body.get("name").and_then(Value::as_str).unwrap_or(&key.name))
    .bind(body.get("disabled").and_then(Value::as_bool).unwrap_or(key.disabled))
    .bind(limit)
    .bind(reset)
    .bind(body.get("include_byok_in_limit").and_then(Value::as_bool).unwrap_or(key.include_byok_in_limit))
    .bind(now_ms())
    .execute(&world.db)
    .await?;
    Ok(Json(json!({"data": get_key(&world, &hash).await?.to_json()})).into_response())
}

/// `DELETE /keys/{hash}`: 404 for a key that is deleted already.
pub(super) async fn delete(
    State(world): State<World>,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    get_key(&world, &hash).await?;
    sqlx::query("update openrouter_keys set deleted = 1, updated_at = $2 where hash = $1")
        .bind(&hash)
        .bind(now_ms())
        .execute(&world.db)
        .await?;
    Ok(Json(json!({"deleted": true})).into_response())
}
