//! The second factor of a sign-in: the secret that codes are made from, and recovery codes.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// What an account's codes are made from.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct TotpRow {
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// Since when it is this secret.
    #[sqlx(rename = "created_at")]
    pub begun_at: Timestamp,
    /// When a code has shown that its owner has it; `None` while that is to come.
    pub confirmed_at: Option<Timestamp>,
    /// The newest step whose code was used.
    #[sqlx(rename = "last_used_step")]
    pub last_step: i64,
}

impl Tx {
    /// Keeps a secret to be confirmed, in the place of another that is not; `false` when one is confirmed, which stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_totp(
        &mut self,
        user: UserId,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let begun = execute!(
            self,
            "insert into totp (user_id, secret, created_at, last_used_step) values ($1, $2, $3, 0)
             on conflict (user_id) do update set secret = excluded.secret, created_at = excluded.created_at
                    where totp.confirmed_at is null",
            user,
            sealed,
            now,
        );
        Ok(begun == 1)
    }

    /// What an account's codes are made from, confirmed or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn totp(&mut self, user: UserId) -> Result<Option<TotpRow>, StoreError> {
        let sql = "select secret, created_at, confirmed_at, last_used_step from totp where user_id = $1";
        Ok(fetch_optional!(self, TotpRow, sql, user))
    }

    /// Confirms the secret that was begun at that moment by the code of a step; `false` when it is another one by now, or
    /// is confirmed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn confirm_totp(
        &mut self,
        user: UserId,
        begun_at: Timestamp,
        step: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let confirmed = execute!(
            self,
            "update totp set confirmed_at = $4, last_used_step = $3
             where user_id = $1 and created_at = $2 and confirmed_at is null",
            user,
            begun_at,
            step,
            now,
        );
        Ok(confirmed == 1)
    }

    /// Uses up a step's code, and all before it, of the confirmed secret that was begun at that moment; `false` when it
    /// was used, or the secret is another one by now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn use_totp_step(
        &mut self,
        user: UserId,
        begun_at: Timestamp,
        step: i64,
    ) -> Result<bool, StoreError> {
        let used = execute!(
            self,
            "update totp set last_used_step = $3
             where user_id = $1 and created_at = $2 and confirmed_at is not null and last_used_step < $3",
            user,
            begun_at,
            step,
        );
        Ok(used == 1)
    }

    /// Forgets an account's secret and its recovery codes; `false` when there was no secret.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_totp(&mut self, user: UserId) -> Result<bool, StoreError> {
        execute!(self, "delete from recovery_codes where user_id = $1", user);
        Ok(execute!(self, "delete from totp where user_id = $1", user) == 1)
    }

    /// Forgets secrets that were begun before `before` and never confirmed; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_totp(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from totp where confirmed_at is null and created_at < $1", before))
    }

    /// Keeps the hashes of an account's recovery codes, in the place of those before.
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

    /// Uses a recovery code up; `false` when it is none of the account's.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn use_recovery_code(&mut self, user: UserId, hash: &[u8]) -> Result<bool, StoreError> {
        Ok(execute!(self, "delete from recovery_codes where user_id = $1 and hash = $2", user, hash) == 1)
    }

    /// How many recovery codes an account has left.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_recovery_codes(&mut self, user: UserId) -> Result<i64, StoreError> {
        let sql = "select count(*) from recovery_codes where user_id = $1";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, user);
        Ok(row.map_or(0, |(count,)| count))
    }
}
