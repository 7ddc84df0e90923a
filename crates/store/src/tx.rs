//! Transactions on either database, and the macros that run one SQL text on both.

use std::time::Duration;

use sqlx::{Postgres, Sqlite, Transaction};

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
    Sqlite(Transaction<'static, Sqlite>),
    /// A transaction on PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Commits everything that was done in the transaction.
    ///
    /// # Errors [`StoreError::Database`] when the database refuses, in which case nothing was changed.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => with_timeout(tx.commit()).await?,
            Self::Postgres(tx) => with_timeout(tx.commit()).await?,
        }
        Ok(())
    }
}

/// Runs the same expression on the database that the transaction is on.
macro_rules! db {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
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
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            $crate::tx::with_timeout(sqlx::query($sql)$(.bind($arg))*.execute(conn)).await?.rows_affected()
        })
    };
}

/// Reads at most one row as `$row`.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            $crate::tx::with_timeout(sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(conn)).await?
        })
    };
}

/// Reads all rows as `$row`. The statement has its own limit.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            $crate::tx::with_timeout(sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(conn)).await?
        })
    };
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

pub(crate) use {db, dialect, execute, fetch_all, fetch_optional};
