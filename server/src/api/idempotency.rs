//! The `Idempotency-Key` header around every endpoint that changes something.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reef_domain::wire::Scope;
use reef_service::idempotency::{Claim, Claimed, Done, check_key};
use reef_service::{Error, Services};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::ApiError;
use super::auth::KeyHolder;
use super::body::{BadHeader, read};
use super::schema::{AssistantResponse, PurchaseResponse, Success, SuccessResponse};

const HEADER: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest answer; those of these endpoints are one record.
const ANSWER_MAX: usize = 256 * 1024;
/// The longest refusal that is kept: twenty issues fit. It has changed nothing, and asked again it is made again.
const REFUSAL_MAX: usize = 8 * 1024;

/// Carries a request with a key out once, and repeats its answer.
pub async fn once(State(services): State<Services>, request: Request, next: Next) -> Response {
    let changes = matches!(*request.method(), Method::POST | Method::PATCH | Method::DELETE);
    if !changes || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    claim_and_run(services, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn claim_and_run(services: Services, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let holder = KeyHolder::from_request_parts(&mut parts, &services).await?;
    // Every one of these requests writes: who may not is told nothing of what was answered before.
    holder.0.require(Scope::Write)?;
    let key = key(&parts);
    let body = read(body).await?;
    if let Err(issue) = check_key(&key) {
        // Told in its turn: whether the caller may do this at all, and to what, is told before.
        parts.extensions.insert(BadHeader(issue));
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    }
    let fingerprint = fingerprint(&parts, &body);
    match services.claim_request(&holder.0, &key, fingerprint).await? {
        Claimed::Before { status, body } => {
            let status = StatusCode::from_u16(status).map_err(Error::internal)?;
            let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            let mut response = (status, json, body).into_response();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Claimed::First(claim) => {
            let request = Request::from_parts(parts, Body::from(body));
            // Carried out and settled to the end even if the client hangs up.
            let run = tokio::spawn(run(services, claim, request, next).in_current_span());
            run.await.map_err(Error::internal)?
        }
    }
}

async fn run(services: Services, claim: Claim, request: Request, next: Next) -> Result<Response, ApiError> {
    let answered = services.under_claim(&claim, render, next.run(request)).await;
    let (parts, body) = answered.into_parts();
    let body: Bytes = to_bytes(body, ANSWER_MAX).await.map_err(Error::internal)?;
    let text = std::str::from_utf8(&body).map_err(Error::internal)?;
    let is_kept = stands(parts.status) && (parts.status.is_success() || text.len() <= REFUSAL_MAX);
    let answer = is_kept.then_some((parts.status.as_u16(), text));
    services.settle_request(&claim, answer).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The answers of the endpoints that change something, word by word.
fn render(done: Done<'_>) -> Result<(u16, String), Error> {
    fn text(answer: &impl Serialize) -> Result<String, Error> {
        serde_json::to_string(answer).map_err(Error::internal)
    }
    Ok(match done {
        Done::Record(record) => (200, text(&AssistantResponse { data: record.clone() })?),
        Done::Purchased(bought) => (201, text(&PurchaseResponse { data: bought.into() })?),
        Done::Deleted => (200, text(&SuccessResponse { data: Success { success: true } })?),
    })
}

/// What may be different next time is not kept: failures of ours, missing rights, too many requests.
fn stands(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
}

fn key(parts: &Parts) -> String {
    let mut values = parts.headers.get_all(HEADER).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(text)), None) => text.to_owned(),
        _ => String::new(),
    }
}

/// Of method, path and body alone: a client's next try may come through another host's name.
fn fingerprint(parts: &Parts, body: &[u8]) -> Vec<u8> {
    let hash = Sha256::new().chain_update(parts.method.as_str()).chain_update("\n");
    hash.chain_update(parts.uri.path()).chain_update("\n").chain_update(body).finalize().to_vec()
}
