//! Places of which one account takes no more than its share: event streams and calls that are held open, and hashing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reef_domain::ids::UserId;

use crate::error::Error;

/// Who may wait in one process. A waiting stream takes some 20 KB.
const ALL: usize = 12_000;
/// Of them for one account: nobody keeps the others out.
const PER_USER: usize = 256;

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<UserId, usize>,
}

/// The places of a process. Cheap to clone.
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

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    user: UserId,
}

impl Seats {
    /// This many places, and of them this many for one account.
    pub(crate) fn new(all: usize, per_user: usize) -> Self {
        Self { all, per_user, taken: Arc::default() }
    }

    /// Takes a place for an event stream or a call that is held open.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the account has taken all it may, or no place is left.
    pub fn take(&self, user: UserId) -> Result<Seat, Error> {
        let message = "Too many event streams and waiting calls are open";
        self.try_take(user).ok_or(Error::RateLimited { message, retry_after_seconds: 10 })
    }

    /// Takes a place; `None` when the account has taken all it may, or no place is left.
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
        // It takes many accounts to take them all.
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
