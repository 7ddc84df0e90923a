//! Faults that tests configure with `PUT /sandbox/faults`: the next matching vendor call or webhook fails that way.

use std::{future::Future, io, sync::atomic::Ordering, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection, types::Json as SqlJson};
use url::Url;

use crate::{
    World,
    vendor::Vendor,
    web::{ErrorResponse, HandlerResult, error_response},
};

const FAULTS_MAX: usize = 100;
const DELAY_MS_MAX: u64 = 600_000;
const BODY_BYTES_MAX: usize = 16 * 1024;
/// The status of a fault that names no other effect.
const DEFAULT_STATUS: u16 = 500;
/// Faults whose path begins like this affect webhooks that the sandbox sends, not calls that it answers: those of Polar, and
/// updates of Telegram.
const WEBHOOK_PATH_PREFIXES: [&str; 2] = ["/webhooks/", "/workers/"];

fn is_for_webhooks(path: &str) -> bool {
    WEBHOOK_PATH_PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

/// An extension of a response whose connection is closed before a byte is written.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionDropped;

pub(crate) fn routes() -> Router<World> {
    Router::new().route("/sandbox/faults", get(list).put(replace))
}

/// One entry of the request body. An absent field may also be `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaultRequest {
    method: Option<String>,
    path: String,
    status: Option<u16>,
    delay_ms: Option<u64>,
    drop: Option<bool>,
    twice: Option<bool>,
    body: Option<Value>,
    times: Option<u32>,
}

/// A configured fault, as `GET /sandbox/faults` lists it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fault {
    /// `None` matches every method.
    method: Option<String>,
    /// A glob: `*` stands for any characters, `?` for one.
    path: String,
    /// The status of the response. `None` lets the call continue after the delay.
    status: Option<u16>,
    delay_ms: u64,
    /// Whether the connection is closed without a response.
    drop: bool,
    /// Whether a webhook or an update that the sandbox sends is delivered twice.
    twice: bool,
    /// The body of the response, instead of the vendor's usual error for the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// How many more calls are affected.
    times: u32,
}

/// How a webhook fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebhookFault {
    /// It is never delivered, and the vendor takes it for delivered.
    Lost,
    /// The vendor sees this status as the receiver's response and retries later.
    Refused(u16),
    /// It is delayed by this many milliseconds while later webhooks overtake it.
    Delayed(i64),
}

impl From<Fault> for WebhookFault {
    fn from(fault: Fault) -> Self {
        match (fault.drop, fault.status) {
            (true, _) => Self::Lost,
            (_, Some(status)) => Self::Refused(status),
            _ => Self::Delayed(i64::try_from(fault.delay_ms).unwrap_or(i64::MAX)),
        }
    }
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    method: Option<String>,
    path: String,
    status: Option<u16>,
    delay_ms: i64,
    dropped: bool,
    twice: bool,
    body: Option<SqlJson<Value>>,
    times: u32,
}

impl From<Row> for Fault {
    fn from(row: Row) -> Self {
        Self {
            method: row.method,
            path: row.path,
            status: row.status,
            delay_ms: u64::try_from(row.delay_ms).unwrap_or(0),
            drop: row.dropped,
            twice: row.twice,
            body: row.body.map(|SqlJson(body)| body),
            times: row.times,
        }
    }
}

async fn list_rows(conn: &mut SqliteConnection) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "select seq, method, path, status, delay_ms, dropped, twice, body, times from faults order by seq",
    )
    .fetch_all(conn)
    .await
}

/// `GET /sandbox/faults`: the remaining faults, with `times` counted down.
async fn list(State(world): State<World>) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let faults: Vec<Fault> = list_rows(&mut conn).await?.into_iter().map(Fault::from).collect();
    Ok(Json(json!({"data": faults})).into_response())
}

