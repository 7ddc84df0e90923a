//! The requests of API keys that are not written to the request log yet.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use reef_domain::ids::ApiKeyId;
use reef_store::ApiKeyRequestRow;

/// Requests that are kept for each key.
pub const REQUESTS_KEPT: usize = 100;
/// Requests that may wait to be written, over all keys.
pub(super) const PENDING_MAX: usize = 10_000;
/// Requests that are written in one transaction.
pub(super) const BATCH: usize = 500;

/// Requests that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<PendingRequests>);

#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    by_key: HashMap<ApiKeyId, VecDeque<ApiKeyRequestRow>>,
    count: usize,
    pub(super) lost: u64,
}

impl PendingRequests {
    /// Adds the latest request of a key.
    pub(super) fn push(&mut self, row: ApiKeyRequestRow) {
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
    pub(super) fn take_batch(&mut self) -> Vec<ApiKeyRequestRow> {
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
    pub(super) fn requeue(&mut self, batch: Vec<ApiKeyRequestRow>) {
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
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut PendingRequests) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use reef_domain::Timestamp;
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
