//! What one process tells the others: on PostgreSQL by NOTIFY, which arrives when the transaction is committed.

use sqlx::postgres::PgListener;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::Tx;

const CHANNEL: &str = "reef_news";

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
                let mut listener = PgListener::connect_with(pool).await?;
                listener.ignore_pool_close_event(true);
                listener.listen(CHANNEL).await?;
                Ok(Some(NewsListener(listener)))
            }
        }
    }
}

impl NewsListener {
    /// The next piece of news; `None` when the connection was lost and is back: some may have been missed.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection can't be had again.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|news| news.payload().to_owned()))
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
