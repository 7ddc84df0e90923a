//! Makes commits on SQLite durable, several with one sync ([ADR 29](../../../../docs/adr/0029-sqlite-durability.md)).
//!
//! SQLite commits by appending to the write-ahead log, which survives the death of the process but not a power cut. So a
//! commit is followed by a wait for a sync of that file which began after it. The write connection is free meanwhile, and a
//! sync covers every commit made before it began.

mod wal_file;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reef_domain::ErrorChain;
use tokio::sync::watch;

use self::wal_file::WalFile;
use crate::error::StoreError;

/// Writes what the system holds of the log to the disk.
type Sync = Box<dyn Fn() -> io::Result<()> + Send + std::marker::Sync>;

/// Syncs the write-ahead log of a SQLite database. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct WalSync(Arc<Shared>);

struct Shared {
    /// The number of the last commit that was started. It is counted before the commit, because readers may see the commit
    /// before its writer learns that it is done.
    started: AtomicU64,
    /// The number of the last commit of which everything is in the file.
    written: AtomicU64,
    /// The number of the last commit that is on the disk.
    synced: AtomicU64,
    rounds: Mutex<Rounds>,
    progress: watch::Sender<Progress>,
    sync: Sync,
}

/// The syncs, numbered from 1.
#[derive(Default)]
struct Rounds {
    /// The last round that was requested.
    requested: u64,
    /// The last round that began.
    begun: u64,
    /// The last commit that the round `begun` covers.
    covered: u64,
    is_running: bool,
}

/// What waiting tasks see.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// The last round that has succeeded.
    done: u64,
    /// Whether a sync has failed. The system may then have dropped what it could not write, and a later sync would succeed
    /// without it, so nothing counts as durable from then on.
    has_failed: bool,
}

/// The number of a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitNumber(u64);

impl WalSync {
    /// Syncs the log of the database in the file `database`.
    pub(crate) fn new(database: &Path) -> Self {
        let file = WalFile::new(database);
        Self::with_sync(Box::new(move || file.sync()))
    }

    /// Calls `sync` to sync.
    pub(crate) fn with_sync(sync: Sync) -> Self {
        Self(Arc::new(Shared {
            // Commits of an earlier process, or of another one, may be in the file and not on the disk. They count as the
            // first one, so that they are synced before anything that was read is answered.
            started: AtomicU64::new(1),
            written: AtomicU64::new(1),
            synced: AtomicU64::new(0),
            rounds: Mutex::default(),
            progress: watch::Sender::new(Progress::default()),
            sync,
        }))
    }

    /// Fails if a sync has failed: what would be written now could not be confirmed.
    pub(crate) fn ensure_healthy(&self) -> Result<(), StoreError> {
        if self.0.progress.borrow().has_failed { Err(StoreError::NotDurable) } else { Ok(()) }
    }

    /// Records that no commit is in progress, because the caller has the write connection. A commit whose caller gave up
    /// waiting for it is completed by this.
    pub(crate) fn record_idle(&self) {
        self.0.written.fetch_max(self.0.started.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Records that a commit is about to be made. The caller has the write connection.
    pub(crate) fn record_start(&self) -> CommitNumber {
        CommitNumber(self.0.started.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Records that a commit has been made.
    pub(crate) fn record_written(&self, commit: CommitNumber) {
        // The write connection may be in use again, even for the next commit.
        self.0.written.fetch_max(commit.0, Ordering::SeqCst);
    }

    /// The last commit that a reader can have seen.
    pub(crate) fn last_commit(&self) -> CommitNumber {
        CommitNumber(self.0.started.load(Ordering::SeqCst))
    }

    /// Waits until a commit is on the disk. If it is still being made, this waits for what can be seen of it.
    ///
    /// # Errors
    /// [`StoreError::NotDurable`] when it may not be on the disk.
    pub(crate) async fn wait(&self, commit: CommitNumber) -> Result<(), StoreError> {
        if self.0.synced.load(Ordering::SeqCst) >= commit.0 {
            return Ok(());
        }
        let mut progress = self.0.progress.subscribe();
        let round = self.request_round(commit)?;
        match progress.wait_for(|progress| progress.has_failed || progress.done >= round).await {
            Ok(progress) if progress.done >= round => Ok(()),
            _ => Err(StoreError::NotDurable),
        }
    }

    /// Waits until a sync fails.
    pub(crate) async fn failed(&self) {
        let mut progress = self.0.progress.subscribe();
        // The sender lives as long as `self`.
        drop(progress.wait_for(|progress| progress.has_failed).await);
    }

    /// Returns the round to wait for, which covers the commit, and makes sure that it runs.
    fn request_round(&self, commit: CommitNumber) -> Result<u64, StoreError> {
        let mut rounds = self.0.rounds();
        self.ensure_healthy()?;
        if rounds.is_running && rounds.covered >= commit.0 {
            return Ok(rounds.begun);
        }
        // A round that runs may have begun before the commit.
        let round = rounds.begun + 1;
        rounds.requested = round;
        if !rounds.is_running {
            rounds.is_running = true;
            let shared = Arc::clone(&self.0);
            // Not a part of any request, because those can be canceled.
            tokio::task::spawn_blocking(move || shared.run_rounds());
        }
        Ok(round)
    }
}

impl Shared {
    fn rounds(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Syncs until nobody has requested another round.
    fn run_rounds(&self) {
        while let Some((round, covered)) = self.begin_round() {
            if let Err(error) = (self.sync)() {
                tracing::error!(error = %ErrorChain(&error), "the database could not be synced to the disk");
                self.progress.send_modify(|progress| progress.has_failed = true);
                return;
            }
            self.synced.fetch_max(covered, Ordering::SeqCst);
            self.progress.send_modify(|progress| progress.done = round);
        }
    }

    /// Begins the next round, if one is requested. Returns its number and the last commit that it covers.
    fn begin_round(&self) -> Option<(u64, u64)> {
        let mut rounds = self.rounds();
        if rounds.requested == rounds.begun {
            rounds.is_running = false;
            return None;
        }
        rounds.begun += 1;
        rounds.covered = self.written.load(Ordering::SeqCst);
        Some((rounds.begun, rounds.covered))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { started, written, synced, .. } = self;
        f.debug_struct("WalSync")
            .field("started", started)
            .field("written", written)
            .field("synced", synced)
            .finish_non_exhaustive()
    }
}
