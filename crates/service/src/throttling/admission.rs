//! Which API keys of a limited address are looked up.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use reef_store::KeyHash;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Concurrent lookups of unknown keys from limited addresses.
const LOOKED_UP_AT_ONCE: usize = 2;
/// Keys remembered as valid. Beyond that, all of them are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// Decides which keys of a limited address are looked up.
#[derive(Debug)]
pub(super) struct Admission {
    /// Hashes of keys that were valid when they were last looked up. They allow a lookup and nothing else.
    valid: Mutex<HashSet<KeyHash>>,
    lookups: Semaphore,
}

impl Default for Admission {
    fn default() -> Self {
        Self { valid: Mutex::default(), lookups: Semaphore::new(LOOKED_UP_AT_ONCE) }
    }
}

/// The permission for one lookup.
pub(super) enum LookupPermit<'a> {
    Known,
    Limited { _place: SemaphorePermit<'a> },
}

impl Admission {
    pub(super) fn admit(&self, hash: &KeyHash) -> Option<LookupPermit<'_>> {
        if self.valid.lock().unwrap_or_else(PoisonError::into_inner).contains(hash) {
            return Some(LookupPermit::Known);
        }
        self.lookups.try_acquire().ok().map(|place| LookupPermit::Limited { _place: place })
    }

    pub(super) fn record(&self, hash: KeyHash, is_valid: bool) {
        let mut good = self.valid.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_valid {
            good.remove(&hash);
        } else if !good.contains(&hash) {
            if good.len() >= REMEMBERED_MAX {
                good.clear();
            }
            good.insert(hash);
        }
    }
}
