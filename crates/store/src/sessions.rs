//! Browser sessions.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// A session as the cookie layer keeps it.
#[derive(Clone, Debug, FromRow)]
pub struct SessionRow {
    /// A hash of what the cookie carries.
    pub id: String,
    /// Whose it is; set at sign-in.
    pub user_id: Option<UserId>,
    /// The layer's own data, as JSON.
    pub data: String,
    /// From where it was opened.
    pub address: Option<String>,
    /// With which browser.
    pub agent: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Tx {
    /// Adds a session; `false` when the id is taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_session(&mut self, row: &SessionRow) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into sessions (id, user_id, data, address, agent, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing",
            &row.id,
            row.user_id,
            &row.data,
            &row.address,
            &row.agent,
            row.created_at,
            row.expires_at,
        );
        Ok(added == 1)
    }

    /// Replaces a session's data and expiry, or adds it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_session(&mut self, row: &SessionRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into sessions (id, user_id, data, address, agent, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (id) do update set user_id = excluded.user_id, data = excluded.data,
                    address = excluded.address, agent = excluded.agent, expires_at = excluded.expires_at",
            &row.id,
            row.user_id,
            &row.data,
            &row.address,
            &row.agent,
            row.created_at,
            row.expires_at,
        );
        Ok(())
    }

    /// The session with this id that has not ended.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn session(&mut self, id: &str, now: Timestamp) -> Result<Option<SessionRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            SessionRow,
            "select * from sessions where id = $1 and expires_at > $2",
            id,
            now
        ))
    }

    /// Ends a session; gives who was signed in with it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_session(&mut self, id: &str) -> Result<Option<UserId>, StoreError> {
        let row: Option<(Option<UserId>,)> = fetch_optional!(
            self,
            (Option<UserId>,),
            "delete from sessions where id = $1 returning user_id",
            id
        );
        Ok(row.and_then(|(user,)| user))
    }

    /// Forgets sessions that have ended; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_sessions(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from sessions where expires_at <= $1", now))
    }
}
