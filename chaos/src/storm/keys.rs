//! When keys were created and revoked, and whether a request may be refused or accepted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::book::{Book, Read};

/// The clocks of processes agree to within this time with that of the test, which measures durations only.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(100);

/// A key and what has happened to it.
#[derive(Clone, Debug)]
pub struct KeyHistory {
    pub secret: String,
    pub owner: usize,
    /// The only assistant that it reaches, if it is limited.
    pub granted: Option<String>,
    /// The earliest and the latest time at which it expires.
    pub expires: Option<(Instant, Instant)>,
    pub revocation_sent: Option<Instant>,
    pub revocation_confirmed: Option<Instant>,
}

impl KeyHistory {
    pub const fn new(owner: usize, secret: String) -> Self {
        Self {
            secret,
            owner,
            granted: None,
            expires: None,
            revocation_sent: None,
            revocation_confirmed: None,
        }
    }

    /// Whether it has certainly ended.
    fn has_ended(&self, at: Instant, bound: Duration) -> bool {
        self.revocation_confirmed.is_some_and(|confirmed| confirmed + bound <= at)
            || self.expires.is_some_and(|(_, latest)| latest + CLOCK_TOLERANCE <= at)
    }

    /// Whether it may have ended.
    fn may_have_ended(&self, at: Instant) -> bool {
        self.revocation_sent.is_some_and(|sent| sent <= at)
            || self.expires.is_some_and(|(earliest, _)| earliest <= at + CLOCK_TOLERANCE)
    }
}

/// The keys of all customers.
#[derive(Debug)]
pub struct Keys {
    book: Arc<Book>,
    keys: Mutex<Vec<KeyHistory>>,
}

impl Keys {
    pub fn new(book: Arc<Book>) -> Self {
        Self { book, keys: Mutex::default() }
    }

    // A panic of another task leaves the plain values consistent, so a poisoned lock is ignored.
    fn lock(&self) -> MutexGuard<'_, Vec<KeyHistory>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key that was created, and returns its number.
    pub fn record(&self, key: KeyHistory) -> usize {
        self.book.count(|counts| counts.keys += 1);
        let mut keys = self.lock();
        keys.push(key);
        keys.len() - 1
    }

    pub fn change(&self, number: usize, change: impl FnOnce(&mut KeyHistory)) {
        if let Some(key) = self.lock().get_mut(number) {
            change(key);
        }
    }

    /// Chooses one of the permanent keys, which come first, or of the newest others. Returns it with its number.
    pub fn choose(&self, rng: &mut fastrand::Rng, permanent: usize) -> (usize, KeyHistory) {
        const NEWEST: usize = 12;
        let keys = self.lock();
        let first_new = keys.len().saturating_sub(NEWEST).max(permanent);
        let number = match rng.usize(..permanent + keys.len() - first_new) {
            number if number < permanent => number,
            number => first_new + number - permanent,
        };
        (number, keys[number].clone())
    }

    /// Checks whether a key was rightly accepted or refused.
    pub fn check(&self, read: Read, number: usize, is_accepted: bool) {
        let problem = {
            let key = &self.lock()[number];
            match is_accepted {
                true if key.has_ended(read.sent, self.book.bound) => Some("accepted, although it has ended"),
                false if !key.may_have_ended(read.answered) => Some("refused, although it is valid"),
                _ => None,
            }
        };
        self.book.count(|counts| counts.refusals += u64::from(!is_accepted));
        if let Some(problem) = problem {
            self.book.record_problem(&format!("key {number} at process {}: {problem}", read.process));
        }
    }
}
