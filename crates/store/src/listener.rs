//! Receives what other processes change: by NOTIFY on PostgreSQL, and by the version of the file on SQLite.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::postgres::{PgListener, PgNotification};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::cache::{Check, ReadCache};
use crate::connect::{Database, Store};
use crate::error::StoreError;
use crate::notifications::{CHANNEL, Notification, parse_changes};
use crate::timeout::with_timeout;

/// How often it is checked that changes arrive. A check is valid for a second, so several of them fit into that time.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Receives the notifications of all processes, including this one, and forgets what this process remembers of changed
/// rows.
pub struct NotificationListener {
    cache: Arc<ReadCache>,
    source: Source,
}

enum Source {
    Postgres(Channel),
    Sqlite(FileVersion),
}

impl fmt::Debug for NotificationListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotificationListener")
    }
}

impl Drop for NotificationListener {
    fn drop(&mut self) {
        self.cache.feed.suspend();
    }
}

impl Store {
    /// Starts to listen. While nobody listens, nothing is read from memory.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listen(&self) -> Result<NotificationListener, StoreError> {
        let next_check = Instant::now();
        let source = match self.database() {
            Database::Sqlite { write, opened, .. } => {
                let (write, opened) = (write.clone(), opened.clone());
                Source::Sqlite(FileVersion { write, opened, last: None, next_check })
            }
            Database::Postgres(pool) => {
                let mut listener = with_timeout(PgListener::connect_with(pool)).await?;
                listener.ignore_pool_close_event(true);
                listener.eager_reconnect(false);
                with_timeout(listener.listen(CHANNEL)).await?;
                Source::Postgres(Channel { listener, next_check, passed: None })
            }
        };
        Ok(NotificationListener { cache: self.cache().clone(), source })
    }
}

impl NotificationListener {
    /// Waits for the next notification. `None` means that something else may have happened: the connection was lost and
    /// restored, so that some may be missing; a newer version of Reef has sent one that this version does not know; or
    /// another process has written to the SQLite file.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection cannot be restored or does not answer.
    pub async fn next(&mut self) -> Result<Option<Notification>, StoreError> {
        match &mut self.source {
            Source::Postgres(channel) => channel.next(&self.cache).await,
            Source::Sqlite(version) => version.changed(&self.cache).await.map(|()| None),
        }
    }
}

/// The channel of a PostgreSQL database. A dead connection is silent, and so is one without notifications, so it is
/// tested all the time.
struct Channel {
    listener: PgListener,
    next_check: Instant,
    /// A successful check, to be confirmed when what arrived before it is applied.
    passed: Option<Check>,
}

impl Channel {
    async fn next(&mut self, cache: &ReadCache) -> Result<Option<Notification>, StoreError> {
        loop {
            if let Some(message) = self.listener.next_buffered() {
                if let Some(notification) = apply(cache, &message) {
                    return Ok(notification);
                }
            } else if let Some(check) = self.passed.take() {
                cache.feed.confirm(check);
            } else if self.next_check <= Instant::now() {
                self.check(cache).await?;
            } else if let Ok(received) = timeout_at(self.next_check, self.listener.try_recv()).await {
                let Some(message) = received? else {
                    // The connection was lost, and with it any number of notifications. The check opens another one and
                    // listens. The time limit above must not end that half-way: what has arrived would be lost unnoticed.
                    cache.feed.suspend();
                    self.check(cache).await?;
                    return Ok(None);
                };
                if let Some(notification) = apply(cache, &message) {
                    return Ok(notification);
                }
            }
        }
    }

    /// Checks that the database answers on the connection, and opens it again if it is closed.
    async fn check(&mut self, cache: &ReadCache) -> Result<(), StoreError> {
        let check = cache.feed.begin_check();
        self.next_check = Instant::now() + CHECK_INTERVAL;
        with_timeout(sqlx::query("select 1").execute(&mut self.listener)).await?;
        self.passed = Some(check);
        Ok(())
    }
}

/// Forgets the rows that a message is about. Returns what else it says, if anything.
fn apply(cache: &ReadCache, message: &PgNotification) -> Option<Option<Notification>> {
    if let Some(changed) = parse_changes(message.payload()) {
        for id in changed {
            cache.feed.invalidate(id);
        }
        return None;
    }
    let notification = Notification::parse(message.payload());
    if notification.is_none() {
        // A newer version may change rows in ways that this one does not know.
        cache.feed.invalidate_all();
    }
    Some(notification)
}

/// The version of a SQLite file, as the connection for writing sees it: it changes with every commit of another
/// connection, which is one of another process.
struct FileVersion {
    write: SqlitePool,
    /// How often the connection was opened. A new connection counts from another start.
    opened: Arc<AtomicU64>,
    last: Option<(u64, i64)>,
    next_check: Instant,
}

impl FileVersion {
    /// Waits until another process has written.
    async fn changed(&mut self, cache: &ReadCache) -> Result<(), StoreError> {
        loop {
            sleep_until(self.next_check).await;
            let check = cache.feed.begin_check();
            self.next_check = Instant::now() + CHECK_INTERVAL;
            let mut connection = self.write.acquire().await?;
            let (version,): (i64,) =
                with_timeout(sqlx::query_as("pragma data_version").fetch_one(&mut *connection)).await?;
            let version = Some((self.opened.load(Ordering::SeqCst), version));
            drop(connection);
            let before = std::mem::replace(&mut self.last, version);
            if before.is_some() && before != version {
                cache.feed.invalidate_all();
                // Confirmed by the next check, which begins at once.
                self.next_check = Instant::now();
                return Ok(());
            }
            cache.feed.confirm(check);
        }
    }
}
