//! API keys: a hash, never the key.

use reef_domain::Timestamp;
use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// An API key as its owner sees it listed.
#[derive(Clone, Debug, FromRow)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of the whole key.
    pub hash: Vec<u8>,
    /// The part of it that may be shown.
    pub prefix: String,
    /// May look.
    pub can_read: bool,
    /// May change.
    pub can_write: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The assistants it is limited to; `None` when it is not.
    pub grant_id: Option<GrantId>,
    /// The key that was made in its place.
    pub replaced_by: Option<ApiKeyId>,
}

/// What is looked up for a request: the same row, alive.
pub type KeyLookup = ApiKeyRow;

impl Tx {
    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_api_key(&mut self, key: &ApiKeyRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into api_keys (id, user_id, name, hash, prefix, can_read, can_write, created_at, expires_at, grant_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            key.id,
            key.user_id,
            &key.name,
            &key.hash,
            &key.prefix,
            key.can_read,
            key.can_write,
            key.created_at,
            key.expires_at,
            key.grant_id,
        );
        Ok(())
    }

    /// The live key with this hash: not revoked, not expired.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn live_api_key(
        &mut self,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<KeyLookup>, StoreError> {
        Ok(fetch_optional!(
            self,
            KeyLookup,
            "select * from api_keys where hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
            hash,
            now,
        ))
    }

    /// Notes that a key was used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn touch_api_key(&mut self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update api_keys set last_used_at = $2 where id = $1", id, now);
        Ok(())
    }

    /// A user's keys that are not revoked, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn api_keys_of(&mut self, user: UserId) -> Result<Vec<ApiKeyRow>, StoreError> {
        Ok(fetch_all!(
            self,
            ApiKeyRow,
            "select * from api_keys where user_id = $1 and revoked_at is null
             order by created_at desc, id desc limit 200",
            user,
        ))
    }

    /// One of a user's keys, also one that was revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn api_key(&mut self, user: UserId, id: ApiKeyId) -> Result<Option<ApiKeyRow>, StoreError> {
        let sql = "select * from api_keys where id = $1 and user_id = $2";
        Ok(fetch_optional!(self, ApiKeyRow, sql, id, user))
    }

    /// How many live keys a user has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_live_api_keys(&mut self, user: UserId, now: Timestamp) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from api_keys
             where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
            user,
            now,
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Revokes a user's key; `false` when there is no such live key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revoke_api_key(
        &mut self,
        user: UserId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked = execute!(
            self,
            "update api_keys set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null",
            id,
            user,
            now,
        );
        Ok(revoked == 1)
    }

    /// Revokes all of a user's keys.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revoke_api_keys_of(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "update api_keys set revoked_at = $2 where user_id = $1 and revoked_at is null";
        execute!(self, sql, user, now);
        Ok(())
    }

    /// Notes that another key was made in the place of one that is not revoked: it ends at `ends_at` at the latest, or
    /// is revoked `now` without one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_api_key(
        &mut self,
        id: ApiKeyId,
        by: ApiKeyId,
        ends_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match ends_at {
            Some(ends_at) => execute!(
                self,
                "update api_keys set replaced_by = $2,
                        expires_at = case when expires_at < $3 then expires_at else $3 end
                 where id = $1 and revoked_at is null",
                id,
                by,
                ends_at,
            ),
            None => execute!(
                self,
                "update api_keys set replaced_by = $2, revoked_at = $3 where id = $1 and revoked_at is null",
                id,
                by,
                now,
            ),
        };
        Ok(())
    }
}
