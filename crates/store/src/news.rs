//! Notifications between processes. On PostgreSQL they use NOTIFY, which arrives when the transaction is committed; a
//! SQLite database has one process.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::{Tx, in_time};

const CHANNEL: &str = "reef_notifications";
/// After this time without a notification the connection is tested.
const SILENCE: Duration = Duration::from_secs(5);

/// Receives the notifications of all processes, including this one.
pub struct NewsListener(PgListener);

impl std::fmt::Debug for NewsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewsListener")
    }
}

impl Store {
    /// Starts to listen; `None` on SQLite, which has no other process.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listen(&self) -> Result<Option<NewsListener>, StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres(pool) => {
                let mut listener = in_time(PgListener::connect_with(pool)).await?;
                listener.ignore_pool_close_event(true);
                in_time(listener.listen(CHANNEL)).await?;
                Ok(Some(NewsListener(listener)))
            }
        }
    }
}

impl NewsListener {
    /// Waits for the next notification. `None` means that the connection was lost and restored, so that some may be
    /// missing. During silence the connection is tested, for a dead one is silent too.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection cannot be restored or does not answer.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        loop {
            if let Ok(heard) = timeout(SILENCE, self.0.try_recv()).await {
                return Ok(heard?.map(|notification| notification.payload().to_owned()));
            }
            in_time(sqlx::query("select 1").execute(&mut self.0)).await?;
        }
    }
}

impl Tx {
    /// Notifies every process when the transaction is committed; does nothing on SQLite. PostgreSQL accepts less than
    /// 8,000 bytes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tell(&mut self, news: &str) -> Result<(), StoreError> {
        if let Self::Postgres(tx) = self {
            sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(news).execute(&mut **tx).await?;
        }
        Ok(())
    }
}
