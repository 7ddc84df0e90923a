//! The request log of API keys: the latest 100 requests of each key.
//!
//! Requests are logged in memory and written twice a second, so that no request waits for the log or fails with it. A
//! killed process loses half a second of it. What cannot be written is kept for the next attempt, within a limit for
//! each key and one for all keys.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reef_domain::ids::ApiKeyId;
use reef_domain::{ErrorChain, Timestamp};
use reef_store::ApiKeyRequestRow;
use tokio_util::sync::CancellationToken;

use crate::api_keys::require_session;
use crate::caller::{Caller, Credential};
use crate::error::Error;
use crate::services::Services;

/// Requests that are kept for each key.
pub const REQUESTS_KEPT: usize = 100;
/// How often the log is written.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// Requests that may wait to be written, over all keys.
const PENDING_MAX: usize = 10_000;
/// Requests that are written in one transaction.
const BATCH: usize = 500;

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

/// Requests that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<PendingRequests>);

#[derive(Debug, Default)]
struct PendingRequests {
    by_key: HashMap<ApiKeyId, VecDeque<ApiKeyRequestRow>>,
    count: usize,
    lost: u64,
}

impl PendingRequests {
    /// Adds the latest request of a key.
    fn push(&mut self, row: ApiKeyRequestRow) {
        if self.count >= PENDING_MAX && !self.by_key.contains_key(&row.key_id) {
            self.lost += 1;
            return;
        }
        let rows = self.by_key.entry(row.key_id).or_default();
        rows.push_back(row);
        self.count += 1;
        // The older ones would be pruned as soon as they are written.
        if rows.len() > REQUESTS_KEPT {
            rows.pop_front();
            self.count -= 1;
        } else if self.count > PENDING_MAX {
            rows.pop_front();
            self.count -= 1;
            self.lost += 1;
        }
    }

    /// Removes and returns the requests of whole keys, until they fill a batch.
    fn take_batch(&mut self) -> Vec<ApiKeyRequestRow> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(key) = self.by_key.keys().next().copied()
        {
            batch.extend(self.by_key.remove(&key).unwrap_or_default());
        }
        self.count -= batch.len();
        batch
    }

    /// Returns a batch that could not be written. Its requests are older than those that arrived since.
    fn requeue(&mut self, batch: Vec<ApiKeyRequestRow>) {
        for row in batch.into_iter().rev() {
            let rows = self.by_key.entry(row.key_id).or_default();
            if rows.len() < REQUESTS_KEPT && self.count < PENDING_MAX {
                rows.push_front(row);
                self.count += 1;
            } else {
                self.lost += 1;
            }
        }
        self.by_key.retain(|_, rows| !rows.is_empty());
    }
}

impl RequestLog {
    fn with<T>(&self, act: impl FnOnce(&mut PendingRequests) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn row(key: u128, number: u128) -> ApiKeyRequestRow {
        ApiKeyRequestRow {
            key_id: ApiKeyId::new(Uuid::from_u128(key)),
            id: Uuid::from_u128(number),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            status: 200,
            duration_ms: 1,
            request_id: String::new(),
            answered_at: Timestamp::from_unix_ms(0),
        }
    }

    fn numbers(rows: &[ApiKeyRequestRow]) -> Vec<u128> {
        rows.iter().map(|row| row.id.as_u128()).collect()
    }

    #[test]
    fn latest_hundred_requests_per_key_wait() {
        let mut waiting = PendingRequests::default();
        (0..250).for_each(|number| waiting.push(row(1, number)));
        assert_eq!(waiting.count, 100);
        assert_eq!(numbers(&waiting.take_batch()), (150..250).collect::<Vec<_>>());
        assert_eq!((waiting.count, waiting.lost, waiting.by_key.len()), (0, 0, 0));
    }

    #[test]
    fn requeued_batch_comes_before_newer_requests() {
        let mut waiting = PendingRequests::default();
        (0..60).for_each(|number| waiting.push(row(1, number)));
        let batch = waiting.take_batch();
        (60..120).for_each(|number| waiting.push(row(1, number)));
        waiting.requeue(batch);
        assert_eq!(waiting.count, 100);
        assert_eq!(numbers(&waiting.take_batch()), (20..120).collect::<Vec<_>>());
    }

    #[test]
    fn memory_is_bounded_and_lost_requests_are_counted() {
        let mut waiting = PendingRequests::default();
        for number in 0..PENDING_MAX as u128 + 3 {
            waiting.push(row(number, number));
        }
        // A key that waits already loses its oldest request instead.
        waiting.push(row(7, u128::MAX));
        assert_eq!((waiting.count, waiting.lost), (PENDING_MAX, 4));
        let of_seven = &waiting.by_key[&ApiKeyId::new(Uuid::from_u128(7))];
        assert_eq!(of_seven.back().map(|row| row.id.as_u128()), Some(u128::MAX));
        let mut batch = waiting.take_batch();
        assert_eq!(batch.len(), BATCH);
        (0..BATCH as u128).for_each(|number| waiting.push(row(100_000 + number, number)));
        batch.truncate(5);
        waiting.requeue(batch);
        assert_eq!((waiting.count, waiting.lost), (PENDING_MAX, 9));
    }
}
