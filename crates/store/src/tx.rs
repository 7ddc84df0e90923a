//! Transactions on either database, and the macros that run one SQL text on both.

use std::time::Duration;

use sqlx::{Postgres, Sqlite, Transaction};

use crate::durability::WalSync;
use crate::error::StoreError;

/// How long the database may take to answer a statement. After that the connection counts as dead; TCP alone would wait
/// for fifteen minutes.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for an answer of the database, with a time limit.
pub(crate) async fn with_timeout<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(STATEMENT_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// An open transaction. If it is dropped without [`Tx::commit`], it rolls back.
#[derive(Debug)]
pub enum Tx {
    /// A transaction on SQLite.
    Sqlite(SqliteTx),
    /// A transaction on PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction on SQLite, with what its commit has to wait for.
#[derive(Debug)]
pub struct SqliteTx {
    pub(crate) transaction: Transaction<'static, Sqlite>,
    /// `None` in a transaction that only reads.
    wal: Option<WalSync>,
    has_changes: bool,
}

impl SqliteTx {
    pub(crate) const fn new(transaction: Transaction<'static, Sqlite>, wal: Option<WalSync>) -> Self {
        Self { transaction, wal, has_changes: false }
    }

    async fn commit(self) -> Result<(), StoreError> {
        let Some(wal) = self.wal.filter(|_| self.has_changes) else {
            return Ok(with_timeout(self.transaction.commit()).await?);
        };
        let number = wal.record_start();
        // This releases the write connection, so that others can commit while this one waits for the disk.
        with_timeout(self.transaction.commit()).await?;
        wal.record_written(number);
        wal.wait(number).await
    }
}

impl Tx {
    /// Commits everything that was done in the transaction, and returns once a power cut cannot undo it.
    ///
    /// # Errors [`StoreError::Database`] when the database refuses, in which case nothing was changed. [`StoreError::NotDurable`]
    /// when the disk fails: the change may or may not survive a restart.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => Ok(with_timeout(tx.commit()).await?),
        }
    }

    /// Commits everything that was done in the transaction. On SQLite a power cut may undo it, even after others have seen it.
    /// For counters, logs, leases and times of last use, which nobody would miss, and for which nothing should wait.
    ///
    /// # Errors [`StoreError::Database`] when the database refuses, in which case nothing was changed.
    pub async fn commit_without_sync(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => with_timeout(tx.transaction.commit()).await?,
            Self::Postgres(tx) => with_timeout(tx.commit()).await?,
        }
        Ok(())
    }

    /// Records that a statement has changed rows, so that the commit waits for the disk.
    pub(crate) const fn record_changes(&mut self) {
        if let Self::Sqlite(tx) = self {
            tx.has_changes = true;
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
        match $tx {
            $crate::Tx::Sqlite(tx) => {
                let $conn = &mut *tx.transaction;
                $body
            }
            $crate::Tx::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}

/// Runs a statement with its arguments bound in order; returns the number of rows it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {{
        let sql = $sql;
        let changed = $crate::tx::db!($tx, conn => {
            $crate::tx::with_timeout(sqlx::query(sql)$(.bind($arg))*.execute(conn)).await?.rows_affected()
        });
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
        let rows = $crate::tx::db!($tx, conn => {
            $crate::tx::with_timeout(sqlx::query_as::<_, $row>(sql)$(.bind($arg))*.$fetch(conn)).await?
        });
        if $crate::tx::has_changed(sql, rows.$is_empty()) {
            $tx.record_changes();
        }
        rows
    }};
}

/// Chooses the SQL text where the two databases need different ones.
macro_rules! dialect {
    ($tx:expr, sqlite: $sqlite:expr, postgres: $postgres:expr $(,)?) => {
        match $tx {
            $crate::Tx::Sqlite(_) => $sqlite,
            $crate::Tx::Postgres(_) => $postgres,
        }
    };
}

pub(crate) use {db, dialect, execute, fetch, fetch_all, fetch_optional};
