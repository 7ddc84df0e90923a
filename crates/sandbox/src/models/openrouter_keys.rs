//! OpenRouter's key management at `/keys`, whose usage and limits are counted.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde_json::{Map, Value, json};
use sqlx::FromRow;

use super::openrouter::{Caller, error, get_caller};
use crate::{
    World,
    clock::{now_ms, parse_rfc3339, random_hex, rfc3339},
    web::{HandlerResult, parse_pairs},
};

const PAGE_SIZE: i64 = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// 1970-01-01 was a Thursday, three days after a Monday.
const MONDAY_OFFSET_DAYS: i64 = 3;
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

/// A key created with `POST /keys`, and its usage in USD.
#[derive(Debug, FromRow)]
pub(super) struct Key {
    pub hash: String,
    name: String,
    label: String,
    disabled: bool,
    usd_limit: Option<f64>,
    limit_reset: Option<String>,
    include_byok_in_limit: bool,
    created_at: i64,
    updated_at: i64,
    expires_at: Option<i64>,
    deleted: bool,
    usage: f64,
    usage_daily: f64,
    usage_weekly: f64,
    usage_monthly: f64,
}

/// Selects keys with their usage. `$1` to `$3` are the starts of the day, the week and the month.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "select k.hash, k.name, k.label, k.disabled, k.usd_limit, k.limit_reset, k.include_byok_in_limit,
               k.created_at, k.updated_at, k.expires_at, k.deleted,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash), 0.0) as usage,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash and u.at >= $1), 0.0) as usage_daily,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash and u.at >= $2), 0.0) as usage_weekly,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash and u.at >= $3), 0.0) as usage_monthly
             from openrouter_keys k ",
            $rest
        )
    };
}

impl Key {
    pub fn is_live(&self, now: i64) -> bool {
        !self.deleted && !self.disabled && self.expires_at.is_none_or(|at| at > now)
    }

    /// The USD that may still be spent, or `None` without a limit. A limit is reset at 00:00 UTC.
    pub fn limit_remaining(&self) -> Option<f64> {
        let used = match self.limit_reset.as_deref() {
            Some("daily") => self.usage_daily,
            Some("weekly") => self.usage_weekly,
            Some("monthly") => self.usage_monthly,
            _ => self.usage,
        };
        self.usd_limit.map(|limit| (limit - used).max(0.0))
    }

    pub fn to_json(&self) -> Value {
        json!({
            "hash": self.hash, "label": self.label, "name": self.name, "disabled": self.disabled,
            "limit": self.usd_limit, "limit_remaining": self.limit_remaining(), "limit_reset": self.limit_reset,
            "include_byok_in_limit": self.include_byok_in_limit, "usage": self.usage, "usage_daily": self.usage_daily,
            "usage_weekly": self.usage_weekly, "usage_monthly": self.usage_monthly, "byok_usage": 0, "byok_usage_daily": 0,
            "byok_usage_weekly": 0, "byok_usage_monthly": 0, "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at), "expires_at": self.expires_at.map(rfc3339), "workspace_id": null,
        })
    }
}

/// Returns the starts of this day, this week (a Monday) and this month, in UTC.
fn period_starts(now: i64) -> (i64, i64, i64) {
    let days = now.div_euclid(DAY_MS);
    let week = days - (days + MONDAY_OFFSET_DAYS).rem_euclid(7);
    let month = parse_rfc3339(&format!("{}-01T00:00:00Z", &rfc3339(now)[..7])).unwrap_or(days * DAY_MS);
    (days * DAY_MS, week * DAY_MS, month)
}

/// Finds a key by its secret, including deleted keys.
pub(super) async fn find_by_secret(world: &World, secret: &str) -> sqlx::Result<Option<Key>> {
    let (day, week, month) = period_starts(now_ms());
    sqlx::query_as(select_keys!("where k.secret = $4"))
        .bind(day)
        .bind(week)
        .bind(month)
        .bind(secret)
        .fetch_optional(&world.db)
        .await
}

async fn get_by_hash(world: &World, hash: &str) -> HandlerResult<Key> {
    let (day, week, month) = period_starts(now_ms());
    let key: Option<Key> = sqlx::query_as(select_keys!("where k.hash = $4 and not k.deleted"))
        .bind(day)
        .bind(week)
        .bind(month)
        .bind(hash)
        .fetch_optional(&world.db)
        .await?;
    key.ok_or_else(|| error(404, "API key not found"))
}

/// Records the cost of a completion.
pub(super) async fn record_usage(world: &World, hash: &str, usd: f64) -> sqlx::Result<()> {
    sqlx::query("insert into openrouter_usage (hash, at, usd) values ($1, $2, $3)")
        .bind(hash)
        .bind(now_ms())
        .bind(usd)
        .execute(&world.db)
        .await?;
    Ok(())
}

/// Requires a key that may manage others, which is any key that was not created with `POST /keys`.
pub(super) async fn authorize_management(world: &World, headers: &HeaderMap) -> HandlerResult<()> {
    match get_caller(world, headers).await? {
        Caller::Management | Caller::External(_) => Ok(()),
        Caller::Created(_) => Err(error(403, "Only management keys can perform this operation")),
    }
}

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
    let (day, week, month) = period_starts(now_ms());
    let keys: Vec<Key> = sqlx::query_as(select_keys!(
        "where not k.deleted and ($4 or not k.disabled) order by k.seq desc limit $5 offset $6"
    ))
    .bind(day)
    .bind(week)
    .bind(month)
    .bind(asked("include_disabled") == Some("true"))
    .bind(PAGE_SIZE)
    .bind(offset)
    .fetch_all(&world.db)
    .await?;
    let data: Vec<Value> = keys.iter().map(Key::to_json).collect();
    Ok(Json(json!({"data": data})).into_response())
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
    let key = get_by_hash(&world, &hash).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": key.to_json(), "key": secret}))).into_response())
}

/// `GET /keys/{hash}`.
pub(super) async fn get(
    State(world): State<World>,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    Ok(Json(json!({"data": get_by_hash(&world, &hash).await?.to_json()})).into_response())
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
    let key = get_by_hash(&world, &hash).await?;
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
    Ok(Json(json!({"data": get_by_hash(&world, &hash).await?.to_json()})).into_response())
}

/// `DELETE /keys/{hash}`: 404 for a key that is deleted already.
pub(super) async fn delete(
    State(world): State<World>,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    get_by_hash(&world, &hash).await?;
    sqlx::query("update openrouter_keys set deleted = 1, updated_at = $2 where hash = $1")
        .bind(&hash)
        .bind(now_ms())
        .execute(&world.db)
        .await?;
    Ok(Json(json!({"deleted": true})).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_start_at_midnight_utc() {
        let at = |text| parse_rfc3339(text).unwrap();
        // 2026-11-22 is a Sunday, the last day of a week.
        let now = at("2026-11-22T13:45:00Z");
        let expected = (at("2026-11-22T00:00:00Z"), at("2026-11-16T00:00:00Z"), at("2026-11-01T00:00:00Z"));
        assert_eq!(period_starts(now), expected);
    }
}
