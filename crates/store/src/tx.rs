//! Transactions on either database, and the macros that run one SQL text on both.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, Transaction};
use uuid::Uuid;

use crate::cache::{Invalidation, ReadCache};
use crate::error::StoreError;
use crate::notifications::{Notification, notify_all};

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
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(PostgresConnection),
}

/// A connection to PostgreSQL, with a transaction if anything is to be written.
#[derive(Debug)]
pub(crate) enum PostgresConnection {
    Read(PoolConnection<Postgres>),
    Transaction(Transaction<'static, Postgres>),
}

impl PostgresConnection {
    pub(crate) fn get(&mut self) -> &mut PgConnection {
        match self {
            Self::Read(connection) => connection,
            Self::Transaction(tx) => tx,
        }
    }
}

impl Tx {
    pub(crate) const fn new(connection: TxConnection, cache: Arc<ReadCache>) -> Self {
        Self { connection, cache, changed: Vec::new(), notifications: Vec::new() }
    }

    /// Rows of a user or an assistant that may be remembered change in this transaction. Every statement that changes
    /// such rows says so.
    pub(crate) fn record_change_of(&mut self, id: impl Into<Uuid>) {
        self.changed.push(id.into());
    }

    /// Notifies every process when the transaction is committed; does nothing on SQLite.
    pub fn notify(&mut self, notification: Notification) {
        self.notifications.push(notification);
    }

    /// Commits everything that was done in the transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database refuses, in which case nothing was changed, or when it does not answer.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Self { connection, cache, changed, notifications } = self;
        match connection {
            TxConnection::Sqlite(tx) => {
                let mut invalidation = Invalidation::new(cache, changed);
                with_timeout(tx.commit()).await?;
                invalidation.settle();
            }
            TxConnection::Postgres(PostgresConnection::Transaction(mut tx)) => {
                notify_all(&mut tx, &changed, &notifications).await?;
                let mut invalidation = Invalidation::new(cache, changed);
                // If the answer is lost and the transaction is committed, its notification arrives.
                invalidation.settle();
                with_timeout(tx.commit()).await?;
            }
            TxConnection::Postgres(PostgresConnection::Read(_)) => {}
        }
        Ok(())
    }
}

/// Runs the same expression on the database that the transaction is on.
macro_rules! db {
    ($tx:expr, $conn:ident => $body:expr) => {
        match &mut $tx.connection {
            $crate::tx::TxConnection::Sqlite(tx) => {
                let $conn = &mut **tx;
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
        match &$tx.connection {
            $crate::tx::TxConnection::Sqlite(_) => $sqlite,
            $crate::tx::TxConnection::Postgres(_) => $postgres,
        }
    };
}

pub(crate) use {db, dialect, execute, fetch_all, fetch_optional};
