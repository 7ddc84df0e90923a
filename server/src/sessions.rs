//! Browser sessions in Reef's own database.

use async_trait::async_trait;
use reef_app::session::{SESSION_ADDRESS, SESSION_AGENT, SESSION_USER};
use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_service::Services;
use reef_service::flash::session_row;
use reef_store::{SessionRow, StoreError};
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

/// Ids that may be tried before one is free; they have 128 random bits.
const TRIES: usize = 8;

/// The session layer's store.
#[derive(Clone)]
pub struct Sessions(pub Services);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn kept_under(id: &Id) -> String {
    session_row(&id.to_string())
}

fn backend(error: impl std::fmt::Display) -> Error {
    Error::Backend(error.to_string())
}

impl Sessions {
    fn row(&self, record: &Record) -> Result<SessionRow> {
        let text = |key: &str| record.data.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        Ok(SessionRow {
            id: kept_under(&record.id),
            user_id: text(SESSION_USER).and_then(|id| UserId::parse(&id)),
            data: serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?,
            address: text(SESSION_ADDRESS),
            agent: text(SESSION_AGENT),
            created_at: self.0.now(),
            expires_at: Timestamp::from(record.expiry_date),
            last_used_at: None,
        })
    }

    async fn save_row(&self, row: &SessionRow) -> std::result::Result<(), StoreError> {
        let mut tx = self.0.store().begin().await?;
        tx.save_session(row).await?;
        tx.commit().await
    }

    async fn insert_row(&self, row: &SessionRow) -> std::result::Result<bool, StoreError> {
        let mut tx = self.0.store().begin().await?;
        let added = tx.insert_session(row).await?;
        tx.commit().await?;
        Ok(added)
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..TRIES {
            if self.insert_row(&self.row(record)?).await.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
        Err(backend("no free session id"))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.save_row(&self.row(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = async {
            let mut tx = self.0.store().read().await?;
            tx.session(&kept_under(id), self.0.now()).await
        };
        let Some(row) = found.await.map_err(backend)? else { return Ok(None) };
        self.0.note_session_use(&row).await;
        let data = serde_json::from_str(&row.data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: row.expires_at.into() }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let gone = async {
            let mut tx = self.0.store().begin().await?;
            match tx.delete_session(&kept_under(id)).await? {
                Some(user) => self.0.commit_end_of_access(tx, user).await,
                None => tx.commit().await,
            }
        };
        gone.await.map_err(backend)
    }
}
