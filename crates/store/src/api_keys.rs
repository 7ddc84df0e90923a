//! API keys. The database holds a hash of each key and never the key.

use reef_domain::Timestamp;
use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// An API key. The fields are columns of `api_keys`.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub user_id: UserId,
    /// The name that its owner gave it.
    pub name: String,
    /// The SHA-256 hash of the whole key.
    pub hash: Vec<u8>,
    /// The part of the key that pages may show.
    pub prefix: String,
    pub can_read: bool,
    pub can_write: bool,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// The assistants it is limited to; `None` for all assistants of its owner.
    pub grant_id: Option<GrantId>,
    /// The key that a rotation created in its place.
    pub replaced_by: Option<ApiKeyId>,
}

/// A key that is neither revoked nor expired.
pub type LiveApiKeyRow = ApiKeyRow;

impl Tx {
    /// Inserts an API key.
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

    /// Finds the key with this hash that is neither revoked nor expired.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_live_api_key(
        &mut self,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<LiveApiKeyRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            LiveApiKeyRow,
            "select * from api_keys where hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
            hash,
            now,
        ))
    }

    /// Records that a key was used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_api_key_use(&mut self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update api_keys set last_used_at = $2 where id = $1", id, now);
        Ok(())
    }

    /// Lists a user's keys that are not revoked, newest first, up to 200.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_api_keys(&mut self, user: UserId) -> Result<Vec<ApiKeyRow>, StoreError> {
        Ok(fetch_all!(
            self,
            ApiKeyRow,
            "select * from api_keys where user_id = $1 and revoked_at is null
             order by created_at desc, id desc limit 200",
            user,
        ))
    }

    /// Finds one of a user's keys, including revoked ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_api_key(
        &mut self,
        user: UserId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        let sql = "select * from api_keys where id = $1 and user_id = $2";
        Ok(fetch_optional!(self, ApiKeyRow, sql, id, user))
    }

    /// Counts the keys of a user that are neither revoked nor expired.
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

    /// Revokes a user's key; `false` when the user has no such key or it is revoked already.
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
        self.invalidate(user);
        Ok(revoked == 1)
    }

    /// Revokes all of a user's keys.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revoke_all_api_keys(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "update api_keys set revoked_at = $2 where user_id = $1 and revoked_at is null";
        execute!(self, sql, user, now);
        self.invalidate(user);
        Ok(())
    }

    /// Records that key `by` replaces a key of the user that is not revoked. The old key expires at `ends_at` at the latest, or
    /// is revoked at `now` when that is `None`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_api_key(
        &mut self,
        user: UserId,
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
                 where id = $1 and user_id = $4 and revoked_at is null",
                id,
                by,
                ends_at,
                user,
            ),
            None => execute!(
                self,
                "update api_keys set replaced_by = $2, revoked_at = $3
                 where id = $1 and user_id = $4 and revoked_at is null",
                id,
                by,
                now,
                user,
            ),
        };
        self.invalidate(user);
        Ok(())
    }
}
