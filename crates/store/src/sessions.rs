//! Browser sessions, and the text that one page leaves for the next.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// A session. The fields are columns of `sessions`.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct SessionRow {
    /// A hash of what the cookie carries.
    pub id: String,
    /// Set when someone signs in.
    pub user_id: Option<UserId>,
    /// The data of the session layer, as JSON.
    pub data: String,
    /// The address that it was opened from.
    pub ip_address: Option<String>,
    /// The browser that it was opened with.
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set by `record_session_use` alone; inserts and updates leave it.
    pub last_used_at: Option<Timestamp>,
}

impl Tx {
    /// Inserts a session; `false` when the id is taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_session(&mut self, row: &SessionRow) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into sessions (id, user_id, data, ip_address, user_agent, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing",
            &row.id,
            row.user_id,
            &row.data,
            &row.ip_address,
            &row.user_agent,
            row.created_at,
            row.expires_at,
        );
        Ok(added == 1)
    }

    /// Updates the data and the expiry of a session. One that was deleted is not created again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_session(&mut self, row: &SessionRow) -> Result<(), StoreError> {
        execute!(
            self,
            "update sessions set user_id = $2, data = $3, ip_address = $4, user_agent = $5, expires_at = $6
             where id = $1",
            &row.id,
            row.user_id,
            &row.data,
            &row.ip_address,
            &row.user_agent,
            row.expires_at,
        );
        Ok(())
    }

    /// Finds the session with this id that has not expired.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_session(&mut self, id: &str, now: Timestamp) -> Result<Option<SessionRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            SessionRow,
            "select * from sessions where id = $1 and expires_at > $2",
            id,
            now
        ))
    }

    /// Deletes a session; returns the user who was signed in.
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

    /// Lists a user's sessions that have not expired, most recently used first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<SessionRow>, StoreError> {
        Ok(fetch_all!(
            self,
            SessionRow,
            "select * from sessions where user_id = $1 and expires_at > $2
             order by coalesce(last_used_at, created_at) desc, id limit $3",
            user,
            now,
            limit,
        ))
    }

    /// Records that a session was used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_session_use(&mut self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update sessions set last_used_at = $2 where id = $1", id, now);
        Ok(())
    }

    /// Deletes all of a user's sessions except one; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_other_sessions(&mut self, user: UserId, except: &str) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from sessions where user_id = $1 and id <> $2", user, except))
    }

    /// Deletes all of a user's sessions; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_sessions(&mut self, user: UserId) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from sessions where user_id = $1", user))
    }

    /// Deletes sessions that have expired; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_sessions(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from sessions where expires_at <= $1", now))
    }

    /// Stores a sealed text for a session's next page until `until`, in place of an earlier one; `false` when there
    /// is no such session.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_flash(
        &mut self,
        session: &str,
        sealed: &[u8],
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "update sessions set flash = $2, flash_expires_at = $3 where id = $1";
        Ok(execute!(self, sql, session, sealed, until) == 1)
    }

    /// Finds the sealed text for a session's next page.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_flash(&mut self, session: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(Option<Vec<u8>>,)> = fetch_optional!(
            self,
            (Option<Vec<u8>>,),
            "select flash from sessions where id = $1 and flash_expires_at > $2 and expires_at > $2",
            session,
            now,
        );
        Ok(row.and_then(|(flash,)| flash))
    }

    /// Deletes texts for next pages that have expired; returns how many sessions had one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_flashes(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "update sessions set flash = null, flash_expires_at = null where flash_expires_at <= $1";
        Ok(execute!(self, sql, now))
    }
}
