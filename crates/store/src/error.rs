//! Errors of the database.

use thiserror::Error;

/// A failure of the store. Its text is for logs, not for customers.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database refused a statement or did not answer.
    #[error("the database refused a statement or did not answer")]
    Database(#[from] sqlx::Error),
    /// The migrations could not be applied.
    #[error("the migrations could not be applied")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database has the tables of a version from before the first release, which cannot be migrated.
    #[error(
        "the database was created by an unreleased version of Reef and cannot be upgraded: move it aside, or set DATABASE_URL to an empty database"
    )]
    UnreleasedSchema,
    /// A row has a value or a combination of values that Reef does not write.
    #[error("corrupt row in {table}: {id}")]
    Corrupt {
        /// The table that the row is in.
        table: &'static str,
        /// The primary key of the row.
        id: String,
    },
    /// A sync of the SQLite file has failed, now or earlier in this process. A change that was being committed may be lost, and
    /// no later one can be confirmed until the process is restarted.
    #[error("the database could not be synced to the disk, so the last changes may be lost")]
    NotDurable,
    /// `DATABASE_URL` has another scheme than `sqlite` and `postgres`.
    #[error("unsupported database URL: it must begin with sqlite:// or postgres://")]
    UnsupportedUrl,
    /// A file or directory of the database could not be created.
    #[error("a file or directory of the database could not be created")]
    File(#[source] std::io::Error),
}

impl StoreError {
    /// Whether a unique constraint refused the write.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// A row of `table` that cannot be read.
    pub fn corrupt(table: &'static str, id: impl std::fmt::Display) -> Self {
        Self::Corrupt { table, id: id.to_string() }
    }
}
