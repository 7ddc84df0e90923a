//! A receiver for webhooks at `https://callbacks.sandbox.test/{name}`: it stores what arrives and shows each request with
//! its signature checked.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use maud::html;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::FromRow;
use standardwebhooks::Webhook;

use crate::{
    World,
    clock::{now_ms, rfc3339},
    page::page,
    web::{HandlerResult, error_response, form_field, header_text},
};

const CALLBACKS_PER_NAME_MAX: i64 = 1_000;
const CALLBACKS_MAX: i64 = 20_000;
const NAME_CHARS_MAX: usize = 100;
/// Standard Webhooks require receivers to reject timestamps further away than this.
const TIMESTAMP_TOLERANCE_S: i64 = 300;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/sandbox/callbacks/", get(list_names))
        .route("/sandbox/callbacks/{name}", get(show).post(receive))
        .route("/sandbox/callbacks/{name}/secret", post(set_secret))
}

pub(crate) async fn prune(world: &World) -> sqlx::Result<()> {
    sqlx::query("delete from callbacks where seq <= (select max(seq) from callbacks) - $1")
        .bind(CALLBACKS_MAX)
        .execute(&world.db)
        .await?;
    Ok(())
}

fn validate_name(name: &str) -> HandlerResult<()> {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_.~".contains(&c);
    if name.len() > NAME_CHARS_MAX || !name.bytes().all(is_allowed) {
        return Err(error_response(
            404,
            "A name has up to 100 letters, digits, hyphens, underscores, dots and tildes.",
        ));
    }
    Ok(())
}

/// `POST /sandbox/callbacks/{name}`: accepts any body and answers 200.
async fn receive(
    State(world): State<World>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    validate_name(&name)?;
    let stored_headers: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let mut tx = world.db.begin().await?;
    sqlx::query("insert into callbacks (name, at, headers, body) values ($1, $2, $3, $4)")
        .bind(&name)
        .bind(now_ms())
        .bind(Value::Object(stored_headers).to_string())
        .bind(body.as_ref())
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "delete from callbacks where name = $1 and seq <=
           (select seq from callbacks where name = $1 order by seq desc limit 1 offset $2)",
    )
    .bind(&name)
    .bind(CALLBACKS_PER_NAME_MAX)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((StatusCode::OK, Json(json!({"received": true}))).into_response())
}

#[derive(FromRow)]
struct Callback {
    at: i64,
    #[sqlx(json)]
    headers: Value,
    body: Vec<u8>,
}

impl Callback {
    fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap_or_default()
    }

    /// `valid`, `invalid`, or `unchecked` while no secret is set.
    fn signature(&self, secret: Option<&str>) -> &'static str {
        let Some(secret) = secret else { return "unchecked" };
        if self.is_signed_with(secret).unwrap_or(false) { "valid" } else { "invalid" }
    }

    /// The timestamp is compared with the time of arrival, not of display. One matching signature is enough, because Reef
    /// sends two after a rotation.
    fn is_signed_with(&self, secret: &str) -> Option<bool> {
        let signed_at: i64 = self.header("webhook-timestamp").parse().ok()?;
        let expected =
            Webhook::new(secret).ok()?.sign(self.header("webhook-id"), signed_at, &self.body).ok()?;
        let is_fresh = (self.at / 1000 - signed_at).abs() <= TIMESTAMP_TOLERANCE_S;
        Some(is_fresh && self.header("webhook-signature").split(' ').any(|signature| signature == expected))
    }

    fn to_json(&self, secret: Option<&str>) -> Value {
        let body: Value = serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into_owned()));
        json!({"at": rfc3339(self.at), "signature": self.signature(secret), "headers": self.headers, "body": body})
    }
}

#[derive(Deserialize)]
struct Format {
    format: Option<String>,
}

/// `GET /sandbox/callbacks/{name}`: a page, newest first. With `?format=json` or `Accept: application/json`:
/// `{"data": […]}`, oldest first.
async fn show(
    State(world): State<World>,
    Path(name): Path<String>,
    Query(format): Query<Format>,
    headers: HeaderMap,
) -> HandlerResult {
    validate_name(&name)?;
    let mut conn = world.db.acquire().await?;
    let secret: Option<String> = sqlx::query_scalar("select secret from callback_secrets where name = $1")
        .bind(&name)
        .fetch_optional(&mut *conn)
        .await?;
    let callbacks: Vec<Callback> =
        sqlx::query_as("select at, headers, body from callbacks where name = $1 order by seq")
            .bind(&name)
            .fetch_all(&mut *conn)
            .await?;
    let wants_json = format.format.as_deref() == Some("json")
        || header_text(&headers, "accept").is_some_and(|kinds| kinds.starts_with("application/json"));
    if wants_json {
        let data: Vec<Value> = callbacks.iter().map(|callback| callback.to_json(secret.as_deref())).collect();
        return Ok(Json(json!({"data": data})).into_response());
    }
    Ok(page(
        200,
        &format!("Webhooks for {name}"),
        &html! {
            p { "Requests to " code { "https://callbacks.sandbox.test/" (name) } " appear here." }
            form method="post" action={ "/sandbox/callbacks/" (name) "/secret" } {
                label for="secret" {
                    "Signing secret of the account (whsec_…)"
                    @if secret.is_some() { ". A secret is set; a new one replaces it." }
                }
                input #secret name="secret" type="password" autocomplete="off" required;
                button type="submit" { "Verify signatures" }
            }
            @if callbacks.is_empty() { p { "No requests yet." } }
            @for callback in callbacks.iter().rev() {
                @let shown = callback.to_json(secret.as_deref());
                h2 { (shown["body"]["type"].as_str().unwrap_or("Webhook")) }
                p { (rfc3339(callback.at)) ", signature "
                    strong { (callback.signature(secret.as_deref())) }
                    ", id " code { (callback.header("webhook-id")) } }
                pre tabindex="0" { (format!("{:#}", shown["body"])) }
            }
        },
    ))
}

/// `POST /sandbox/callbacks/{name}/secret` with the field `secret`.
async fn set_secret(State(world): State<World>, Path(name): Path<String>, body: Bytes) -> HandlerResult {
    validate_name(&name)?;
    let secret = form_field(&body, "secret").unwrap_or_default().trim().to_owned();
    if !secret.starts_with("whsec_") || Webhook::new(&secret).is_err() {
        return Err(error_response(400, "A signing secret is whsec_ followed by base64."));
    }
    sqlx::query(
        "insert into callback_secrets (name, secret) values ($1, $2)
         on conflict (name) do update set secret = excluded.secret",
    )
    .bind(&name)
    .bind(secret)
    .execute(&world.db)
    .await?;
    Ok(Redirect::to(&format!("/sandbox/callbacks/{name}")).into_response())
}

/// `GET /sandbox/callbacks/`.
async fn list_names(State(world): State<World>) -> HandlerResult {
    let names: Vec<(String, i64)> =
        sqlx::query_as("select name, count(*) from callbacks group by name order by max(seq) desc limit 200")
            .fetch_all(&world.db)
            .await?;
    Ok(page(
        200,
        "Webhooks",
        &html! {
            p { "Set an assistant's webhook URL to " code { "https://callbacks.sandbox.test/{name}" }
                " to see its webhooks here." }
            @if names.is_empty() { p { "No requests yet." } }
            ul { @for (name, count) in &names { li { a href={ "/sandbox/callbacks/" (name) } { (name) } " (" (count) ")" } } }
        },
    ))
}
