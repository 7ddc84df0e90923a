//! What can go wrong with the database.

use thiserror::Error;

/// A failure of the store; none of it is for customers' eyes.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database said no or did not answer.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// The migrations could not be applied.
    #[error("migration")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database was created before the first release of Reef, and there is no way from its tables to today's.
    #[error(
        "the database was created by an unreleased version of Reef and cannot be upgraded: move it aside, or set DATABASE_URL to an empty database"
    )]
    UnreleasedSchema,
    /// A row has a combination of columns that cannot be.
    #[error("corrupt row in {table}: {id}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
    },
    /// `DATABASE_URL` names neither of the two databases.
    #[error("unsupported database url: it must begin with sqlite:// or postgres://")]
    UnsupportedUrl,
    /// A file or folder of the database could not be made.
    #[error("cannot create a file or folder of the database")]
    Folder(#[source] std::io::Error),
}

impl StoreError {
    /// Whether a unique constraint refused the write.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// The row that cannot be.
    pub(crate) fn corrupt(table: &'static str, id: impl std::fmt::Display) -> Self {
        Self::Corrupt { table, id: id.to_string() }
    }
}
