//! The `Idempotency-Key` header on every endpoint that changes something: a request runs once, and its response is replayed
//! for later requests with the same key.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reef_app::status_of;
use reef_domain::ErrorCode;
use reef_domain::wire::Scope;
use reef_service::idempotency::{Claim, ClaimResult, Outcome, validate_key};
use reef_service::{Error, Services};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::{InvalidHeader, read_body};
use crate::api_error::ApiError;

const HEADER: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Runs a request with an idempotency key once and replays its response.
pub async fn replay_or_run(State(services): State<Services>, request: Request, next: Next) -> Response {
    let changes = matches!(*request.method(), Method::POST | Method::PATCH | Method::DELETE);
    if !changes || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    claim_and_run(services, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn claim_and_run(services: Services, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let auth = ApiKeyAuth::from_request_parts(&mut parts, &services).await?;
    // Every request here writes, so a key without that scope must not see an earlier response.
    auth.0.require_scope(Scope::Write)?;
    let key = idempotency_key(&parts);
    let body = read_body(body).await?;
    if let Err(issue) = validate_key(&key) {
        // The use case reports this issue after it has checked that the caller owns the assistant.
        parts.extensions.insert(InvalidHeader(issue));
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    }
    let fingerprint = fingerprint(&parts, &body);
    match services.claim_request(&auth.0, &key, fingerprint).await? {
        ClaimResult::Replay(outcome) => {
            let mut response = Answer(outcome).into_response();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        ClaimResult::New(claim) => {
            let request = Request::from_parts(parts, Body::from(body));
            // The request runs and its response is saved even if the client disconnects.
            let run = tokio::spawn(run_claimed(services, claim, request, next).in_current_span());
            run.await.map_err(Error::internal)?
        }
    }
}

async fn run_claimed(
    services: Services,
    claim: Claim,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let response = services.run_with_claim(&claim, next.run(request)).await;
    let outcome = response.extensions().get::<Outcome>().filter(|outcome| is_replayable(outcome));
    services.settle_request(&claim, outcome).await?;
    Ok(response)
}

/// Server errors, authentication failures and rate limits may be gone at the next attempt, so they are not saved.
fn is_replayable(outcome: &Outcome) -> bool {
    let Outcome::Rejected(rejection) = outcome else { return true };
    let status = status_of(rejection.code);
    // A conversation that is answering another message is free again in a moment.
    rejection.code != ErrorCode::RequestInProgress
        && !status.is_server_error()
        && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
}

fn idempotency_key(parts: &Parts) -> String {
    let mut values = parts.headers.get_all(HEADER).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(text)), None) => text.to_owned(),
        _ => String::new(),
    }
}

/// Hashes method, path and body. The host is left out because a retry may use another host name.
fn fingerprint(parts: &Parts, body: &[u8]) -> Vec<u8> {
    let hash = Sha256::new().chain_update(parts.method.as_str()).chain_update("\n");
    hash.chain_update(parts.uri.path()).chain_update("\n").chain_update(body).finalize().to_vec()
}
