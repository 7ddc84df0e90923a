//! A concurrency limit with a share for each account: for event streams, long-polling requests and password hashing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reef_domain::ids::UserId;

use crate::error::Error;

/// Streams and waiting requests in one process. Each of them takes about 20 KB.
const STREAMS_MAX: usize = 12_000;
/// The share of one account, so that no account uses up the limit for the others.
const STREAMS_PER_USER_MAX: usize = 256;

#[derive(Debug, Default)]
struct Reserved {
    total: usize,
    by_user: HashMap<UserId, usize>,
}

/// How many permits are reserved, in all and by account. Clones share one count.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    max: usize,
    max_per_user: usize,
    reserved: Arc<Mutex<Reserved>>,
}

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self::new(STREAMS_MAX, STREAMS_PER_USER_MAX)
    }
}

/// One reserved place, released on drop.
#[derive(Debug)]
pub struct Permit {
    limit: ConcurrencyLimit,
    user: UserId,
}

impl ConcurrencyLimit {
    /// A limit of `max` permits, of which one account may hold `max_per_user`.
    pub(crate) fn new(max: usize, max_per_user: usize) -> Self {
        Self { max, max_per_user, reserved: Arc::default() }
    }

    /// Reserves a permit for an event stream or a long-polling request.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the account or the process holds too many.
    pub fn reserve(&self, user: UserId) -> Result<Permit, Error> {
        let message = "Too many open event streams and long-polling requests";
        self.try_reserve(user).ok_or(Error::RateLimited { message, retry_after_seconds: 10 })
    }

    /// Reserves a permit; `None` when the account holds its share, or the limit is reached.
    pub(crate) fn try_reserve(&self, user: UserId) -> Option<Permit> {
        let mut taken = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = taken.by_user.get(&user).copied().unwrap_or(0);
        if taken.total >= self.max || of_user >= self.max_per_user {
            return None;
        }
        taken.total += 1;
        taken.by_user.insert(user, of_user + 1);
        Some(Permit { limit: self.clone(), user })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.limit.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        match taken.by_user.get_mut(&self.user) {
            Some(of_user) if *of_user > 1 => *of_user -= 1,
            _ => drop(taken.by_user.remove(&self.user)),
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
        let limit = ConcurrencyLimit::default();
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
        let taken = limit.reserved.lock().unwrap();
        assert_eq!((taken.total, taken.by_user.len()), (1, 1));
    }
}
