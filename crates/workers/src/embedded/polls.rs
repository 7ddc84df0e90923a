//! Which workers this process polls for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The running polls of this process, with the token that cancels each, by worker name.
#[derive(Debug, Default)]
pub(crate) struct Polls(Mutex<HashMap<String, CancellationToken>>);

impl Polls {
    // No code that can panic runs while the map is locked, so a poisoned lock is harmless.
    fn running(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cancels the poll of a worker, also while it waits for Telegram.
    pub fn cancel(&self, worker_name: &str) {
        if let Some(cancel) = self.running().get(worker_name) {
            cancel.cancel();
        }
    }

    /// Registers a poll. `None` if this process already polls for the worker.
    pub fn register(&self, worker_name: &str, closing: &CancellationToken) -> Option<CancellationToken> {
        let mut running = self.running();
        if running.contains_key(worker_name) {
            return None;
        }
        let cancel = closing.child_token();
        running.insert(worker_name.to_owned(), cancel.clone());
        Some(cancel)
    }

    /// Unregisters a poll that has ended.
    pub fn unregister(&self, worker_name: &str) {
        self.running().remove(worker_name);
    }
}
