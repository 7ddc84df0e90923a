//! The order of commits, syncs and answers on SQLite, with a sync that the test controls.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use reef_store::testing::TestStore;
use reef_store::{Store, StoreError, on_both_databases};
use tokio::task::JoinHandle;

use crate::support::{NOW, raw, raw_rows};

/// How long a test waits to see that something does not happen. If the machine is too slow, the test misses a fault and does
/// not fail without one.
const PAUSE: Duration = Duration::from_millis(50);

/// A disk whose syncs can be held, counted and made to fail.
#[derive(Default)]
struct Disk(Arc<Shared>);

#[derive(Default)]
struct Shared {
    begun: AtomicUsize,
    fails: AtomicBool,
    is_held: Mutex<bool>,
    released: Condvar,
}

impl Disk {
    async fn open(&self) -> TestStore {
        let disk = Arc::clone(&self.0);
        TestStore::sqlite_with_sync(move || disk.sync()).await
    }

    fn hold(&self) {
        *self.0.is_held.lock().expect("no sync panics") = true;
    }

    fn release(&self) {
        *self.0.is_held.lock().expect("no sync panics") = false;
        self.0.released.notify_all();
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Waits until this many syncs have begun.
    async fn begin(&self, syncs: usize) {
        while self.begun() < syncs {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Shared {
    fn sync(&self) -> io::Result<()> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let held = self.is_held.lock().expect("no sync panics");
        drop(self.released.wait_while(held, |held| *held).expect("no sync panics"));
        if self.fails.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that fails meanwhile would wait for its sync.
        self.release();
    }
}

async fn write(store: &Store, id: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    assert!(tx.insert_polar_webhook(id, "{}", NOW).await?);
    tx.commit().await
}

fn spawn_write(db: &TestStore, id: &impl ToString) -> JoinHandle<Result<(), StoreError>> {
    let (store, id) = (db.store.clone(), id.to_string());
    tokio::spawn(async move { write(&store, &id).await })
}

async fn count(db: &TestStore) -> usize {
    let mut tx = db.store.read().await.expect("a connection");
    tx.list_open_polar_webhooks(1000).await.expect("the webhooks").len()
}

/// Waits until readers see this many rows.
async fn visible(db: &TestStore, rows: usize) {
    while count(db).await < rows {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_returns_after_its_sync_and_holds_no_lock() {
    let disk = Disk::default();
    let db = disk.open().await;
    let before = disk.begun();
    disk.hold();
    let first = spawn_write(&db, &"first");
    disk.begin(before + 1).await;
    // The sync of the first is running: others can write and read, and neither is answered.
    let second = spawn_write(&db, &"second");
    visible(&db, 2).await;
    tokio::time::sleep(PAUSE).await;
    assert!(!first.is_finished() && !second.is_finished());
    disk.release();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(disk.begun(), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_during_a_sync_share_the_next_one() {
    let disk = Disk::default();
    let db = disk.open().await;
    let before = disk.begun();
    disk.hold();
    let first = spawn_write(&db, &"first");
    disk.begin(before + 1).await;
    let rest: Vec<_> = (0..40).map(|n| spawn_write(&db, &n)).collect();
    visible(&db, 41).await;
    disk.release();
    first.await.unwrap().unwrap();
    for write in rest {
        write.await.unwrap().unwrap();
    }
    // The last writers may have seen their commit only after the second sync began.
    let syncs = disk.begun() - before;
    assert!((2..=3).contains(&syncs), "{syncs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_waits_for_what_it_may_have_seen() {
    let disk = Disk::default();
    let db = disk.open().await;
    let before = disk.begun();
    db.store.wait_until_durable().await.unwrap();
    assert_eq!(disk.begun(), before, "everything was synced");
    disk.hold();
    let writer = spawn_write(&db, &"seen");
    visible(&db, 1).await;
    let store = db.store.clone();
    let answer = tokio::spawn(async move { store.wait_until_durable().await });
    tokio::time::sleep(PAUSE).await;
    assert!(!answer.is_finished());
    disk.release();
    answer.await.unwrap().unwrap();
    writer.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writer_that_left_is_synced_by_the_next_reader() {
    let disk = Disk::default();
    let db = disk.open().await;
    disk.hold();
    let writer = spawn_write(&db, &"left");
    visible(&db, 1).await;
    writer.abort();
    disk.release();
    db.store.wait_until_durable().await.unwrap();
    let synced = disk.begun();
    write(&db.store, "next").await.unwrap();
    db.store.wait_until_durable().await.unwrap();
    assert_eq!(disk.begun(), synced + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sync_fails_every_waiting_commit_and_all_later_ones() {
    let disk = Disk::default();
    let db = disk.open().await;
    let before = disk.begun();
    disk.hold();
    let first = spawn_write(&db, &"first");
    disk.begin(before + 1).await;
    let second = spawn_write(&db, &"second");
    visible(&db, 2).await;
    let store = db.store.clone();
    let lost = tokio::spawn(async move { store.durability_lost().await });
    disk.0.fails.store(true, Ordering::SeqCst);
    disk.release();
    for write in [first, second] {
        assert!(matches!(write.await.unwrap(), Err(StoreError::NotDurable)));
    }
    lost.await.unwrap();
    // The next sync would succeed, without what the first one could not write.
    disk.0.fails.store(false, Ordering::SeqCst);
    assert!(matches!(db.store.begin().await, Err(StoreError::NotDurable)));
    assert_eq!(count(&db).await, 2);
    assert!(matches!(db.store.wait_until_durable().await, Err(StoreError::NotDurable)));
    assert_eq!(disk.begun(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_changes_are_synced() {
    let disk = Disk::default();
    let db = disk.open().await;
    let before = disk.begun();
    let mut tx = db.store.begin().await.unwrap();
    tx.ping().await.unwrap();
    assert_eq!(tx.list_open_polar_webhooks(10).await.unwrap(), []);
    tx.commit().await.unwrap();
    db.store.read().await.unwrap().commit().await.unwrap();
    let mut tx = db.store.begin().await.unwrap();
    tx.insert_polar_webhook("dropped", "{}", NOW).await.unwrap();
    drop(tx);
    let mut tx = db.store.begin().await.unwrap();
    tx.insert_polar_webhook("unimportant", "{}", NOW).await.unwrap();
    tx.commit_without_sync().await.unwrap();
    db.store.wait_until_durable().await.unwrap();
    assert_eq!((disk.begun(), count(&db).await), (before, 1));
    write(&db.store, "important").await.unwrap();
    assert_eq!(disk.begun(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_an_earlier_process_are_synced_before_the_first_answer() {
    let disk = Disk::default();
    let db = disk.open().await;
    assert_eq!(disk.begun(), 1, "migrations are synced");
    let file = db.file().unwrap();
    let store = Store::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    store.wait_until_durable().await.unwrap();
    write(&store, "through the real file").await.unwrap();
    store.close().await;
    assert_eq!(count(&db).await, 1);
}

on_both_databases! {
    async fn commits_are_durable_and_counted_once(db: TestStore) {
        let writes: Vec<_> = (0..20).map(|n| spawn_write(&db, &n)).collect();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        db.store.wait_until_durable().await.unwrap();
        assert_eq!(raw_rows!(db, (i64,), "select count(*) from polar_inbox"), [(20,)]);
        assert_eq!(raw!(db, "delete from polar_inbox"), 20);
    }
}

/// Measures what ADR 29 lists: `cargo nextest run --release -p reef-store --run-ignored only commits_per_second --no-capture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement that asserts nothing"]
async fn commits_per_second() {
    const DURATION: Duration = Duration::from_secs(3);
    for (name, is_full, is_synced) in
        [("NORMAL without sync", false, false), ("FULL", true, false), ("group commit", false, true)]
    {
        for writers in [1, 8, 32, 128] {
            let db = TestStore::sqlite().await;
            if is_full {
                raw!(db, "pragma synchronous = full");
            }
            let until = Instant::now() + DURATION;
            let tasks = (0..writers).map(|writer| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    let mut commits = 0_u64;
                    while Instant::now() < until {
                        let mut tx = store.begin().await.unwrap();
                        tx.insert_polar_webhook(&format!("{writer}:{commits}"), "{}", NOW).await.unwrap();
                        if is_synced { tx.commit().await } else { tx.commit_without_sync().await }.unwrap();
                        commits += 1;
                    }
                    commits
                })
            });
            let mut commits = 0;
            for task in tasks.collect::<Vec<_>>() {
                commits += task.await.unwrap();
            }
            println!("{name}, {writers} writers: {} commits/s", commits / DURATION.as_secs());
        }
    }
}
