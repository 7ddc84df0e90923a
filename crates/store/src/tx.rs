//! A transaction on either database, and the one place that tells them apart.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::error::StoreError;

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
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
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
            sqlx::query($sql)$(.bind($arg))*.execute(conn).await?.rows_affected()
        })
    };
}

/// Reads at most one row as `$row`.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(conn).await?
        })
    };
}

/// Reads all rows as `$row`; the statement carries its own limit.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::tx::db!($tx, conn => {
            sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(conn).await?
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
