//! Notifications between processes. On PostgreSQL they use NOTIFY, which arrives when the transaction is committed; a
//! SQLite database has one process.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::{Tx, with_timeout};

const CHANNEL: &str = "reef_notifications";
/// After this time without a notification the connection is tested.
const PING_AFTER: Duration = Duration::from_secs(5);

/// Receives the notifications of all processes, including this one.
pub struct NotificationListener(PgListener);

impl std::fmt::Debug for NotificationListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewsListener")
    }
}

impl Store {
    /// Starts to listen; `None` on SQLite, which has no other process.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listen(&self) -> Result<Option<NotificationListener>, StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres(pool) => {
                let mut listener = with_timeout(PgListener::connect_with(pool)).await?;
                listener.ignore_pool_close_event(true);
                with_timeout(listener.listen(CHANNEL)).await?;
                Ok(Some(NotificationListener(listener)))
            }
        }
    }
}

impl NotificationListener {
    /// Waits for the next notification. `None` means that the connection was lost and restored, so that some may be
    /// missing. During silence the connection is tested, for a dead one is silent too.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection cannot be restored or does not answer.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        loop {
            if let Ok(received) = timeout(PING_AFTER, self.0.try_recv()).await {
                return Ok(received?.map(|notification| notification.payload().to_owned()));
            }
            with_timeout(sqlx::query("select 1").execute(&mut self.0)).await?;
        }
    }
}

impl Tx {
    /// Notifies every process when the transaction is committed; does nothing on SQLite. PostgreSQL accepts less than
    /// 8,000 bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn notify(&mut self, payload: &str) -> Result<(), StoreError> {
        if let Self::Postgres(tx) = self {
            sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&mut **tx).await?;
        }
        Ok(())
    }
}
