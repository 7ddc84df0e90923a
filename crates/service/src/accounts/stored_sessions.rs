//! Browser sessions as the session layer of the site stores them. What a session's data means is the site's business.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_store::SessionRow;

use crate::error::Error;
use crate::forms::flash::session_row_id;
use crate::services::Services;

/// A session without its id, of which only a hash is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The user who is signed in, if any.
    pub user_id: Option<UserId>,
    /// The data of the session layer, as JSON.
    pub data: String,
    /// The network address that the session was opened from, if known.
    pub ip_address: Option<String>,
    /// The browser that opened the session, if known.
    pub user_agent: Option<String>,
    /// When the session ends unless it is saved again.
    pub expires_at: Timestamp,
}

impl Services {
    /// Stores a new session; `false` when its id is already used.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn create_session(&self, id: &str, session: StoredSession) -> Result<bool, Error> {
        let mut tx = self.store().begin().await?;
        let is_new = tx.insert_session(&self.session_row(id, session)).await?;
        tx.commit().await?;
        Ok(is_new)
    }

    /// Saves a session. One that was ended in the meantime is not created again.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn save_session(&self, id: &str, session: StoredSession) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        tx.update_session(&self.session_row(id, session)).await?;
        Ok(tx.commit().await?)
    }

    /// Finds a session that has not expired, and records that it is used.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn find_session(&self, id: &str) -> Result<Option<StoredSession>, Error> {
        let row = self.store().read_committed().await?.find_session(&session_row_id(id), self.now()).await?;
        let Some(row) = row else { return Ok(None) };
        self.record_session_use(&row).await;
        Ok(Some(StoredSession {
            user_id: row.user_id,
            data: row.data,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            expires_at: row.expires_at,
        }))
    }

    /// Deletes a session and ends its streams.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn delete_session(&self, id: &str) -> Result<(), Error> {
        let mut work = self.unit_of_work().await?;
        match work.tx.delete_session(&session_row_id(id)).await? {
            Some(user) => work.commit_access_revoked(user).await,
            None => work.commit(None).await,
        }
    }

    fn session_row(&self, id: &str, session: StoredSession) -> SessionRow {
        SessionRow {
            id: session_row_id(id),
            user_id: session.user_id,
            data: session.data,
            ip_address: session.ip_address,
            user_agent: session.user_agent,
            created_at: self.now(),
            expires_at: session.expires_at,
            last_used_at: None,
        }
    }
}
