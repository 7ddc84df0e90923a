//! The log of vendor calls. Every call passes the middleware [`record`], which stores it with its secrets masked and
//! applies the configured faults.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Query, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{
    World,
    clock::{now_ms, rfc3339},
    faults,
    vendor::Vendor,
    web::{HandlerResult, error_response},
};

const CALLS_MAX: i64 = 1_000;
/// The log is pruned once per this many calls.
const PRUNE_INTERVAL: i64 = 50;
/// A longer text body is truncated in the log.
const BODY_CHARS_MAX: usize = 16 * 1024;
/// A longer text within JSON is truncated in the log: it is a file in base64, of which a thousand would fill the disk.
const STRING_BYTES_MAX: usize = 64 * 1024;
/// What remains of such a text.
const STRING_CHARS_SHOWN: usize = 64;

pub(crate) fn routes() -> Router<World> {
    Router::new().route("/sandbox/requests", get(list))
}

/// The middleware of all vendor routes.
pub(crate) async fn record(State(world): State<World>, request: Request, next: Next) -> HandlerResult {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let Some(vendor) = Vendor::of_path(&path) else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let Ok(body) = to_bytes(body, vendor.body_bytes_max()).await else {
        return Err(vendor.error(413, "Request Entity Too Large"));
    };
    let seq = insert_call(&world, vendor, parts.method.as_str(), &path, &body).await?;
    let response = match faults::consume_for_call(&world, parts.method.as_str(), &path).await? {
        Some(fault) => {
            faults::apply(fault, vendor, || next.run(Request::from_parts(parts, Body::from(body)))).await
        }
        None => next.run(Request::from_parts(parts, Body::from(body))).await,
    };
    sqlx::query("update requests set status = $2 where seq = $1")
        .bind(seq)
        .bind(
            response
                .extensions()
                .get::<faults::ConnectionDropped>()
                .map_or(Some(response.status().as_u16()), |_| None),
        )
        .execute(&world.db)
        .await?;
    Ok(response)
}

/// Stores a call before it is handled, so that a call without a response is listed with `status: null`.
async fn insert_call(
    world: &World,
    vendor: Vendor,
    method: &str,
    path: &str,
    body: &[u8],
) -> sqlx::Result<i64> {
    let seq: i64 = sqlx::query_scalar(
        "insert into requests (vendor, method, path, body, at) values ($1, $2, $3, $4, $5) returning seq",
    )
    .bind(vendor.name())
    .bind(method)
    .bind(mask(path))
    .bind(masked_body(body).to_string())
    .bind(now_ms())
    .fetch_one(&world.db)
    .await?;
    if seq % PRUNE_INTERVAL == 0 {
        sqlx::query("delete from requests where seq <= $1").bind(seq - CALLS_MAX).execute(&world.db).await?;
    }
    Ok(seq)
}

#[derive(Deserialize)]
struct Filter {
    vendor: Option<String>,
}

#[derive(FromRow)]
struct Call {
    vendor: String,
    method: String,
    path: String,
    #[sqlx(json)]
    body: Value,
    status: Option<u16>,
    at: i64,
}

/// `GET /sandbox/requests?vendor=`: oldest first. Without `vendor` it lists the calls to all vendors.
async fn list(State(world): State<World>, Query(filter): Query<Filter>) -> HandlerResult<Response> {
    let vendor = filter.vendor.filter(|name| !name.is_empty());
    if vendor.as_deref().is_some_and(|name| Vendor::parse(name).is_none()) {
        return Err(error_response(
            400,
            "vendor must be polar, telegram, anthropic, openai, google or openrouter.",
        ));
    }
    let calls: Vec<Call> = sqlx::query_as(
        "select vendor, method, path, body, status, at from requests
         where seq > (select coalesce(max(seq), 0) from requests) - $2 and ($1 is null or vendor = $1) order by seq",
    )
    .bind(vendor)
    .bind(CALLS_MAX)
    .fetch_all(&world.db)
    .await?;
    let data: Vec<Value> = calls
        .into_iter()
        .map(|call| {
            json!({"vendor": call.vendor, "method": call.method, "path": call.path, "body": call.body,
                "status": call.status, "at": rfc3339(call.at)})
        })
        .collect();
    Ok(Json(json!({"data": data})).into_response())
}

/// Masks the secrets of a body. JSON stays JSON, anything else becomes text, and an empty body becomes null.
fn masked_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let mut value = serde_json::from_slice(body).unwrap_or_else(|_| {
        Value::String(String::from_utf8_lossy(body).chars().take(BODY_CHARS_MAX).collect())
    });
    mask_value(&mut value);
    value
}

fn mask_value(value: &mut Value) {
    const SECRET_KEYS: [&str; 7] =
        ["secret_token", "secret", "key", "api_key", "apiKey", "authorization", "token"];
    match value {
        Value::String(text) if text.len() > STRING_BYTES_MAX => {
            let shown: String = text.chars().take(STRING_CHARS_SHOWN).collect();
            *text = format!("{}… ({} bytes)", mask(&shown), text.len());
        }
        Value::String(text) => *text = mask(text),
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if SECRET_KEYS.contains(&name.as_str()) && value.is_string() {
                    *value = json!("***");
                } else {
                    mask_value(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Masks everything in a text that looks like a key or a bot token.
fn mask(text: &str) -> String {
    const PREFIXES: [&str; 4] = ["sk-", "whsec_", "polar_oat_", "AIza"];
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '+' | '/' | '=');
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        masked.push_str(&mask_word(token, &PREFIXES));
        let next = after.find(word).unwrap_or(after.len());
        masked.push_str(&after[..next]);
        rest = &after[next..];
    }
    masked
}

fn mask_word(word: &str, prefixes: &[&str]) -> String {
    // The `sk-` in "task-1" is not a key. A key starts a word or follows punctuation.
    let begins = |at: usize| at == 0 || !word.as_bytes()[at - 1].is_ascii_alphanumeric();
    let found =
        prefixes.iter().filter_map(|prefix| Some((word.find(prefix).filter(|at| begins(*at))?, *prefix)));
    if let Some((at, prefix)) = found.min() {
        return format!("{}{prefix}***", &word[..at]);
    }
    // A bot token is digits, a colon, and the secret, which ends at the next slash of a path.
    let Some(colon) = word.find(':') else { return word.to_owned() };
    let digits = word[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
    let secret = word[colon + 1..].find('/').unwrap_or(word.len() - colon - 1);
    if digits >= 6 && secret >= 10 {
        return format!("{}:***{}", &word[..colon], &word[colon + 1 + secret..]);
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_anywhere_in_a_text() {
        for (text, masked) in [
            (
                "/sandbox/telegram/bot123456:okAbCdEfGhIjKlMnOp/setWebhook",
                "/sandbox/telegram/bot123456:***/setWebhook",
            ),
            ("my key is sk-ant-0123456789, keep it", "my key is sk-***, keep it"),
            ("whsec_abc+/=def.", "whsec_***."),
            ("task-force key=sk-1", "task-force key=sk-***"),
            ("https://example.com:8443/a?b=c at 10:30", "https://example.com:8443/a?b=c at 10:30"),
            ("hello ünicode polar_oat_x1_y2!", "hello ünicode polar_oat_***!"),
        ] {
            assert_eq!(mask(text), masked);
        }
        let body = masked_body(br#"{"secret_token":"s","url":"http://h","list":[{"key":"k","n":1}]}"#);
        assert_eq!(body, json!({"secret_token": "***", "url": "http://h", "list": [{"key": "***", "n": 1}]}));
    }
}
