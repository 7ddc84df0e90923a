//! The request log of API keys: the latest 100 requests of each key.
//!
//! Requests are logged in memory and written twice a second, so that no request waits for the log or fails with it. A
//! killed process loses half a second of it. What cannot be written is kept for the next attempt, within a limit for
//! each key and one for all keys.

use std::time::Duration;

use reef_domain::ids::ApiKeyId;
use reef_domain::{ErrorChain, Timestamp};
use reef_store::ApiKeyRequestRow;
use tokio_util::sync::CancellationToken;

use crate::api_keys::request_log::{BATCH, PENDING_MAX, PendingRequests, REQUESTS_KEPT};
use crate::api_keys::require_session;
use crate::caller::{Caller, Credential};
use crate::error::Error;
use crate::services::Services;

/// How often the log is written.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// A request that was answered.
#[derive(Clone, Debug)]
pub struct NewKeyRequest {
    /// The HTTP method, such as `GET`.
    pub method: String,
    /// The path without the query, and without anything that may be secret.
    pub path: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// How long the response took.
    pub duration: Duration,
    /// The `X-Request-Id` of the response.
    pub request_id: String,
}

/// A request as the owner of the key sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// The HTTP method, such as `GET`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// How long the response took, in milliseconds.
    pub duration_ms: u64,
    /// The `X-Request-Id` of the response.
    pub request_id: String,
    /// When the request was answered.
    pub answered_at: Timestamp,
}

impl From<ApiKeyRequestRow> for KeyRequest {
    fn from(row: ApiKeyRequestRow) -> Self {
        Self {
            method: row.method,
            path: row.path,
            status: u16::try_from(row.status).unwrap_or(0),
            duration_ms: u64::try_from(row.duration_ms).unwrap_or(0),
            request_id: row.request_id,
            answered_at: row.answered_at,
        }
    }
}

impl Services {
    /// Records a request of the caller's key, to be written later. Does nothing for sessions.
    pub fn record_key_request(&self, caller: &Caller, request: NewKeyRequest) {
        let Credential::ApiKey { id: key_id, .. } = caller.credential else { return };
        let row = ApiKeyRequestRow {
            key_id,
            id: self.new_uuid(),
            method: request.method,
            path: request.path,
            status: i64::from(request.status),
            duration_ms: i64::try_from(request.duration.as_millis()).unwrap_or(i64::MAX),
            request_id: request.request_id,
            answered_at: self.now(),
        };
        self.key_requests().with(|waiting| waiting.push(row));
    }

    /// Lists the latest requests of one of the caller's keys, newest first, with a delay of up to half a second.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has no such key; [`Error::Forbidden`] for API keys.
    pub async fn list_api_key_requests(&self, caller: &Caller, id: &str) -> Result<Vec<KeyRequest>, Error> {
        require_session(caller)?;
        let id = ApiKeyId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().read().await?;
        tx.find_api_key(caller.user_id, id).await?.ok_or(Error::NotFound)?;
        let limit = i64::try_from(REQUESTS_KEPT).map_err(Error::internal)?;
        Ok(tx.list_api_key_requests(id, limit).await?.into_iter().map(KeyRequest::from).collect())
    }

    /// Writes the request log until `stop` is canceled.
    pub async fn run_request_log_writer(&self, stop: CancellationToken) {
        let mut has_failed = false;
        while tokio::time::timeout(WRITE_EVERY, stop.cancelled()).await.is_err() {
            match self.write_request_log().await {
                Ok(()) => has_failed = false,
                Err(error) if has_failed => {
                    tracing::debug!(error = %ErrorChain(&error), "request log could not be written");
                }
                Err(error) => {
                    has_failed = true;
                    let error = tracing::field::display(ErrorChain(&error));
                    tracing::warn!(error, "request log could not be written");
                }
            }
        }
    }

    /// Writes all requests that wait.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails. The requests wait for the next attempt, within limits.
    pub async fn write_request_log(&self) -> Result<(), Error> {
        let lost = self.key_requests().with(|waiting| std::mem::take(&mut waiting.lost));
        if lost > 0 {
            tracing::warn!(lost, "requests missing from the request log");
        }
        // At most as many batches as may wait, so that this ends under constant load.
        for _ in 0..=PENDING_MAX / BATCH {
            let batch = self.key_requests().with(PendingRequests::take_batch);
            if batch.is_empty() {
                break;
            }
            if let Err(error) = self.write_batch(&batch).await {
                self.key_requests().with(|waiting| waiting.requeue(batch));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_batch(&self, batch: &[ApiKeyRequestRow]) -> Result<(), Error> {
        let kept = i64::try_from(REQUESTS_KEPT).map_err(Error::internal)?;
        let mut tx = self.store().begin().await?;
        tx.record_api_key_requests(batch).await?;
        // Requests of one key are consecutive in a batch.
        for of_key in batch.chunk_by(|one, next| one.key_id == next.key_id) {
            tx.trim_api_key_requests(of_key[0].key_id, kept).await?;
        }
        Ok(tx.commit_without_sync().await?)
    }
}
