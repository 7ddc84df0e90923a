//! Transactions on either database, and the macros that run one SQL text on both.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Postgres, Sqlite, Transaction};
use uuid::Uuid;

use crate::cache::{Invalidation, ReadCache};
use crate::durability::{CommitNumber, WalSync};
use crate::error::StoreError;
use crate::notifications::{Notification, notify_all};
use crate::statements::StatementLog;
use crate::timeout::with_timeout;

/// An open transaction. If it is dropped without [`Tx::commit`], it rolls back.
#[derive(Debug)]
pub struct Tx {
    pub(crate) connection: TxConnection,
    cache: Arc<ReadCache>,
    /// The users and assistants whose remembered rows are out of date once this is committed.
    changed: Vec<Uuid>,
    notifications: Vec<Notification>,
}

/// The connection that a transaction is open on.
#[derive(Debug)]
pub(crate) enum TxConnection {
    Sqlite(SqliteTx),
    Postgres(OpenConnection<Postgres>),
}

/// A connection to SQLite, with what its commit has to wait for.
#[derive(Debug)]
pub(crate) struct SqliteTx {
    pub(crate) connection: OpenConnection<Sqlite>,
    /// `None` if it only reads.
    wal: Option<WalSync>,
    has_changes: bool,
}

impl SqliteTx {
    pub(crate) const fn new(connection: OpenConnection<Sqlite>, wal: Option<WalSync>) -> Self {
        Self { connection, wal, has_changes: false }
    }

    /// Commits, and releases the write connection, so that others can commit while this one waits for the disk. Returns
    /// what is to wait for, if anything. Unless `is_synced`, readers do not wait for it either.
    async fn commit(self, is_synced: bool) -> Result<Option<(WalSync, CommitNumber)>, StoreError> {
        let Some(wal) = self.wal.filter(|_| self.has_changes && is_synced) else {
            self.connection.commit().await?;
            return Ok(None);
        };
        let number = wal.record_start();
        self.connection.commit().await?;
        wal.record_written(number);
        Ok(Some((wal, number)))
    }
}

/// A connection, with a transaction if its statements belong together.
#[derive(Debug)]
pub(crate) enum OpenConnection<DB: Database> {
    Read(PoolConnection<DB>),
    Transaction(Transaction<'static, DB>),
}

impl<DB: Database> OpenConnection<DB> {
    pub(crate) fn get(&mut self) -> &mut DB::Connection {
        match self {
            Self::Read(connection) => connection,
            Self::Transaction(tx) => tx,
        }
    }

    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Read(_) => Ok(()),
            Self::Transaction(tx) => Ok(with_timeout(tx.commit()).await?),
        }
    }
}

impl Tx {
    pub(crate) const fn new(connection: TxConnection, cache: Arc<ReadCache>) -> Self {
        Self { connection, cache, changed: Vec::new(), notifications: Vec::new() }
    }

    /// Forgets at the commit what processes remember of a user's or an assistant's rows. Every statement that changes keys,
    /// grants or records needs this.
    pub(crate) fn invalidate(&mut self, id: impl Into<Uuid>) {
        self.changed.push(id.into());
    }

    pub(crate) fn statement_log(&self) -> &StatementLog {
        &self.cache.statements
    }

    /// Notifies every process when the transaction is committed; does nothing on SQLite.
    pub fn notify(&mut self, notification: Notification) {
        self.notifications.push(notification);
    }

    /// Records that a statement has changed rows, so that the commit waits for the disk.
    pub(crate) const fn record_changes(&mut self) {
        if let TxConnection::Sqlite(tx) = &mut self.connection {
            tx.has_changes = true;
        }
    }

