//! A concurrency limit with a share for each account: for event streams, long-polling requests and password hashing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reef_domain::ids::UserId;

use crate::error::Error;

/// Streams and waiting requests in one process. Each of them takes about 20 KB.
const ALL: usize = 12_000;
/// The share of one account, so that no account uses up the limit for the others.
const PER_USER: usize = 256;

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<UserId, usize>,
}

/// How many permits are reserved, in all and by account. Clones share one count.
#[derive(Clone, Debug)]
pub struct Seats {
    all: usize,
    per_user: usize,
    taken: Arc<Mutex<Taken>>,
}

impl Default for Seats {
    fn default() -> Self {
        Self::new(ALL, PER_USER)
    }
}

/// One reserved place, released on drop.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    user: UserId,
}

impl Seats {
    /// A limit of `all` permits, of which one account may hold `per_user`.
    pub(crate) fn new(all: usize, per_user: usize) -> Self {
        Self { all, per_user, taken: Arc::default() }
    }

    /// Reserves a permit for an event stream or a long-polling request.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the account or the process holds too many.
    pub fn take(&self, user: UserId) -> Result<Seat, Error> {
        let message = "Too many open event streams and long-polling requests";
        self.try_take(user).ok_or(Error::RateLimited { message, retry_after_seconds: 10 })
    }

    /// Reserves a permit; `None` when the account holds its share, or the limit is reached.
    pub(crate) fn try_take(&self, user: UserId) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = taken.of.get(&user).copied().unwrap_or(0);
        if taken.all >= self.all || of_user >= self.per_user {
            return None;
        }
        taken.all += 1;
        taken.of.insert(user, of_user + 1);
        Some(Seat { seats: self.clone(), user })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        match taken.of.get_mut(&self.user) {
            Some(of_user) if *of_user > 1 => *of_user -= 1,
            _ => drop(taken.of.remove(&self.user)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_takes_all_places_and_a_place_is_given_back() {
        let user =
            |last: u8| UserId::parse(&format!("01890a5d-ac96-774b-bcce-b302099a80{last:02x}")).unwrap();
        let seats = Seats::default();
        let greedy: Vec<_> = (0..PER_USER).map(|_| seats.take(user(1)).unwrap()).collect();
        assert!(matches!(seats.take(user(1)), Err(Error::RateLimited { .. })));
        // The limit is larger than one share, so it takes many accounts to reach it.
        let others: Vec<_> =
            (PER_USER..ALL).map(|seat| seats.take(user(2 + (seat / PER_USER) as u8)).unwrap()).collect();
        assert!(seats.take(user(200)).is_err());
        drop(greedy);
        let _one = seats.take(user(200)).unwrap();
        drop(others);
        let taken = seats.taken.lock().unwrap();
        assert_eq!((taken.all, taken.of.len()), (1, 1));
    }
}
