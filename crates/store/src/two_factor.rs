//! Two-factor authentication: the secrets of authenticator apps, and recovery codes.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// The secret that codes are made from.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct TotpRow {
    /// The sealed secret of the app.
    pub secret: Vec<u8>,
    /// When this secret was created.
    pub created_at: Timestamp,
    /// When a code proved that the app has the secret; `None` before that.
    pub confirmed_at: Option<Timestamp>,
    /// The newest time step whose code was used.
    pub last_used_step: i64,
}

impl Tx {
    /// Stores a secret that is to be confirmed, in place of another unconfirmed one; `false` when a confirmed one
    /// exists, which stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_totp(
        &mut self,
        user: UserId,
        sealed_secret: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let inserted = execute!(
            self,
            "insert into totp (user_id, secret, created_at, last_used_step) values ($1, $2, $3, 0)
             on conflict (user_id) do update set secret = excluded.secret, created_at = excluded.created_at
                    where totp.confirmed_at is null",
            user,
            sealed_secret,
            now,
        );
        Ok(inserted == 1)
    }

    /// Finds a user's secret, confirmed or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_totp(&mut self, user: UserId) -> Result<Option<TotpRow>, StoreError> {
        let sql = "select secret, created_at, confirmed_at, last_used_step from totp where user_id = $1";
        Ok(fetch_optional!(self, TotpRow, sql, user))
    }

    /// Confirms the secret that was created at `created_at` by the code of a time step; `false` when it was replaced
    /// or is confirmed already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn confirm_totp(
        &mut self,
        user: UserId,
        created_at: Timestamp,
        step: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let confirmed = execute!(
            self,
            "update totp set confirmed_at = $4, last_used_step = $3
             where user_id = $1 and created_at = $2 and confirmed_at is null",
            user,
            created_at,
            step,
            now,
        );
        Ok(confirmed == 1)
    }

    /// Uses the code of a time step, and with it all earlier ones; `false` when it was used before, or when the
    /// confirmed secret was not created at `created_at`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn consume_totp_step(
        &mut self,
        user: UserId,
        created_at: Timestamp,
        step: i64,
    ) -> Result<bool, StoreError> {
        let used = execute!(
            self,
            "update totp set last_used_step = $3
             where user_id = $1 and created_at = $2 and confirmed_at is not null and last_used_step < $3",
            user,
            created_at,
            step,
        );
        Ok(used == 1)
    }

    /// Deletes a user's secret and recovery codes; `false` when there was no secret.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_totp(&mut self, user: UserId) -> Result<bool, StoreError> {
        execute!(self, "delete from recovery_codes where user_id = $1", user);
        Ok(execute!(self, "delete from totp where user_id = $1", user) == 1)
    }

    /// Deletes secrets that were created before `before` and never confirmed; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_totp(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from totp where confirmed_at is null and created_at < $1", before))
    }

    /// Stores the hashes of a user's recovery codes, in place of the earlier ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_recovery_codes(
        &mut self,
        user: UserId,
        hashes: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        execute!(self, "delete from recovery_codes where user_id = $1", user);
        for hash in hashes {
            execute!(self, "insert into recovery_codes (user_id, hash) values ($1, $2)", user, hash);
        }
        Ok(())
    }

    /// Uses a recovery code; `false` when it is not one of the user's.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn consume_recovery_code(&mut self, user: UserId, hash: &[u8]) -> Result<bool, StoreError> {
        Ok(execute!(self, "delete from recovery_codes where user_id = $1 and hash = $2", user, hash) == 1)
    }

    /// Counts the recovery codes that a user has left.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_recovery_codes(&mut self, user: UserId) -> Result<i64, StoreError> {
        let sql = "select count(*) from recovery_codes where user_id = $1";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, user);
        Ok(row.map_or(0, |(count,)| count))
    }
}