/// `PUT /sandbox/faults`: replaces the list.
async fn replace(State(world): State<World>, raw: Bytes) -> HandlerResult {
    let orders: Vec<FaultRequest> = serde_json::from_slice(&raw)
        .map_err(|error| error_response(400, &format!("Not a list of faults: {error}")))?;
    if orders.len() > FAULTS_MAX {
        return Err(error_response(400, "A list has at most 100 faults."));
    }
    let faults: Result<Vec<Fault>, &str> = orders.into_iter().map(validate).collect();
    let faults = faults.map_err(|problem| error_response(400, problem))?;
    let mut tx = world.db.begin().await?;
    world.may_have_faults.store(true, Ordering::SeqCst);
    sqlx::query("delete from faults").execute(&mut *tx).await?;
    for fault in &faults {
        sqlx::query(
            "insert into faults (method, path, status, delay_ms, dropped, twice, body, times)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&fault.method)
        .bind(&fault.path)
        .bind(fault.status)
        .bind(i64::try_from(fault.delay_ms).unwrap_or(i64::MAX))
        .bind(fault.drop)
        .bind(fault.twice)
        .bind(fault.body.as_ref().map(SqlJson))
        .bind(fault.times)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(Json(json!({"data": faults})).into_response())
}

fn validate(order: FaultRequest) -> Result<Fault, &'static str> {
    let FaultRequest { method, path, mut status, delay_ms, drop, twice, body, times } = order;
    let (delay_ms, times) = (delay_ms.unwrap_or(0), times.unwrap_or(1));
    let (drop, twice) = (drop.unwrap_or(false), twice.unwrap_or(false));
    if path.is_empty() {
        return Err("path must be a glob, such as /telegram/*/setWebhook.");
    }
    if status.is_some_and(|status| !(200..=599).contains(&status)) {
        return Err("status must be from 200 to 599.");
    }
    if delay_ms > DELAY_MS_MAX {
        return Err("delayMs must be at most 600000.");
    }
    if times == 0 {
        return Err("times must be at least 1.");
    }
    if twice && (status.is_some() || delay_ms > 0 || drop) {
        return Err("twice affects what vendors send and cannot be combined with status, delayMs or drop.");
    }
    if body.as_ref().is_some_and(|body| body.to_string().len() > BODY_BYTES_MAX) {
        return Err("body must be at most 16 KiB.");
    }
    if body.is_some() && (drop || twice || is_for_webhooks(&path)) {
        return Err("body is only allowed for vendor calls that get a response.");
    }
    if status.is_none() && body.is_some() {
        // Several vendors report errors in a response with status 200.
        status = Some(200);
    }
    if status.is_none() && delay_ms == 0 && !drop && !twice {
        status = Some(DEFAULT_STATUS);
    }
    Ok(Fault { method, path, status, delay_ms, drop, twice, body, times })
}

/// Consumes the first fault that matches a vendor call, except faults of webhooks.
pub(crate) async fn consume_for_call(world: &World, method: &str, path: &str) -> sqlx::Result<Option<Fault>> {
    consume(world, |row| !row.twice && !is_for_webhooks(&row.path) && matches(row, method, path)).await
}

/// Consumes the first fault that matches a webhook to this URL.
pub(crate) async fn consume_for_webhook(world: &World, url: &str) -> sqlx::Result<Option<WebhookFault>> {
    let Ok(url) = Url::parse(url) else { return Ok(None) };
    let accepts = |row: &Row| !row.twice && is_for_webhooks(&row.path) && matches(row, "POST", url.path());
    Ok(consume(world, accepts).await?.map(WebhookFault::from))
}

/// Consumes a fault that sends a request to this URL twice. Returns whether there was one.
pub(crate) async fn consume_duplicate(world: &World, url: &str) -> sqlx::Result<bool> {
    let path = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
    Ok(consume(world, |row| row.twice && matches(row, "POST", &path)).await?.is_some())
}

/// Finds the first fault that `accepts` matches and counts it down. No other caller can interfere, because the
/// pool has one connection.
async fn consume(world: &World, accepts: impl Fn(&Row) -> bool) -> sqlx::Result<Option<Fault>> {
    if !world.may_have_faults.load(Ordering::SeqCst) {
        return Ok(None);
    }
    let mut conn = world.db.acquire().await?;
    let rows = list_rows(&mut conn).await?;
    if rows.is_empty() {
        // Set before the connection is released, so that it cannot hide faults that are configured after the read.
        world.may_have_faults.store(false, Ordering::SeqCst);
    }
    let Some(row) = rows.into_iter().find(accepts) else { return Ok(None) };
    if row.times > 1 {
        sqlx::query("update faults set times = times - 1 where seq = $1")
            .bind(row.seq)
            .execute(&mut *conn)
            .await?;
    } else {
        sqlx::query("delete from faults where seq = $1").bind(row.seq).execute(&mut *conn).await?;
    }
    Ok(Some(row.into()))
}

/// The glob may describe the whole path, the part after `/sandbox`, or the vendor's own path, with or without a trailing
/// slash.
fn matches(row: &Row, method: &str, path: &str) -> bool {
    if row.method.as_deref().is_some_and(|wanted| wanted != "*" && !wanted.eq_ignore_ascii_case(method)) {
        return false;
    }
    let inside = path.strip_prefix("/sandbox").unwrap_or(path);
    let own = inside.get(1..).and_then(|rest| rest.find('/')).map_or(inside, |slash| &inside[slash + 1..]);
    [path, inside, own].iter().any(|path| {
        glob(row.path.as_bytes(), path.as_bytes())
            || glob(row.path.as_bytes(), path.trim_end_matches('/').as_bytes())
    })
}

/// `*` matches any run of bytes, `?` any one byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|wanted| *wanted == b'?' || *wanted == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, from)) = star {
            (p, t) = (after, from + 1);
            star = Some((after, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

/// Applies a fault to a call; `next` handles the call if the fault has no response of its own.
pub(crate) async fn apply<F>(fault: Fault, vendor: Vendor, next: impl FnOnce() -> F) -> Response
where
    F: Future<Output = Response>,
{
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    if fault.drop {
        return dropped_response();
    }
    match (fault.status, fault.body) {
        (None, _) => next().await,
        (Some(status), Some(body)) => ErrorResponse::new(status, body).into_response(),
        (Some(status), None) => vendor.error(status, "Fault configured in the sandbox").into_response(),
    }
}

/// A body that fails before its first byte makes the server close the connection with nothing written.
fn dropped_response() -> Response {
    let broken =
        futures::stream::once(async { Err::<Bytes, _>(io::Error::other("fault configured in the sandbox")) });
    let mut response = Body::from_stream(broken).into_response();
    response.extensions_mut().insert(ConnectionDropped);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_matches_whole_paths() {
        for (pattern, text, expected) in [
            ("/telegram/*/setWebhook", "/telegram/bot1:x/setWebhook", true),
            ("/telegram/*/setWebhook", "/telegram/bot1:x/setWebhookInfo", false),
            ("*", "/anything/at/all", true),
            ("/v1/checkouts/?", "/v1/checkouts/1", true),
            ("/v1/checkouts/?", "/v1/checkouts/", false),
            ("/polar/**", "/polar/v1/orders/", true),
            ("", "/x", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