    /// Commits everything that was done in the transaction, and returns once a power cut cannot undo it.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database refuses, in which case nothing was changed, or when it does not answer.
    /// [`StoreError::NotDurable`] when the disk fails: the change may or may not survive a restart.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.commit_to_log(true).await? {
            Some((wal, number)) => wal.wait(number).await,
            None => Ok(()),
        }
    }

    /// Commits everything that was done in the transaction. On SQLite a power cut may undo it, even after others have seen
    /// it. For counters, logs, leases and times of last use, which nobody would miss, and for which nothing should wait.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database refuses, in which case nothing was changed, or when it does not answer.
    pub async fn commit_without_sync(self) -> Result<(), StoreError> {
        self.commit_to_log(false).await.map(drop)
    }

    /// Commits, and forgets what is remembered of the changed rows. Returns what is to wait for until the commit is on the
    /// disk.
    async fn commit_to_log(self, is_synced: bool) -> Result<Option<(WalSync, CommitNumber)>, StoreError> {
        let Self { connection, cache, changed, notifications } = self;
        match connection {
            TxConnection::Sqlite(tx) => {
                let mut invalidation = Invalidation::new(cache, changed);
                let committed = tx.commit(is_synced).await?;
                invalidation.settle();
                Ok(committed)
            }
            TxConnection::Postgres(OpenConnection::Transaction(mut tx)) => {
                notify_all(&mut tx, &changed, &notifications).await?;
                let mut invalidation = Invalidation::new(cache, changed);
                // If the answer is lost and the transaction is committed, its notification arrives.
                invalidation.settle();
                with_timeout(tx.commit()).await?;
                Ok(None)
            }
            TxConnection::Postgres(OpenConnection::Read(_)) => Ok(None),
        }
    }
}

/// Whether a statement has changed something. `is_empty` if it has neither counted nor returned a row. After a `select`,
/// SQLite counts the rows of an earlier statement.
pub(crate) fn has_changed(sql: &str, is_empty: bool) -> bool {
    !is_empty && !sql.trim_start().starts_with("select")
}

/// Runs the same expression on the database that the transaction is on.
macro_rules! db {
    ($tx:expr, $conn:ident => $body:expr) => {
        match &mut $tx.connection {
            $crate::tx::TxConnection::Sqlite(tx) => {
                let $conn = tx.connection.get();
                $body
            }
            $crate::tx::TxConnection::Postgres(connection) => {
                let $conn = connection.get();
                $body
            }
        }
    };
}

/// Runs a statement with its arguments bound in order; returns the number of rows it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let sql = $sql;
        let timer = $crate::statements::StatementTimer::start();
        let changed = $crate::tx::db!($tx, conn => {
            $crate::timeout::with_timeout(sqlx::query(sql)$(.bind($arg))*.execute(conn)).await?.rows_affected()
        });
        timer.stop($tx.statement_log(), sql);
        if $crate::tx::has_changed(sql, changed == 0) {
            $tx.record_changes();
        }
        changed
    }};
}

/// Reads at most one row as `$row`.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::fetch!($tx, $row, fetch_optional, is_none, $sql $(, $arg)*)
    };
}

/// Reads all rows as `$row`. The statement has its own limit.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::fetch!($tx, $row, fetch_all, is_empty, $sql $(, $arg)*)
    };
}

/// Reads rows with the method `$fetch`, whose result has none if `$is_empty`.
macro_rules! fetch {
    ($tx:expr, $row:ty, $fetch:ident, $is_empty:ident, $sql:expr $(, $arg:expr)*) => {{
        let sql = $sql;
        let timer = $crate::statements::StatementTimer::start();
        let rows = $crate::tx::db!($tx, conn => {
            $crate::timeout::with_timeout(sqlx::query_as::<_, $row>(sql)$(.bind($arg))*.$fetch(conn)).await?
        });
        timer.stop($tx.statement_log(), sql);
        if $crate::tx::has_changed(sql, rows.$is_empty()) {
            $tx.record_changes();
        }
        rows
    }};
}

/// Chooses the SQL text where the two databases need different ones.
macro_rules! dialect {
    ($tx:expr, sqlite: $sqlite:expr, postgres: $postgres:expr $(,)?) => {
        match &$tx.connection {
            $crate::tx::TxConnection::Sqlite(_) => $sqlite,
            $crate::tx::TxConnection::Postgres(_) => $postgres,
        }
    };
}

pub(crate) use {db, dialect, execute, fetch, fetch_all, fetch_optional};
