//! Which cached rows are still current, and whether this process would know if they were not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// How long the feed counts as alive after a check of it has begun. Changes of other processes are therefore followed
/// within this time, even if the feed has died silently.
pub const FOLLOWED_WITHIN: Duration = Duration::from_secs(1);
/// Versions are shared by the users and assistants whose ids have the same remainder. Sharing costs a needless read
/// now and then.
const VERSIONS: usize = 4096;

/// The changes of cached rows, from this process and from others.
///
/// A cached row is stamped before it is read from the database. A later change of the row changes the stamp
/// of its user or assistant, so that the entry is not used any more, also if it is stored only later.
#[derive(Debug)]
pub(crate) struct ChangeFeed {
    /// Changes when anything may have changed.
    epoch: AtomicU64,
    versions: Box<[AtomicU64]>,
    started_at: Instant,
    /// In milliseconds since `started_at`; 0 when the feed is not alive.
    alive_until: AtomicU64,
    /// How often the feed was suspended. Held while it is confirmed or suspended, so that a late confirmation cannot undo
    /// a suspension.
    suspensions: Mutex<u64>,
}

/// The state of the feed when a check of it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    began_at: Instant,
    suspensions: u64,
}

/// The version of a user's or an assistant's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    epoch: u64,
    version: u64,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            versions: (0..VERSIONS).map(|_| AtomicU64::new(0)).collect(),
            started_at: Instant::now(),
            alive_until: AtomicU64::new(0),
            suspensions: Mutex::default(),
        }
    }
}

impl ChangeFeed {
    /// The stamp of the rows of a user or an assistant; `None` while the feed is not known to be alive, so that nothing
    /// may be read from memory.
    pub(crate) fn stamp(&self, of: Uuid) -> Option<Stamp> {
        let epoch = self.epoch.load(Ordering::SeqCst);
        let version = self.version(of).load(Ordering::SeqCst);
        // Loaded last: a suspension ends this before it begins the next epoch, so that a stamp of an epoch is given only
        // after a check has confirmed the feed in it. Until then, changes may be missed that would not alter the stamp.
        let alive_until = self.alive_until.load(Ordering::SeqCst);
        (self.millis(Instant::now()) < alive_until).then_some(Stamp { epoch, version })
    }

    /// The rows of a user or an assistant have changed.
    pub(crate) fn invalidate(&self, of: Uuid) {
        self.version(of).fetch_add(1, Ordering::SeqCst);
    }

    /// Anything may have changed.
    pub(crate) fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Begins a check of whether all changes arrive.
    pub(crate) fn begin_check(&self) -> Check {
        Check { suspensions: *self.suspensions(), began_at: Instant::now() }
    }

    /// All changes that were committed before the check began have been applied. Has no effect if the feed was suspended
    /// meanwhile.
    pub(crate) fn confirm(&self, check: Check) {
        let suspensions = self.suspensions();
        if *suspensions == check.suspensions {
            self.alive_until.store(self.millis(check.began_at + FOLLOWED_WITHIN), Ordering::SeqCst);
        }
    }

    /// Changes may be missing from now on, until a check that begins later confirms the feed.
    pub(crate) fn suspend(&self) {
        let mut suspensions = self.suspensions();
        *suspensions += 1;
        self.alive_until.store(0, Ordering::SeqCst);
        self.invalidate_all();
    }

    fn suspensions(&self) -> MutexGuard<'_, u64> {
        self.suspensions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self, of: Uuid) -> &AtomicU64 {
        // The last bytes of a UUID of version 7 are random.
        let hash = of.as_u128() % VERSIONS as u128;
        &self.versions[usize::try_from(hash).unwrap_or(0)]
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.started_at).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[tokio::test(start_paused = true)]
    async fn feed_is_alive_for_one_second_after_confirmation() {
        let feed = ChangeFeed::default();
        assert_eq!(feed.stamp(id(1)), None);
        feed.confirm(feed.begin_check());
        assert!(feed.stamp(id(1)).is_some());
        tokio::time::advance(FOLLOWED_WITHIN).await;
        assert_eq!(feed.stamp(id(1)), None);
        // The time counts from the beginning of the check.
        let check = feed.begin_check();
        tokio::time::advance(FOLLOWED_WITHIN / 2).await;
        feed.confirm(check);
        assert!(feed.stamp(id(1)).is_some());
        tokio::time::advance(FOLLOWED_WITHIN / 2).await;
        assert_eq!(feed.stamp(id(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn change_alters_stamp_of_its_subject_only() {
        let feed = ChangeFeed::default();
        feed.confirm(feed.begin_check());
        let before = [feed.stamp(id(1)), feed.stamp(id(2))];
        feed.invalidate(id(1));
        assert_ne!(feed.stamp(id(1)), before[0]);
        assert_eq!(feed.stamp(id(2)), before[1]);
        feed.invalidate_all();
        assert_ne!(feed.stamp(id(2)), before[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn suspended_feed_has_new_stamps_when_it_is_confirmed() {
        let feed = ChangeFeed::default();
        feed.confirm(feed.begin_check());
        let before = feed.stamp(id(1));
        let late = feed.begin_check();
        feed.suspend();
        feed.confirm(late);
        assert_eq!(feed.stamp(id(1)), None);
        feed.confirm(feed.begin_check());
        assert_ne!(feed.stamp(id(1)), before);
    }

    /// Not on the paused clock, which threads do not share.
    #[test]
    fn no_stamp_of_an_epoch_is_given_before_the_feed_is_confirmed_in_it() {
        const ROUNDS: u64 = 200_000;
        let feed = ChangeFeed::default();
        let confirmed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut stamps = 0_u64;
                while confirmed.load(Ordering::SeqCst) < ROUNDS {
                    if let Some(stamp) = feed.stamp(id(1)) {
                        stamps += 1;
                        assert!(stamp.epoch <= confirmed.load(Ordering::SeqCst));
                    }
                }
                stamps
            });
            for epoch in 1..=ROUNDS {
                feed.suspend();
                std::thread::yield_now();
                let check = feed.begin_check();
                confirmed.store(epoch, Ordering::SeqCst);
                feed.confirm(check);
                if reader.is_finished() {
                    break;
                }
            }
            assert!(reader.join().expect("every stamp should be of a confirmed epoch") > 0);
        });
    }
}
