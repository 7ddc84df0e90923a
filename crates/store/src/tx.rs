//! A transaction on either database, and the one place that tells them apart.

use std::time::Duration;

use sqlx::{Postgres, Sqlite, Transaction};

use crate::error::StoreError;

/// How long the database may take to answer one statement. Beyond it the network is gone, and who waits is told so;
/// TCP alone would wait for a quarter of an hour.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for an answer of the database, within bounds.
pub(crate) async fn in_time<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(ANSWER_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// An open transaction; dropped without [`Tx::commit`], it rolls back.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Makes everything done in it last.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database refuses; nothing has happened then.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => in_time(tx.commit()).await?,
            Self::Postgres(tx) => in_time(tx.commit()).await?,
        }
        Ok(())
    }
}

/// Runs the same expression on whichever database the transaction is on.
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

/// Runs a statement with its arguments bound in order; gives the number of rows it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            $crate::tx::in_time(sqlx::query($sql)$(.bind($arg))*.execute(conn)).await?.rows_affected()
        })
    };
}

/// Reads at most one row as `$row`.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            $crate::tx::in_time(sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(conn)).await?
        })
    };
}

/// Reads all rows as `$row`; the statement carries its own limit.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            $crate::tx::in_time(sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(conn)).await?
        })
    };
}

/// Picks the SQL text for the dialect where the two must differ.
macro_rules! dialect {
    ($tx:expr, sqlite: $sqlite:expr, postgres: $postgres:expr $(,)?) => {
        match $tx {
            $crate::Tx::Sqlite(_) => $sqlite,
            $crate::Tx::Postgres(_) => $postgres,
        }
    };
}

pub(crate) use {db, dialect, execute, fetch_all, fetch_optional};
