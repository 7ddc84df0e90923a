//! A concurrency limit with a share for each account or client: for requests, event streams, long-polling requests and
//! password hashing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reef_domain::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::Error;

/// Streams and waiting requests in one process. Each of them takes about 20 KB.
const STREAMS_MAX: usize = 12_000;
/// The share of one account, so that no account uses up the limit for the others.
const STREAMS_PER_USER_MAX: usize = 256;

type Shares<K> = Arc<Mutex<HashMap<K, usize>>>;

/// How many permits are reserved, in all and by key. Clones share one count.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<K: Copy + Eq + Hash> {
    total: Arc<Semaphore>,
    share_max: usize,
    /// Keys without a permit have no entry.
    shares: Shares<K>,
}

/// One reserved place, released on drop.
#[derive(Debug)]
pub struct Permit<K: Copy + Eq + Hash> {
    _total: OwnedSemaphorePermit,
    _share: Option<Share<K>>,
}

#[derive(Debug)]
struct Share<K: Copy + Eq + Hash> {
    shares: Shares<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> ConcurrencyLimit<K> {
    /// A limit of `max` permits, of which one key may hold `share_max`.
    #[must_use]
    pub fn new(max: usize, share_max: usize) -> Self {
        Self { total: Arc::new(Semaphore::new(max)), share_max, shares: Shares::default() }
    }

    /// Reserves a permit; `None` when the key holds its share, or the limit is reached. Without a key, only the limit counts.
    pub fn try_reserve(&self, key: Option<K>) -> Option<Permit<K>> {
        let share = self.reserve_share(key)?;
        let total = Arc::clone(&self.total).try_acquire_owned().ok()?;
        Some(Permit { _total: total, _share: share })
    }

    /// As [`Self::try_reserve`], but waits for a permit when the limit is reached.
    pub async fn reserve_within(&self, key: Option<K>, wait: Duration) -> Option<Permit<K>> {
        let share = self.reserve_share(key)?;
        let total = timeout(wait, Arc::clone(&self.total).acquire_owned()).await.ok()?.ok()?;
        Some(Permit { _total: total, _share: share })
    }

    /// The inner `None` is the share of no key.
    #[expect(clippy::option_option, reason = "no share is needed, or none is left")]
    fn reserve_share(&self, key: Option<K>) -> Option<Option<Share<K>>> {
        let Some(key) = key else { return Some(None) };
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let reserved = shares.entry(key).or_default();
        if *reserved >= self.share_max {
            return None;
        }
        *reserved += 1;
        Some(Some(Share { shares: Arc::clone(&self.shares), key }))
    }
}

impl ConcurrencyLimit<UserId> {
    /// The limit of event streams and long-polling requests.
    pub(crate) fn for_streams() -> Self {
        Self::new(STREAMS_MAX, STREAMS_PER_USER_MAX)
    }

    /// Reserves a permit for an event stream or a long-polling request.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the account or the process holds too many.
    pub fn reserve(&self, user: UserId) -> Result<Permit<UserId>, Error> {
        let message = "Too many open event streams and long-polling requests";
        self.try_reserve(Some(user)).ok_or(Error::RateLimited { message, retry_after_seconds: 10 })
    }
}

impl<K: Copy + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        match shares.get_mut(&self.key) {
            Some(reserved) if *reserved > 1 => *reserved -= 1,
            _ => drop(shares.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_share_is_limited_and_permit_is_released() {
        let user =
            |last: u8| UserId::parse(&format!("01890a5d-ac96-774b-bcce-b302099a80{last:02x}")).unwrap();
        let limit = ConcurrencyLimit::for_streams();
        let all_of_one: Vec<_> = (0..STREAMS_PER_USER_MAX).map(|_| limit.reserve(user(1)).unwrap()).collect();
        assert!(matches!(limit.reserve(user(1)), Err(Error::RateLimited { .. })));
        // The limit is larger than one share, so it takes many accounts to reach it.
        let others: Vec<_> = (STREAMS_PER_USER_MAX..STREAMS_MAX)
            .map(|permit| limit.reserve(user(2 + (permit / STREAMS_PER_USER_MAX) as u8)).unwrap())
            .collect();
        assert!(limit.reserve(user(200)).is_err());
        drop(all_of_one);
        let _one = limit.reserve(user(200)).unwrap();
        drop(others);
        assert_eq!(limit.shares.lock().unwrap().len(), 1);
        assert_eq!(limit.total.available_permits(), STREAMS_MAX - 1);
    }

    #[tokio::test]
    async fn share_is_released_when_no_permit_is_free_in_time() {
        let limit = ConcurrencyLimit::new(1, 1);
        let first = limit.try_reserve(Some(1)).unwrap();
        assert!(limit.reserve_within(Some(2), Duration::ZERO).await.is_none());
        drop(first);
        assert!(limit.reserve_within(Some(2), Duration::ZERO).await.is_some());
    }

    #[test]
    fn permit_without_key_counts_toward_the_total_only() {
        let limit = ConcurrencyLimit::new(2, 1);
        let both = [limit.try_reserve(None::<u8>).unwrap(), limit.try_reserve(None).unwrap()];
        assert!(limit.try_reserve(Some(1)).is_none());
        drop(both);
        assert!(limit.try_reserve(Some(1)).is_some());
    }
}
