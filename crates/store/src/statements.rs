//! Which statements ran, how often and how long, for the tests of their plans and for the soak. Nothing is recorded without
//! the feature `testing`.

#[cfg(feature = "testing")]
pub use recording::StatementStats;
#[cfg(feature = "testing")]
pub(crate) use recording::{StatementLog, StatementTimer};
#[cfg(not(feature = "testing"))]
pub(crate) use silence::{StatementLog, StatementTimer};

#[cfg(not(feature = "testing"))]
mod silence {
    /// Records nothing.
    #[derive(Default)]
    pub(crate) struct StatementLog;

    /// Measures nothing.
    pub(crate) struct StatementTimer;

    impl StatementTimer {
        pub(crate) const fn start() -> Self {
            Self
        }

        pub(crate) const fn stop(self, _: &StatementLog, _: &'static str) {}
    }
}

#[cfg(feature = "testing")]
mod recording {
    use std::collections::HashMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::time::{Duration, Instant};

    /// How often a statement ran, and how long it took.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StatementStats {
        /// Its SQL text.
        pub sql: &'static str,
        /// How often it ran.
        pub count: u64,
        /// The time that all runs took together.
        pub total: Duration,
        /// The time of the longest run.
        pub longest: Duration,
    }

    type Recorded = HashMap<&'static str, StatementStats>;

    /// The statements of a store since the recording started; `None` before that.
    #[derive(Default)]
    pub(crate) struct StatementLog(Mutex<Option<Recorded>>);

    impl StatementLog {
        fn lock(&self) -> MutexGuard<'_, Option<Recorded>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Starts to record, and forgets what was recorded before.
        pub(crate) fn start(&self) {
            *self.lock() = Some(Recorded::new());
        }

        /// The statements since [`Self::start`], those that took the most time first.
        pub(crate) fn list(&self) -> Vec<StatementStats> {
            let mut all: Vec<_> = self.lock().iter().flat_map(HashMap::values).copied().collect();
            all.sort_by(|a, b| b.total.cmp(&a.total).then(a.sql.cmp(b.sql)));
            all
        }
    }

    /// Measures one run of a statement.
    pub(crate) struct StatementTimer(Instant);

    impl StatementTimer {
        pub(crate) fn start() -> Self {
            Self(Instant::now())
        }

        pub(crate) fn stop(self, log: &StatementLog, sql: &'static str) {
            let elapsed = self.0.elapsed();
            if let Some(recorded) = &mut *log.lock() {
                let stats = recorded.entry(sql).or_insert(StatementStats {
                    sql,
                    count: 0,
                    total: Duration::ZERO,
                    longest: Duration::ZERO,
                });
                stats.count += 1;
                stats.total += elapsed;
                stats.longest = stats.longest.max(elapsed);
            }
        }
    }
}
