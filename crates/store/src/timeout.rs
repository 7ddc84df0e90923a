//! How long the database may take.

use std::time::Duration;

/// How long the database may take to answer a statement. After that the connection counts as dead; TCP alone would wait
/// for fifteen minutes.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for an answer of the database, with a time limit.
pub(crate) async fn with_timeout<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(STATEMENT_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}
