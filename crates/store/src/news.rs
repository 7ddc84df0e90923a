//! What one process tells the others: on PostgreSQL by NOTIFY, which arrives when the transaction is committed.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::{Tx, in_time};

const CHANNEL: &str = "reef_notifications";
/// After how long without news the server is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(5);

/// Hears what other processes (and this one) tell.
pub struct NewsListener(PgListener);

impl std::fmt::Debug for NewsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewsListener")
    }
}

impl Store {
    /// Listens from now on; `None` on SQLite, where there is nobody else.
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
    /// The next piece of news; `None` when the connection was lost and is back: some may have been missed. While
    /// nothing comes, the server is asked now and then whether it is there: silence alone does not tell.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection can't be had again, or nobody answers on it.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        loop {
            if let Ok(heard) = timeout(SILENCE, self.0.try_recv()).await {
                return Ok(heard?.map(|news| news.payload().to_owned()));
            }
            in_time(sqlx::query("select 1").execute(&mut self.0)).await?;
        }
    }
}

impl Tx {
    /// Tells every process when this is committed; on SQLite there is nobody else to tell. At most 8,000 bytes.
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
