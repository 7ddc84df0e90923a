//! The windows that one process counts requests in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reef_domain::Timestamp;
use reef_store::RequestCount;

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(60);

/// What is left of the limit in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The requests that a window allows.
    pub limit: u64,
    /// Requests left in this window.
    pub remaining: u64,
    /// Seconds until the window ends, at least 1.
    pub resets_in_seconds: u64,
    /// Whether the request exceeded the limit.
    pub is_exceeded: bool,
}

/// Windows in memory. Beyond that, those with a single request are dropped, then all of them.
const REMEMBERED_MAX: usize = 50_000;

#[derive(Clone, Copy, Debug)]
struct Window {
    ends_at: Timestamp,
    /// The sum in the database, including what this process has synchronized.
    synced: u64,
    /// What this process has counted and not synchronized.
    unsynced: u64,
}

/// A count that is to be added to the database.
#[derive(Clone, Debug)]
pub(super) struct UnsyncedCount {
    pub subject: String,
    pub count: i64,
    pub ends_at: Timestamp,
}

/// The open windows of one kind of subject.
#[derive(Debug)]
pub(super) struct Windows {
    limit: u64,
    open: Mutex<HashMap<String, Window>>,
}

impl Windows {
    /// Windows of `limit` requests each.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request in an open window; `None` when the subject has none.
    pub(super) fn count(&self, subject: &str, now: Timestamp) -> Option<Quota> {
        let mut open = self.lock();
        let window = open.get_mut(subject).filter(|window| window.ends_at > now)?;
        window.unsynced = window.unsynced.saturating_add(1);
        Some(quota(self.limit, window, now))
    }

    /// Counts a request, opening a window if the subject has none.
    pub(super) fn open_and_count(&self, subject: &str, now: Timestamp) -> Quota {
        self.open_window(subject, None, now);
        self.count(subject, now).unwrap_or(Quota {
            limit: self.limit,
            remaining: self.limit.saturating_sub(1),
            resets_in_seconds: WINDOW.as_secs(),
            is_exceeded: false,
        })
    }

    /// The quota of an open window, without counting; `None` when the subject has none.
    pub(super) fn peek(&self, subject: &str, now: Timestamp) -> Option<Quota> {
        let open = self.lock();
        open.get(subject).filter(|window| window.ends_at > now).map(|window| quota(self.limit, window, now))
    }

    /// Opens a window with the count of other processes, unless one is open.
    pub(super) fn open_window(&self, subject: &str, elsewhere: Option<RequestCount>, now: Timestamp) {
        let mut open = self.lock();
        if open.get(subject).is_some_and(|window| window.ends_at > now) {
            return;
        }
        if open.len() >= REMEMBERED_MAX {
            evict(&mut open, now);
        }
        let window = match elsewhere {
            Some(sum) => Window { ends_at: sum.window_ends_at, synced: to_unsigned(sum.count), unsynced: 0 },
            None => Window { ends_at: now.plus(WINDOW), synced: 0, unsynced: 0 },
        };
        open.insert(subject.to_owned(), window);
    }

    /// Up to `limit` counts that are not synchronized, in the order in which every process locks them.
    pub(super) fn unsynced(&self, limit: usize, now: Timestamp) -> Vec<UnsyncedCount> {
        let mut open = self.lock();
        open.retain(|_, window| window.ends_at > now);
        let unsent = open.iter().filter(|(_, window)| window.unsynced > 0).take(limit);
        let mut batch: Vec<_> = unsent
            .map(|(subject, window)| UnsyncedCount {
                subject: subject.clone(),
                count: i64::try_from(window.unsynced).unwrap_or(i64::MAX),
                ends_at: window.ends_at,
            })
            .collect();
        batch.sort_unstable_by(|one, other| one.subject.cmp(&other.subject));
        batch
    }

    /// Applies the sums that the database returned.
    pub(super) fn apply_sums(&self, sums: impl Iterator<Item = (UnsyncedCount, RequestCount)>) {
        let mut open = self.lock();
        for (counted, sum) in sums {
            // The window may have been replaced by a new one meanwhile.
            let same = open.get_mut(&counted.subject).filter(|window| window.ends_at == counted.ends_at);
            if let Some(window) = same {
                window.unsynced = window.unsynced.saturating_sub(to_unsigned(counted.count));
                window.synced = to_unsigned(sum.count);
                window.ends_at = sum.window_ends_at;
            }
        }
    }
}

fn to_unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn quota(limit: u64, window: &Window, now: Timestamp) -> Quota {
    let count = window.synced.saturating_add(window.unsynced);
    Quota {
        limit,
        remaining: limit.saturating_sub(count),
        // Round up, and do not let another process's clock make the window longer.
        resets_in_seconds: window
            .ends_at
            .since(now)
            .as_millis()
            .div_ceil(1000)
            .clamp(1, u128::from(WINDOW.as_secs())) as u64,
        is_exceeded: count > limit,
    }
}

fn evict(open: &mut HashMap<String, Window>, now: Timestamp) {
    open.retain(|_, window| window.ends_at > now);
    if open.len() >= REMEMBERED_MAX {
        open.retain(|_, window| window.synced + window.unsynced > 1);
    }
    if open.len() >= REMEMBERED_MAX {
        open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_771_034_601_457 + ms)
    }

    #[test]
    fn window_ends_and_next_one_opens() {
        let windows = Windows::new(2);
        let quota = |remaining, resets_in, is_over| Quota {
            limit: 2,
            remaining,
            resets_in_seconds: resets_in,
            is_exceeded: is_over,
        };
        assert_eq!(windows.count("a", at(0)), None);
        assert_eq!(windows.open_and_count("a", at(0)), quota(1, 60, false));
        assert_eq!(windows.count("a", at(30_000)), Some(quota(0, 30, false)));
        assert_eq!(windows.open_and_count("a", at(59_999)), quota(0, 1, true));
        assert_eq!(windows.peek("a", at(59_999)), Some(quota(0, 1, true)));
        assert_eq!(windows.count("a", at(60_000)), None);
        assert_eq!(windows.open_and_count("a", at(60_000)), quota(1, 60, false));
        assert_eq!(windows.peek("b", at(0)), None);
    }

    #[test]
    fn synchronized_sum_keeps_requests_counted_meanwhile() {
        let windows = Windows::new(10);
        windows.open_and_count("a", at(0));
        let batch = windows.unsynced(5, at(10));
        assert_eq!((batch.len(), batch[0].count), (1, 1));
        windows.count("a", at(20));
        let sum = RequestCount { count: 7, window_ends_at: at(50_000) };
        windows.apply_sums(batch.into_iter().zip([sum]));
        let now = windows.peek("a", at(30)).unwrap();
        assert_eq!((now.remaining, now.resets_in_seconds), (2, 50));
        assert_eq!(windows.unsynced(5, at(40))[0].count, 1);
    }

    #[test]
    fn memory_is_bounded_and_busiest_subject_is_kept() {
        let windows = Windows::new(10);
        windows.open_and_count("often", at(0));
        windows.open_and_count("often", at(0));
        for number in 0..REMEMBERED_MAX + 10 {
            windows.open_and_count(&number.to_string(), at(0));
        }
        assert!(windows.lock().len() <= REMEMBERED_MAX);
        assert_eq!(windows.peek("often", at(0)).unwrap().remaining, 8);
    }
}
